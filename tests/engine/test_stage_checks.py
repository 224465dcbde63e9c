"""A schedule that would stop a run is refused before it begins."""

from __future__ import annotations

import pytest

from mmdet_miaod.engine.stage import Stage, build_schedule, frozen_parameter_names
from mmdet_miaod.engine.stage_checks import check_stages
from mmdet_miaod.engine.trainer import TrainSettings
from tests.models.tiny import tiny_detector


def settings(**changes) -> TrainSettings:
    sgd, steps = dict(type='SGD', lr=1e-3), dict(policy='step', step=[2])
    log = dict(interval=1, hooks=[dict(type='TextLoggerHook')])
    return TrainSettings(**{**dict(seed=0, optimizer=sgd, lr_config=steps, log_config=log), **changes})


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_published_schedule_passes_and_writes_nothing(tmp_path, caplog) -> None:
    model = tiny_detector()
    frozen = frozen_parameter_names(model)
    check_stages(build_schedule('miaod', [3, 1], 2, [2]), model, settings())
    assert not caplog.text
    assert list(tmp_path.iterdir()) == []
    assert frozen_parameter_names(model) == frozen != set()
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize(
    ('stage', 'message'),
    [
        (dict(labeled_losses=('loss_best',)), "stage 's', labeled batches: .*loss_best"),
        (dict(unlabeled_losses=('loss_cls',)), "stage 's', unlabeled batches: .*need gt_bboxes"),
        (dict(train=('bbox_head.f_3_*',)), "stage 's' trains no parameter"),
    ],
)
def test_a_stage_that_cannot_be_trained_is_named(stage, message) -> None:
    with pytest.raises(ValueError, match=message):
        check_stages([Stage('s', **stage)], tiny_detector(), settings())


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(optimizer=dict(type='SDG')), "optimizer = .*'SDG'"),
        (dict(runner=dict(type='EpochBasedRunner')), "runner.type is 'EpochBasedRunner'"),
        (dict(lr_config=dict(policy='slope')), 'lr_config, .*SlopeLrUpdaterHook'),
        (dict(custom_hooks=[dict(type='NoHook')]), 'custom_hooks, .*NoHook'),
        (dict(amp_dtype='fp8'), "amp dtype is 'fp8'"),
    ],
)
def test_settings_that_no_stage_can_be_trained_with_name_their_key(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        check_stages([Stage('s')], tiny_detector(), settings(**changes))


def test_a_learning_rate_drop_that_never_comes_is_announced(caplog) -> None:
    with caplog.at_level('WARNING', 'mmdet'):
        check_stages([Stage('short', 2, lr_step=(1, 2, 5))], tiny_detector(), settings())
    assert "Stage 'short' has 2 epochs: its learning rate never drops at epoch 2, 5" in caplog.text
