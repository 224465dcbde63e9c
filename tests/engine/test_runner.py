"""The alternating runner on a model of one weight, so that every step can be worked out by hand."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
from mmcv.runner import RUNNERS
from torch import nn

from mmdet_miaod.engine.gradient_step import GradientStep, MixedPrecision
from mmdet_miaod.engine.runner import AlternatingEpochRunner, build_runner
from mmdet_miaod.engine.stage import Stage, StagePosition
from tests.engine.tiny import Batches

BOTH = dict(labeled_losses=('loss_cls',), unlabeled_losses=('loss_dis',))


class OneWeight(nn.Module):
    """A detector whose loss is its weight; remembers the batches that it saw."""

    def __init__(self, bad_batch: int | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.seen: list[tuple] = []
        self._bad_batch = bad_batch

    def train_step(self, data, optimizer, *, loss_terms):
        self.seen.append((data['img'], tuple(loss_terms)))
        factor = float('nan') if len(self.seen) - 1 == self._bad_batch else 1.0
        losses = dict.fromkeys(loss_terms, self.weight * factor)
        total = sum(losses.values())
        log_vars = {name: loss.detach() for name, loss in losses.items()}
        return dict(loss=total, log_vars=dict(log_vars, loss=total.detach()), num_samples=1)


def new_runner(stage: Stage, model: OneWeight, work_dir: Path | None = None, epochs_done: int = 0, **changes):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.25)
    return AlternatingEpochRunner(
        model,
        work_dir=None if work_dir is None else str(work_dir),
        logger=logging.getLogger('test_runner'),
        position=StagePosition(3, 1, stage, epochs_done),
        gradient_step=GradientStep(optimizer, MixedPrecision(torch.device('cpu'))),
        seed=666,
        **changes,
    )


@RUNNERS.register_module()
class CountingRunner(AlternatingEpochRunner):
    """A runner of one's own: counts batches from a number that its config gives."""

    def __init__(self, *args, start: int = 0, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.count = start

    def train_batch(self, tag, batch, losses) -> None:
        self.count += 1
        super().train_batch(tag, batch, losses)


def build(config: dict) -> AlternatingEpochRunner:
    model, stage = OneWeight(), Stage('s', 2, ('loss_cls',))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.25)
    return build_runner(
        config,
        model,
        position=StagePosition(0, 0, stage),
        gradient_step=GradientStep(optimizer, MixedPrecision(torch.device('cpu'))),
        seed=0,
        logger=logging.getLogger('test_runner'),
    )


def test_a_config_names_the_runner_or_a_subclass_with_its_arguments() -> None:
    plain = build(dict(type='AlternatingEpochRunner'))
    assert type(plain) is AlternatingEpochRunner
    assert plain.max_epochs == 2
    own = build(dict(type='CountingRunner', start=10))
    own.run([Batches('labeled', 3)])
    assert own.count == 16
    assert type(build(dict(type=CountingRunner))) is CountingRunner


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(type='EpochBasedRunner', max_epochs=12), "runner.type is 'EpochBasedRunner': only Alternating"),
        (dict(type='IterBasedRunner', max_iters=12), "runner.type is 'IterBasedRunner'"),
        (dict(type='NoRunner'), "runner.type is 'NoRunner'.*custom_imports"),
        (dict(max_epochs=12), 'runner.type is None'),
        (dict(type='AlternatingEpochRunner', max_epochs=12), 'runner.max_epochs is 12.*schedule'),
        (dict(type='AlternatingEpochRunner', seed=1), 'runner.seed cannot be set'),
        (dict(type='AlternatingEpochRunner', speed=3), 'speed'),
        ('AlternatingEpochRunner', "runner is 'AlternatingEpochRunner', but dict"),
    ],
    ids=str,
)
def test_a_runner_that_cannot_train_a_stage_is_refused(config, message) -> None:
    with pytest.raises(ValueError, match=message):
        build(config)


def test_a_runner_that_begins_after_an_epoch_counts_its_iterations() -> None:
    model, labeled = OneWeight(), Batches('labeled', 3)
    runner = new_runner(Stage('s', 2, ('loss_cls',)), model, epochs_done=1)
    runner.run([labeled])
    assert labeled.keys == [(666, 3, 1, 1, 0)]
    assert runner.iter == runner.max_iters == 6


