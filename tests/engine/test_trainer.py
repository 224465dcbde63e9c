"""The stage trainer: a fresh optimizer a stage, its parameters, its learning rate."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from mmcv.runner import Hook
from torch import nn

from mmdet_miaod.engine.stage import Stage, StagePosition, build_schedule, frozen_parameter_names
from mmdet_miaod.engine.trainer import TrainSettings, stage_lr_config, train_stage
from tests.engine.tiny import Batches


class TwoParts(nn.Module):
    """Two weights; the loss is the first one."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.body = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))

    def train_step(self, data, optimizer, *, loss_terms):
        loss = self.head.sum()
        return dict(loss=loss, log_vars=dict(loss=loss.detach()), num_samples=1)


class Watcher:
    """Notes the learning rate and the optimizer of every iteration."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.optimizers: list = []

    def hook(self) -> Hook:
        """Return a hook for one stage."""
        return NoteHook(self)


class NoteHook(Hook):
    """Writes into a watcher."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def before_train_iter(self, runner) -> None:
        self._watcher.rates.append(runner.current_lr()[0])
        self._watcher.optimizers.append(runner.optimizer)


def settings(watcher: Watcher, **changes) -> TrainSettings:
    return TrainSettings(
        **dict(
            dict(
                device=torch.device('cpu'),
                work_dir='',
                timestamp='now',
                seed=0,
                optimizer=dict(type='SGD', lr=0.5, momentum=0.5),
                lr_config=dict(policy='step', step=[9]),
                log_config=dict(interval=1, hooks=[]),
                custom_hooks=[watcher.hook],
            ),
            **changes,
        )
    )


def train(model, stage, given, epochs_done=0, number=0, checkpoint=None, at_end=lambda runner: None) -> None:
    train_stage(
        model,
        StagePosition(0, number, stage, epochs_done),
        loaders=dict(labeled=Batches('labeled', 2)),
        settings=given,
        frozen=frozen_parameter_names(model),
        on_epoch_end=at_end,
        checkpoint=checkpoint,
    )


@pytest.fixture
def _in_empty_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


pytestmark = pytest.mark.usefixtures('_in_empty_folder')


def test_every_stage_starts_without_momentum() -> None:
    model, watcher = TwoParts(), Watcher()
    stage = Stage('s', train=('head',))
    train(model, stage, settings(watcher))
    # Two steps: 0.5 * 1, then 0.5 * 1.5.
    assert model.head.item() == 1 - 0.5 - 0.75
    model.head.data.fill_(1.0)
    model.body.requires_grad_(True)
    train(model, stage, settings(watcher))
    assert model.head.item() == 1 - 0.5 - 0.75
    assert len({id(optimizer) for optimizer in watcher.optimizers}) == 2


def test_what_a_stage_does_not_train_stays_and_gets_no_gradient() -> None:
    model, watcher = TwoParts(), Watcher()
    given = settings(watcher, optimizer=dict(type='SGD', lr=0.5, weight_decay=0.5))
    train(model, Stage('s', freeze=('body',)), given)
    assert model.body.item() == 1 and model.body.grad is None
    assert [p for group in watcher.optimizers[0].param_groups for p in group['params']] == [model.head]
    # Decay alone, on a weight that the loss does not reach: 1 * 0.75 * 0.75.
    model = TwoParts()
    train(model, Stage('s'), given)
    assert model.body.item() == 0.5625


def test_the_learning_rate_drops_in_the_last_label_set_stage_only() -> None:
    stages = [stage for stage in build_schedule('miaod', [3, 1], 1, [2]) if stage.is_label_set_training]
    rates = []
    for stage in stages:
        watcher = Watcher()
        train(TwoParts(), stage, settings(watcher, lr_config=dict(policy='step', step=[0])))
        rates.append(watcher.rates)
    assert rates[0] == [0.5] * 6
    assert rates[1] == pytest.approx([0.5] * 4 + [0.05] * 2)


def test_a_policy_other_than_steps_is_left_as_it_is() -> None:
    config = dict(policy='CosineAnnealing', min_lr=0)
    assert stage_lr_config(config, Stage('s', lr_step=(1,))) == config
    assert stage_lr_config(dict(policy='step', step=[2], gamma=0.3), Stage('s')) == dict(
        policy='step', step=[], gamma=0.3
    )


def test_a_stage_that_goes_on_after_an_epoch_ends_as_one_that_was_never_stopped() -> None:
    stage, saved = Stage('s', 3, lr_step=(2,)), []

    def save(runner) -> None:
        weights = {name: value.clone() for name, value in runner.model.module.state_dict().items()}
        saved.append((weights, deepcopy(runner.gradient_step.state_dict())))

    whole, watcher = TwoParts(), Watcher()
    train(whole, stage, settings(watcher), at_end=save)
    resumed, later = TwoParts(), Watcher()
    weights, checkpoint = saved[0]
    resumed.load_state_dict(weights)
    train(resumed, stage, settings(later), epochs_done=1, checkpoint=checkpoint)
    assert len(saved) == 3
    assert torch.equal(resumed.head, whole.head)
    assert later.rates == watcher.rates[2:]


def test_a_stage_that_trains_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="stage 's' trains no parameter"):
        train(TwoParts(), Stage('s', train=('neck',)), settings(Watcher()))


def test_a_stage_without_the_loader_that_it_needs_says_so() -> None:
    with pytest.raises(ValueError, match="stage 's' trains on unlabeled batches, but there is no unlabeled"):
        train(TwoParts(), Stage('s', unlabeled_losses=('loss_dis',)), settings(Watcher()))
