"""A run so small that all its cycles take seconds: drawn data, a narrow model, the published schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from mmcv import Config

from mmdet_miaod.apis import RunOptions, load_config, train
from mmdet_miaod.apis.settings import RunSettings
from mmdet_miaod.datasets.drawn.voc import draw_voc
from mmdet_miaod.engine.detector import build_model
from mmdet_miaod.run.files import save_checkpoint
from mmdet_miaod.run.manifest import RunState
from mmdet_miaod.run.step import FinishedStep

REPOSITORY = Path(__file__).resolve().parent.parent
CLASSES = ('disc', 'square', 'triangle')
NUM_TRAIN, NUM_TEST = 24, 4

# What makes configs/MIAOD.py small, by dotted key.
TINY_OPTIONS: dict[str, Any] = {
    'classes': list(CLASSES),
    'pool_lists': ['VOC2007/ImageSets/Main/trainval.txt'],
    'pool_folders': ['VOC2007/'],
    'img_scale': (64, 48),
    'data.workers_per_gpu': 0,
    'model.backbone.depth': 18,
    'model.backbone.base_channels': 8,
    'model.backbone.init_cfg': None,
    'model.neck.in_channels': [8, 16, 32, 64],
    'model.neck.out_channels': 8,
    'model.bbox_head.num_classes': len(CLASSES),
    'model.bbox_head.in_channels': 8,
    'model.bbox_head.feat_channels': 8,
    'model.bbox_head.stacked_convs': 1,
    'X_L_0_size': 4,
    'X_S_size': 3,
    'X_L_repeat': 1,
    'X_U_repeat': 1,
    'epoch_ratio': [1, 1],
    'epoch': 1,
    'lr_config.step': [],
    'cycles': [0, 1],
    'log_config.interval': 1,
}


def draw_tiny_data(root: Path, num_train: int = NUM_TRAIN, num_test: int = NUM_TEST) -> Path:
    """Draw images of 64 x 48 pixels with the three classes of the tiny config; returns ``root``."""
    return draw_voc(root, num_train, num_test, CLASSES, seed=1, image_size=(64, 48))


def tiny_options(data_root: Path, work_directory: Path, **overrides: Any) -> dict[str, Any]:
    """Overrides of ``configs/MIAOD.py`` by dotted key; dots are written ``__`` in keyword arguments."""
    changes = {name.replace('__', '.'): value for name, value in overrides.items()}
    places = dict(data_root=f'{data_root}/', work_directory=str(work_directory))
    return {**TINY_OPTIONS, **places, **changes}


def tiny_config(data_root: Path, work_directory: Path, **overrides: Any) -> Config:
    """The tiny config, loaded and checked.

    Args:
        data_root: from :func:`draw_tiny_data`.
        work_directory: where run directories are made.
        overrides: further values, ``model__bbox_head__num_classes=1`` for ``model.bbox_head.num_classes``.
    """
    options = tiny_options(data_root, work_directory, **overrides)
    return load_config(REPOSITORY / 'configs' / 'MIAOD.py', options)


def tiny_settings(data_root: Path, work_directory: Path, **overrides: Any) -> RunSettings:
    """The settings of :func:`tiny_config`."""
    return RunSettings.from_config(tiny_config(data_root, work_directory, **overrides))


def write_tiny_config(path: Path, data_root: Path, work_directory: Path, **overrides: Any) -> Path:
    """Write the tiny config as a file of its own, for tools; returns ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    base = Config.fromfile(str(REPOSITORY / 'configs' / 'MIAOD.py'))
    base.merge_from_dict(tiny_options(data_root, work_directory, **overrides))
    path.write_text(base.pretty_text)
    return path


def write_tiny_model(folder: Path, data_root: Path) -> tuple[Path, Path]:
    """Write the config and the checkpoint of a model that was never trained, and whose weak boxes count."""
    overrides = dict(model__test_cfg__score_thr=1e-4, model__test_cfg__max_per_img=5)
    config = write_tiny_config(folder / 'config.py', data_root, folder, **overrides)
    torch.manual_seed(0)
    weights = build_model(tiny_settings(data_root, folder).model, CLASSES).state_dict()
    save_checkpoint(folder / 'model.pth', dict(state_dict=weights, meta=dict(CLASSES=list(CLASSES))))
    return config, folder / 'model.pth'


def tiny_train(
    data_root: Path,
    work_directory: Path,
    name: str = 'run',
    options: dict[str, Any] | None = None,
    **overrides,
) -> Path:
    """Run the tiny config on the CPU; returns the run directory.

    Args:
        data_root: from :func:`draw_tiny_data`.
        work_directory: where the run directory ``name`` is made.
        options: further fields of :class:`RunOptions`.
        overrides: as of :func:`tiny_config`.
    """
    run_options = RunOptions(**{'run_name': name, 'progress': False, 'report': False, **(options or {})})
    return train(tiny_config(data_root, work_directory, **overrides), run_options)


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """Weights of a checkpoint by name."""
    return torch.load(path, weights_only=True)['state_dict']


def assert_equal_weights(path: Path, other: Path) -> None:
    """Two checkpoints have the same weights, to the bit."""
    ours, theirs = load_weights(path), load_weights(other)
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@contextmanager
def stopped_after(is_last: Callable[[FinishedStep], bool]) -> Iterator[None]:
    """Context in which a run is interrupted once such a step is recorded; it fails if there is none."""
    record = RunState.record

    def record_and_stop(state: RunState, step: FinishedStep) -> None:
        record(state, step)
        if is_last(step):
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunState, 'record', record_and_stop)
        with pytest.raises(KeyboardInterrupt):
            yield
