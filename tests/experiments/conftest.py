"""A tiny grid for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_run import draw_tiny_data, write_tiny_config

GRID = """
config = 'tiny.py'
strategies = dict(random=dict(type='random'), entropy=dict(type='entropy'))
schedules = dict(one=[dict(name='label', epochs=1, labeled_losses=['loss_cls', 'loss_bbox'])])
seeds = [1, 2]
options = {{'model.neck.out_channels': 8, 'evaluation.iou_thr': 0.4}}
work_directory = {work_directory!r}
"""


@pytest.fixture
def grid_file(tmp_path) -> Path:
    """Two strategies, one schedule and two seeds on drawn data."""
    data = draw_tiny_data(tmp_path / 'voc', 8, 2)
    write_tiny_config(tmp_path / 'tiny.py', data, tmp_path / 'unused', X_S_size=2)
    path = tmp_path / 'grid.py'
    path.write_text(GRID.format(work_directory=str(tmp_path / 'runs')))
    return path
