"""The check of GPU options, without a GPU."""

from __future__ import annotations

import math

import pytest
import torch

from tests.tiny_run import REPOSITORY
from tools.benchmarks import gpu_tables, options, tasks
from tools.benchmarks.data import BenchmarkSettings, draw_batches
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
    measured = [line for line in shown.err.splitlines() if line.startswith('measuring')]
    assert measured == ['measuring float32', 'measuring channels_last', 'measuring devices']


@pytest.mark.slow
def test_everything_runs_on_a_cpu_but_cuda_graphs_and_is_not_measured_again(tmp_path, capsys) -> None:
    command = ('--device', 'cpu', '--quick', '--out', str(tmp_path / 'gpu.jsonl'))
    assert run(*command) == 0
    shown = capsys.readouterr()
    assert 'inference float16' in shown.out and 'loading, 0 workers: ' in shown.out
    assert 'label step: loss_cls' in shown.out and 'selected as float32 does: float32 100%' in shown.out
    assert 'label steps per second by number of processes: 1: ' in shown.out
    assert 'cycle bfloat16 channels_last: ' in shown.out and 'waiting for data: label ' in shown.out
    assert [line.split(':')[0] for line in shown.out.splitlines() if 'not work here' in line] == [
        'CUDA graphs'
    ]
    assert run(*command) == 0
    again = capsys.readouterr()
    assert [line for line in again.err.splitlines() if 'measuring' in line] == ['measuring CUDA graphs']
    assert run('--table', '--out', command[-1]) == 0
    assert capsys.readouterr().out == again.out


def test_a_table_needs_its_file(capsys) -> None:
    with pytest.raises(SystemExit, match='2'):
        run('--table')
    assert '--table needs the file' in capsys.readouterr().err


def test_the_hours_of_the_published_run_follow_from_its_steps_and_images() -> None:
    milliseconds = {'label step': 100.0, 'minimize pair': 200.0, 'maximize pair': 100.0, 'stock step': 1.0}
    # 130,158 label steps, 28,924 pairs of each kind, and 120,000 images at 100 a second.
    hours = (13_015.8 + 5_784.8 + 2_892.4 + 1_200) / 3600
    assert gpu_tables.voc_hours(dict(milliseconds=milliseconds, score=100.0)) == pytest.approx(hours)


def test_the_timed_label_step_trains_what_every_label_step_trains(monkeypatch, capsys) -> None:
    trained = []

    def note(model, stage, frozen, **settings):
        step = build_stage_step(model, stage, frozen, **settings)
        trained.append((stage.name, sum(p.requires_grad for p in model.parameters())))
        return step

    build_stage_step = tasks.build_stage_step
    monkeypatch.setattr(tasks, 'build_stage_step', note)
    assert run('--device', 'cpu', '--quick', '--options', 'float32') == 0
    assert [name for name, _ in trained] == ['label', 'minimize', 'maximize']
    label, _, maximize = (number for _, number in trained)
    assert label > maximize


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
    assert 'tf32: does not work here: AssertionError' in shown.splitlines()
    assert 'channels_last' in shown


def test_the_classifiers_that_are_compared_disagree(tmp_path) -> None:
    config = benchmark_config(REPOSITORY / 'configs' / 'MIAOD.py', QUICK_MODEL, (64, 64))
    settings = BenchmarkSettings(config, tmp_path / 'data', (64, 64))
    batch = draw_batches(settings)['unlabeled']
    models = [options.build_disagreeing(settings).eval() for _ in range(2)]
    scores = [model.bbox_head.uncertainty(model.extract_feat(batch['img']), 50) for model in models]
    assert torch.equal(*scores)
    assert scores[0].min() > 1e-3
