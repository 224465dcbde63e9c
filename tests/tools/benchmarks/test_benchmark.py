"""The benchmark's arithmetic, and one round of it on a tiny model."""

from __future__ import annotations

import json

import pytest
import torch

from mmdet_miaod.stopwatch import Timing
from tests.tiny_run import REPOSITORY
from tools.benchmarks import tasks
from tools.benchmarks.benchmark import COMMAND
from tools.benchmarks.model import QUICK_MODEL, benchmark_config, run_benchmark, summarize
from tools.benchmarks.pool import _measure_index, _measure_pool
from tools.benchmarks.tables import index_table, table


def test_ratios_are_medians_over_rounds_of_the_same_rounds_stock_task() -> None:
    stock = [Timing(1.0, 2.0), Timing(10.0, 2.0), Timing(1.0, 2.0)]
    mine = [Timing(1.5, 3.0), Timing(17.0, 5.0), Timing(1.7, 3.2)]
    summary = summarize({'stock step': stock, 'label step': mine}, {'stock step': 4, 'label step': 6})
    assert summary['label step']['ratio'] == pytest.approx(1.7)
    assert summary['label step']['cpu_ratio'] == pytest.approx(1.6)
    assert summary['label step']['flops_ratio'] == 1.5
    assert summary['label step']['wall'] == 1.7
    assert summary['label step']['reached'] is False
    assert 'ratio' not in summary['stock step']


def test_a_table_fills_up_short_rows() -> None:
    lines = table(['a', 'bb'], [['1.0'], ['22', '3']]).splitlines()
    assert lines == ['| a   |   bb |', '|-----|------|', '| 1.0 |      |', '| 22  |    3 |']


def test_a_round_of_everything_beside_the_stock_model(tmp_path, capsys) -> None:
    out = tmp_path / 'numbers.json'
    arguments = ['--quick', '--rounds', '1', '--no-memory', '--device', 'cpu', '--out', str(out)]
    arguments += ['--cfg-options', 'tf32=True', 'channels_last=True']
    assert COMMAND.run('benchmark', arguments) == 0
    report = json.loads(out.read_text())
    names = ['stock step', 'label step', 'minimize pair', 'maximize pair']
    names += ['stock inference', 'scoring', 'evaluation']
    assert list(report['tasks']) == names
    assert all(task['wall'] > 0 for task in report['tasks'].values())
    assert report['tasks']['maximize pair']['target'] == 1.4
    flops = {name: task['flops'] for name, task in report['tasks'].items()}
    assert flops['evaluation'] == flops['stock inference']
    assert flops['stock step'] < flops['label step'] < flops['minimize pair']
    assert set(report['loading']) == {'labeled', 'unlabeled', 'test'}
    shown = capsys.readouterr().out
    assert '2.05 to 2.28 of a stock step' in shown
    assert 'cpu, float32, tf32, channels_last, medians of 1 rounds' in shown


def test_the_pool_benchmark_goes_through_a_cycle() -> None:
    report = _measure_pool(2000)
    assert list(report['seconds'])[:2] == ['initial split', 'files of the split']
    assert report['total']['wall'] == pytest.approx(sum(p['wall'] for p in report['seconds'].values()))
    assert report['peak_bytes'] > 0


def test_the_index_benchmark_indexes_every_file_and_reads_its_header() -> None:
    found = _measure_index(300)
    assert found['images'] == 300 and min(found['index']['wall'], found['headers']['wall']) > 0
    lines = index_table(dict(indices=[found])).splitlines()
    assert [line.split('|')[1:3] for line in lines[2:]] == [
        [f' {"300":<8} ', f' {part:>7} '] for part in ('index', 'headers', 'both')
    ]


def test_the_options_of_the_config_hold_for_both_models_and_for_the_benchmark_alone(tmp_path) -> None:
    options = {**QUICK_MODEL, 'channels_last': True, 'tf32': True, 'cudnn_benchmark': True}
    config = benchmark_config(REPOSITORY / 'configs' / 'MIAOD.py', options, (64, 64))
    settings = tasks.BenchmarkSettings(config, tmp_path / 'data', (64, 64))
    for build in (tasks.build_stock, tasks.build_miaod):
        weight = tasks.accelerate(build(settings), settings).backbone.layer1[0].conv1.weight
        assert weight.is_contiguous(memory_format=torch.channels_last)
    seen = []

    def note(number: int) -> None:
        seen.append((torch.backends.cudnn.benchmark, torch.backends.cuda.matmul.allow_tf32))

    before = torch.backends.cudnn.benchmark, torch.backends.cuda.matmul.allow_tf32
    run_benchmark(settings, rounds=1, memory=False, on_round=note)
    assert seen == [(True, True)]
    assert (torch.backends.cudnn.benchmark, torch.backends.cuda.matmul.allow_tf32) == before == (False, False)
