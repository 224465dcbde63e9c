"""Stages as data, and the schedules made of them."""

from __future__ import annotations

import dataclasses

import pytest

from mmdet_miaod.engine.stage import CLASSIFIERS, Stage, build_schedule, frozen_parameter_names, set_trainable
from tests.models.tiny import tiny_detector

PUBLISHED = ('miaod', [3, 1], 2, [2])


def test_the_published_cycle() -> None:
    stages = build_schedule(*PUBLISHED)
    names = [stage.name for stage in stages]
    assert names == ['label', 'minimize', 'maximize', 'label', 'minimize', 'maximize', 'label']
    assert [stage.epochs for stage in stages] == [3, 1, 1, 3, 1, 1, 3]
    assert [stage.lr_step for stage in stages] == [()] * 6 + [(2,)]
    label, minimize, maximize = stages[:3]
    assert label.labeled_losses == minimize.labeled_losses == ('loss_cls', 'loss_bbox', 'loss_mil')
    assert label.unlabeled_losses == ()
    assert minimize.unlabeled_losses == ('loss_dis', 'loss_mil_pseudo')
    assert (maximize.labeled_losses, maximize.unlabeled_losses) == (('loss_cls',), ('loss_dis_max',))
    assert [stage.is_label_set_training for stage in stages[:3]] == [True, False, False]
    assert [stage.tags for stage in stages[:2]] == [('labeled',), ('labeled', 'unlabeled')]


def test_supervised_training_lasts_as_long_and_drops_as_late() -> None:
    (stage,) = build_schedule('supervised', [3, 1], 2, [2])
    assert (stage.epochs, stage.lr_step, stage.tags) == (13, (12,), ('labeled',))
    assert stage.labeled_losses == ('loss_cls', 'loss_bbox')


def test_a_config_lists_its_own_stages() -> None:
    config = [dict(name='warm', epochs=2, labeled_losses=['loss_cls'], lr_step=[1]), Stage('label')]
    stages = build_schedule(config, [3, 1], 2, [2])
    assert stages == (Stage('warm', 2, ('loss_cls',), lr_step=(1,)), Stage('label'))
    with pytest.raises(dataclasses.FrozenInstanceError):
        stages[0].epochs = 3


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(epochs=0), "stage 's': epochs is 0"),
        (dict(labeled_losses=()), 'has no losses'),
        (dict(epoch_length='both'), "'labeled' or 'unlabeled'"),
        (dict(epoch_length='unlabeled'), 'names a loader that it does not use'),
        (dict(lr_step=(0,)), 'lr_step'),
        (dict(lr_step=(1.5,)), 'lr_step'),
        (dict(epochs='2'), 'epochs'),
        (dict(train='bbox_head.*'), "train is 'bbox_head.*', expected a list"),
        (dict(labeled_losses='loss_cls'), "labeled_losses is 'loss_cls', expected a list"),
        (dict(lr_step=1), 'lr_step is 1, expected a list'),
    ],
)
def test_a_stage_that_makes_no_sense_is_refused_by_name(changes, message) -> None:
    with pytest.raises(ValueError, match=message) as error:
        Stage(**dict(dict(name='s'), **changes))
    assert "stage 's'" in str(error.value)


@pytest.mark.parametrize(
    'schedule, ratio, message',
    [
        ('paper', [3, 1], "schedule is 'paper': choose one of \\['miaod', 'supervised'\\]"),
        ('miaod', [3], 'epoch_ratio is \\[3\\]: two'),
        ('miaod', 3, 'epoch_ratio is 3: two'),
        ([], [3, 1], 'empty list'),
        ([dict(name='a', losses=1)], [3, 1], "'losses'.*its keys are name, epochs"),
        (['label'], [3, 1], 'is no stage'),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(schedule, ratio, message) -> None:
    with pytest.raises(ValueError, match=message):
        build_schedule(schedule, ratio, 2, [2])


def test_stages_train_their_parameters_and_no_frozen_ones() -> None:
    model = tiny_detector()
    frozen = frozen_parameter_names(model)
    assert frozen == {
        n
        for n, _ in model.named_parameters()
        if n.startswith(('backbone.conv1', 'backbone.bn1', 'backbone.layer1'))
    }
    everything = {name for name, _ in model.named_parameters()}
    classifiers = {name for name in everything if name.startswith(('bbox_head.f_1_', 'bbox_head.f_2_'))}
    assert len(classifiers) == 8  # a tower of one convolution and an output convolution, twice
    expected = dict(
        label=everything - frozen, minimize=everything - frozen - classifiers, maximize=classifiers
    )
    for stage in build_schedule(*PUBLISHED)[:4]:
        trainable = set_trainable(model, stage, frozen)
        names = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        assert names == expected[stage.name]
        assert [id(p) for p in trainable] == [id(p) for n, p in model.named_parameters() if n in names]


def test_frozen_backbone_stages_stay_frozen_even_where_a_stage_names_them() -> None:
    model = tiny_detector()
    frozen = frozen_parameter_names(model)
    with pytest.raises(ValueError, match="stage 's' trains no parameter"):
        set_trainable(model, Stage('s', train=('backbone.layer1.*',)), frozen)


def test_freeze_wins_over_train() -> None:
    stage = Stage('s', train=CLASSIFIERS, freeze=('*.bias',))
    assert stage.trains('bbox_head.f_1_retina.weight')
    assert not stage.trains('bbox_head.f_1_retina.bias')
    assert not stage.trains('bbox_head.f_r_retina.weight')
