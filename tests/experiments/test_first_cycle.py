"""The first cycle that the runs of a schedule and a seed have in common."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from mmdet_miaod.apis import RunOptions, StartingPoint, load_config, train
from mmdet_miaod.experiments.first_cycle import shared_first_cycle
from mmdet_miaod.experiments.grid import Grid, GridRun, load_grid
from mmdet_miaod.run.files import load_checkpoint

RANDOM, ENTROPY, OTHER_SEED = (
    GridRun('random', 'one', 1),
    GridRun('entropy', 'one', 1),
    GridRun('entropy', 'one', 2),
)


def run_alone(grid: Grid, run: GridRun, name: str, start: StartingPoint | None = None) -> Path:
    options = dict(work_directory=str(grid.work_directory))
    config = load_config(grid.write_config(run), options, grid.data_root)
    return train(config, RunOptions(run_name=name, progress=False, report=False, start=start))


def test_a_shared_first_cycle_changes_no_number(grid_file) -> None:
    grid = load_grid(grid_file)
    assert shared_first_cycle(grid, RANDOM) == []
    first = run_alone(grid, RANDOM, RANDOM.name)
    split = [str(first / 'X_L_0.npy'), str(first / 'X_U_0.npy')]
    model = str(first / 'cycle0' / 'model.pth')
    assert shared_first_cycle(grid, ENTROPY) == [
        '--init-split', *split, '--start-cycle', '0', '--load-from', model,
    ]  # fmt: skip
    assert shared_first_cycle(grid, OTHER_SEED) == []

    shared = run_alone(grid, ENTROPY, 'shared', StartingPoint(*split, 0, model))
    alone = run_alone(grid, ENTROPY, 'alone')
    for name in ('X_L_0.npy', 'X_L_1.npy', 'X_U_1.npy', 'cycle0/scores.npy'):
        assert np.array_equal(np.load(shared / name), np.load(alone / name), equal_nan=True), name
    ours, theirs = (
        load_checkpoint(folder / 'cycle1' / 'model.pth')['state_dict'] for folder in (shared, alone)
    )
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    ours, theirs = (json.loads((folder / 'metrics.json').read_text()) for folder in (shared, alone))
    assert len(ours) == 2 and [entry['mAP'] for entry in ours] == [entry['mAP'] for entry in theirs]


def test_a_first_cycle_that_cannot_be_shared(grid_file) -> None:
    grid = load_grid(grid_file)
    first = run_alone(grid, RANDOM, RANDOM.name)
    assert shared_first_cycle(grid, ENTROPY)
    grid_file.write_text(grid_file.read_text().replace('0.4', '0.5'))
    assert shared_first_cycle(load_grid(grid_file), ENTROPY) == []  # made with another config
    (first / 'cycle0' / 'model.pth').write_bytes(b'damaged')
    assert shared_first_cycle(grid, ENTROPY) == []
    (first / 'run_state.json').write_text('{')
    assert shared_first_cycle(grid, ENTROPY) == []
