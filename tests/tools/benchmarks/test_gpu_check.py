"""The check of GPU options, without a GPU."""

from __future__ import annotations

import math

import pytest
import torch

from tests.tiny_run import REPOSITORY
from tools.benchmarks import options, tasks
from tools.benchmarks.gpu_check import COMMAND
from tools.benchmarks.model import QUICK_MODEL, benchmark_config


def run(*arguments: str) -> int:
    return COMMAND.run('gpu_check', arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU here')
def test_without_a_gpu_it_says_so_and_has_an_exit_code_of_its_own(capsys) -> None:
    assert run() == 3
    assert 'no GPU' in capsys.readouterr().err


def test_it_runs_on_a_cpu(capsys) -> None:
    assert run('--device', 'cpu', '--quick', '--options', 'channels_last') == 0
    shown = capsys.readouterr()
    assert 'channels_last' in shown.out
    assert 'minimize pair: loss_dis' in shown.out
    assert shown.err.splitlines()[-2:] == ['measuring float32', 'measuring channels_last']


def test_the_timed_label_step_trains_what_every_label_step_trains(monkeypatch, capsys) -> None:
    trained = []

    def note(model, stage, frozen, **settings):
        step = build_stage_step(model, stage, frozen, **settings)
        trained.append((stage.name, sum(p.requires_grad for p in model.parameters())))
        return step

    build_stage_step = tasks.build_stage_step
    monkeypatch.setattr(tasks, 'build_stage_step', note)
    assert run('--device', 'cpu', '--quick', '--options', 'float32') == 0
    assert [name for name, _ in trained] == ['label', 'minimize', 'maximize', 'label']
    numbers = [number for _, number in trained]
    assert numbers[3] == numbers[0] > numbers[2]


def test_an_unknown_option_is_named(capsys) -> None:
    with pytest.raises(SystemExit, match='2'):
        run('--device', 'cpu', '--quick', '--options', 'warp')
    assert "--options: ['warp'] are not among" in capsys.readouterr().err


def test_what_is_not_finite_is_infinitely_far_from_everything() -> None:
    assert options.relative_difference(1.5, 1.0) == 0.5
    for value in (math.nan, math.inf):
        assert options.relative_difference(value, 1.0) == math.inf


def test_an_option_that_fails_without_a_word_does_not_stop_the_others(monkeypatch, capsys) -> None:
    check = options.check_option

    def fail(name, *args, **kwargs):
        if name == 'tf32':
            raise AssertionError
        return check(name, *args, **kwargs)

    monkeypatch.setattr(options, 'check_option', fail)
    assert run('--device', 'cpu', '--quick', '--options', 'tf32', 'channels_last') == 0
    shown = capsys.readouterr().out
    assert any(line.startswith('| tf32 ') and 'does not work here: |' in line for line in shown.splitlines())
    assert 'channels_last' in shown


def test_the_classifiers_that_are_compared_disagree(tmp_path) -> None:
    config = benchmark_config(REPOSITORY / 'configs' / 'MIAOD.py', QUICK_MODEL, (64, 64))
    settings = tasks.BenchmarkSettings(config, tmp_path / 'data', (64, 64))
    batch = tasks.draw_batches(settings)['unlabeled']
    models = [options.build_disagreeing(settings).eval() for _ in range(2)]
    scores = [model.bbox_head.uncertainty(model.extract_feat(batch['img']), 50) for model in models]
    assert torch.equal(*scores)
    assert scores[0].min() > 1e-3