def test_labeled_and_unlabeled_batches_take_turns_each_with_a_step_of_its_own() -> None:
    model = OneWeight()
    new_runner(Stage('s', **BOTH), model).run([Batches('labeled', 2), Batches('unlabeled', 2)])
    terms = dict(l=('loss_cls',), u=('loss_dis',))
    assert model.seen == [(name, terms[name[0]]) for name in ('l0', 'u0', 'l1', 'u1')]
    # Four steps of 0.25 along a gradient of 1; two at once would leave the same batches and another weight.
    assert model.weight.item() == 0.0


@pytest.mark.parametrize(
    'lengths, epoch_length, expected',
    [
        ((3, 2), 'labeled', 'l0 u0 l1 u1 l2 u0'),
        ((2, 3), 'labeled', 'l0 u0 l1 u1'),
        ((2, 3), 'unlabeled', 'l0 u0 l1 u1 l0 u2'),
        ((1, 1), 'unlabeled', 'l0 u0'),
    ],
)
def test_one_loader_sets_the_length_and_the_other_follows(lengths, epoch_length, expected) -> None:
    model = OneWeight()
    runner = new_runner(Stage('s', epoch_length=epoch_length, **BOTH), model)
    runner.run([Batches('labeled', lengths[0]), Batches('unlabeled', lengths[1])])
    assert [name for name, _ in model.seen] == expected.split()
    assert runner.iter == runner.max_iters == lengths[epoch_length == 'unlabeled']


def test_a_stage_of_labeled_batches_only() -> None:
    model = OneWeight()
    new_runner(Stage('s', 2, ('loss_cls', 'loss_mil')), model).run([Batches('labeled', 2)])
    assert [name for name, _ in model.seen] == ['l0', 'l1', 'l0', 'l1']


def test_the_order_is_derived_from_seed_cycle_stage_epoch_and_tag() -> None:
    labeled, unlabeled = Batches('labeled', 1), Batches('unlabeled', 1)
    new_runner(Stage('s', 2, **BOTH), OneWeight()).run([labeled, unlabeled])
    assert labeled.keys == [(666, 3, 1, 0, 0), (666, 3, 1, 1, 0)]
    assert unlabeled.keys == [(666, 3, 1, 0, 1), (666, 3, 1, 1, 1)]


def test_loaders_that_are_not_the_stages_are_refused() -> None:
    runner = new_runner(Stage('s', **BOTH), OneWeight())
    for loaders in (
        [Batches('labeled', 1)],
        [Batches('unlabeled', 1), Batches('labeled', 1)],
    ):
        with pytest.raises(ValueError, match="stage 's' needs loaders of the tags"):
            runner.run(loaders)


@pytest.mark.parametrize('sync_interval', [1, 2, 50])
def test_a_loss_that_is_not_finite_stops_the_run_and_says_where(sync_interval) -> None:
    model = OneWeight(bad_batch=3)
    runner = new_runner(Stage('minimize', **BOTH), model, sync_interval=sync_interval)
    with pytest.raises(FloatingPointError) as error:
        runner.run([Batches('labeled', 3), Batches('unlabeled', 3)])
    text = str(error.value)
    assert "stage 'minimize' of cycle 3, epoch 1, iteration 2, unlabeled batch" in text
    assert 'loss_dis = nan, loss = nan' in text
    assert 'u1.jpg' in text and 'l1.jpg' not in text
    if sync_interval == 1:  # it is found before its step is taken
        assert model.weight.item() == 0.25


def test_text_and_json_logs_name_terms_cycle_and_stage(tmp_path, caplog) -> None:
    runner = new_runner(Stage('minimize', **BOTH), OneWeight(), tmp_path)
    runner.timestamp = 'now'
    runner.register_timer_hook(dict(type='IterTimerHook'))
    runner.register_logger_hooks(dict(interval=2, hooks=[dict(type='TextLoggerHook', ignore_last=False)]))
    with caplog.at_level(logging.INFO, 'test_runner'):
        runner.run([Batches('labeled', 3), Batches('unlabeled', 3)])
    lines = [json.loads(line) for line in (tmp_path / 'now.log.json').read_text().splitlines()]
    entries = [line for line in lines if line.get('mode') == 'train']
    # The weight before the steps: labeled 1, 0.5, 0; unlabeled 0.75, 0.25, -0.25. Means over 2, then 1.
    assert [entry['iter'] for entry in entries] == [2, 3]
    assert (entries[0]['loss_cls'], entries[0]['loss_dis']) == (0.75, 0.5)
    for entry in entries:
        assert (entry['cycle'], entry['stage']) == (3, 'minimize')
        assert entry['loss'] == entry['loss_cls'] and entry['loss_unlabeled'] == entry['loss_dis']
    assert 'loss_cls: 0.7500' in caplog.text and 'stage: minimize' in caplog.text
