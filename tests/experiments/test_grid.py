"""Grids: reading, configs of runs, tables; a tiny grid through the tool."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from mmcv import Config

from mmdet_miaod.apis.settings import load_settings
from mmdet_miaod.experiments.grid import GridRun, load_grid
from mmdet_miaod.experiments.processes import changed_runs
from mmdet_miaod.experiments.results import (
    complete_curves,
    grid_plot,
    grid_tables,
    read_all_curves,
    write_tables,
)
from mmdet_miaod.run.identity import RunIdentity
from mmdet_miaod.run.manifest import RunState
from mmdet_miaod.run.step import FinishedStep
from tests.tiny_run import REPOSITORY


def test_runs_and_their_configs(grid_file) -> None:
    grid = load_grid(grid_file)
    assert [run.name for run in grid.runs][:2] == ['random-one-seed1', 'entropy-one-seed1']
    assert grid.baseline == 'random-one'
    path = grid.work_directory / 'configs' / 'run.py'
    path.parent.mkdir(parents=True)
    path.write_text(grid.run_config(GridRun('entropy', 'one', 2)))
    config = Config.fromfile(str(path))
    assert config.query == dict(type='entropy')  # without the k of the shared config's query
    assert (config.seed, config.evaluation.iou_thr, config.evaluation.metric) == (2, 0.4, 'mAP')
    assert len(config.schedule) == 1 and config.X_S_size == 2


def test_a_work_directory_behind_a_link_and_data_elsewhere(grid_file, tmp_path) -> None:
    far = tmp_path / 'a' / 'b' / 'c'
    far.mkdir(parents=True)
    (tmp_path / 'linked').symlink_to(far, target_is_directory=True)
    grid = replace(load_grid(grid_file), work_directory=tmp_path / 'linked', data_root='/elsewhere')
    settings = grid.run_settings(grid.runs[0])
    assert (far / 'configs' / 'random-one-seed1.py').is_file()
    assert settings.labeling.step_size == 2 and settings.data.pool['data_root'] == '/elsewhere'


def test_grid_that_makes_no_sense(grid_file) -> None:
    good = grid_file.read_text()
    for wrong, message in (
        ("baseline = 'magic'", 'baseline'),
        ('typo = 1', 'typo'),
        ("config = 'other.py'", 'other.py'),
        ('seeds = []', 'seeds'),
        ("schedules = {'a/b': 'miaod'}", 'a/b'),
    ):
        grid_file.write_text(f'{good}\n{wrong}\n')
        with pytest.raises((ValueError, KeyError, FileNotFoundError), match=message):
            load_grid(grid_file)


def write_metrics(grid, name, values, labeled=(4, 6), boxes=(8, 20), **more) -> None:
    folder = grid.work_directory / name
    folder.mkdir(parents=True)
    entries = [dict(cycle=c, labeled=labeled[c], boxes=boxes[c], mAP=value) for c, value in enumerate(values)]
    for key, numbers in more.items():
        for entry, number in zip(entries, numbers, strict=True):
            entry[key] = number
    (folder / 'metrics.json').write_text(json.dumps(entries))


def single_spaced(table: str) -> str:
    return re.sub(' +', ' ', table)


def test_tables(grid_file) -> None:
    grid = load_grid(grid_file)
    with pytest.raises(ValueError, match='no run has a result'):
        grid_tables(grid, read_all_curves(grid))
    write_metrics(grid, 'random-one-seed1', [0.1, 0.2])
    write_metrics(grid, 'random-one-seed2', [0.3, 0.4])
    write_metrics(grid, 'entropy-one-seed1', [0.2, 0.4])
    write_metrics(grid, 'entropy-one-seed2', [0.2])  # not finished: left out
    curves = read_all_curves(grid)
    text = single_spaced(write_tables(grid, curves, grid_tables(grid, curves)).read_text())
    assert '| setting | seeds | 4 | 6 | area |' in text
    assert '| random-one | 2 | 0.200 ± 0.141 | 0.300 ± 0.141 | 0.250 ± 0.141 |' in text
    assert '| entropy-one | 1 | 0.200 | 0.400 | 0.300 |' in text
    assert '| entropy-one | 1 | +0.150 | +0.200 |' in text
    assert '| entropy-one | 1 | 0.200 | 0.400 |\n| entropy-one | 2 | 0.200 | – |\n' in text
    # 95% of 0.3 is at 85% of the way from 4 images with 8 boxes to 6 with 20.
    assert '| random-one | 6 | – |' in text and '| random-one | 18 | – |' in text
    assert text.endswith('they have fewer cycles than others (yet): entropy-one-seed2.\n')


def test_plot(grid_file) -> None:
    grid = load_grid(grid_file)
    write_metrics(grid, 'random-one-seed1', [0.1, 0.2])
    write_metrics(grid, 'random-one-seed2', [0.3, 0.5])
    plot = grid_plot(grid, complete_curves(read_all_curves(grid)))
    assert plot.rows[0] == ('random', 'random-one-seed1', 0, 4, 0.1, None, '') and len(plot.rows) == 4
    figure = Figure()
    plot.draw(figure)
    (axes,) = figure.axes
    (line,) = axes.lines
    assert np.allclose(line.get_ydata(), [20, 35]) and line.get_label() == 'random'
    assert np.allclose(axes.collections[0].get_offsets()[:, 1], [10, 20, 30, 50])
    assert axes.get_xticks().tolist() == [4, 6]


def test_a_budget_of_boxes_puts_curves_over_boxes(grid_file) -> None:
    grid_file.write_text(grid_file.read_text().replace('options = {', "options = {'budget.unit': 'box', "))
    grid = load_grid(grid_file)
    write_metrics(grid, 'random-one-seed1', [0.1, 0.3], boxes=(10, 30))
    write_metrics(grid, 'entropy-one-seed1', [0.1, 0.4], boxes=(10, 33))
    curves = read_all_curves(grid)
    text = single_spaced(write_tables(grid, curves, grid_tables(grid, curves)).read_text())
    assert text.startswith('mAP by number of labeled boxes')
    assert '| setting | seeds | 10 | 30 to 33 | area |' in text
    # Between 10 and 30 boxes: the curve of 33 is at 0.1 + 0.3 * 20 / 23 there.
    assert '| random-one | 1 | 0.100 | 0.300 | 0.200 |' in text
    assert '| entropy-one | 1 | 0.100 | 0.400 | 0.230 |' in text
    plot = grid_plot(grid, complete_curves(read_all_curves(grid)))
    assert plot.columns == ('curve', 'run', 'cycle', 'boxes', 'mAP', 'std', 'source')
    figure = Figure()
    plot.draw(figure)
    assert figure.axes[0].get_xlabel() == 'labeled boxes'


def test_plot_of_runs_that_label_different_numbers_of_images(grid_file) -> None:
    grid = load_grid(grid_file)
    write_metrics(grid, 'random-one-seed1', [0.1, 0.2])
    write_metrics(grid, 'entropy-one-seed1', [0.1, 0.2], labeled=(4, 9))
    figure = Figure()
    grid_plot(grid, complete_curves(read_all_curves(grid))).draw(figure)
    x = np.array([line.get_xdata() for line in figure.axes[0].lines])
    assert np.allclose(np.diff(x, axis=1), [[2], [5]])


def test_finished_runs_of_another_config_are_found(grid_file) -> None:
    grid = load_grid(grid_file)
    for run, end in zip(grid.runs[:3], (True, True, False), strict=True):
        path = grid.work_directory / 'configs' / f'{run.name}.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(grid.run_config(run))
        identity = RunIdentity(load_settings(path).identity, 'pool', 8, run.seed)
        steps = [FinishedStep('end', 1)] if end else []
        (grid.work_directory / run.name).mkdir()
        RunState(grid.work_directory / run.name, identity, {}, steps=steps).save()
    assert changed_runs(grid) == {}
    grid_file.write_text(grid_file.read_text().replace('0.4', '0.5'))
    changed = changed_runs(load_grid(grid_file))
    assert list(changed) == grid.runs[:2]
    assert '-evaluation.iou_thr = 0.4\n+evaluation.iou_thr = 0.5' in changed[grid.runs[0]]


@pytest.mark.slow
def test_tool_runs_a_grid_and_does_nothing_the_second_time(grid_file) -> None:
    command = [sys.executable, str(REPOSITORY / 'tools' / 'experiment.py'), str(grid_file)]
    for _ in range(2):
        done = subprocess.run([*command, '--devices', 'cpu'], capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
    assert done.stderr.count('finished before') == 4
    grid_file.write_text(grid_file.read_text().replace('0.4', '0.5'))
    refused = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert refused.returncode == 1 and 'runs of different configs are not comparable' in refused.stderr
    folder = load_grid(grid_file).work_directory
    assert all((folder / name).is_file() for name in ('report.html', 'results.png', 'results.svg'))
    rows = (folder / 'results.csv').read_text().splitlines()
    assert rows[1].startswith('random,random-one-seed1,0,4,') and len(rows) == 1 + 8
    assert 'entropy-one | 2 |' in single_spaced((folder / 'results.md').read_text())


def test_options_set_keys_of_what_is_none_in_the_config(grid_file) -> None:
    options = (
        "options = {'optimizer_config.grad_clip.max_norm': 10, 'optimizer_config.grad_clip.norm_type': 1, "
    )
    grid_file.write_text(grid_file.read_text().replace('options = {', options))
    grid = load_grid(grid_file)
    settings = grid.run_settings(grid.runs[0])
    assert settings.training.grad_clip == dict(max_norm=10, norm_type=1)
    assert settings.model.detector['neck']['num_outs'] == 5


@pytest.mark.parametrize('option', ['X_S_size.x', 'train_pipeline.0.x'])
def test_an_option_that_does_not_fit_the_config_is_refused(grid_file, option) -> None:
    grid_file.write_text(grid_file.read_text().replace('options = {', f'options = {{{option!r}: 1, '))
    grid = load_grid(grid_file)
    with pytest.raises(ValueError, match='cannot be read as a config'):
        grid.run_settings(grid.runs[0])
