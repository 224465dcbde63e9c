"""A run directory as a run leaves it, written in milliseconds, with names that want to be more than names."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from mmdet_miaod.active.cycle_evaluation import DETECTION
from mmdet_miaod.run.config_copy import DUMPED
from mmdet_miaod.run.files import save_array, write_json, write_text
from mmdet_miaod.run.identity import RunIdentity
from mmdet_miaod.run.manifest import RunState
from mmdet_miaod.run.step import FinishedStep

HOSTILE = '<script>alert(1)</script> <img src=x onerror=alert(1)>\u202eabc '
HOSTILE += '"quoted\' ünïcödé 名前 $x_1$ {{7*7}} &lt;'
CLASSES = ('<b>disc</b>', 'square $', 'triangle')
POOL = 12


def write_run(
    directory: Path, seed: int = 1, precision: float = 0.5, boxes: tuple[int, int] | None = None
) -> Path:
    """Write a run of two cycles over a pool of 12 images: 3 labeled, then 5, or ``boxes`` boxes."""
    directory.mkdir(parents=True)
    config = {'X_L_0_size': 3, 'model.type': 'MIAODRetinaNet', 'seed': seed}
    config |= {'budget.unit': 'box'} if boxes else {}
    steps = [
        FinishedStep('split', 0, values=dict(labeled=3)),
        FinishedStep('split', 1, values=dict(labeled=5)),
        FinishedStep('end', 1),
    ]
    RunState(directory, RunIdentity(config, 'f' * 64, POOL, seed), dict(torch='2.11.0'), {}, steps).save()
    save_array(directory / 'X_L_0.npy', np.array([0, 1, 2]))
    save_array(directory / 'X_L_1.npy', np.array([0, 1, 2, 7, 9]))
    scores = np.linspace(0.01, 0.1, POOL).astype(np.float32)
    scores[:3] = np.nan
    scores[7] = 0.5
    save_array(directory / 'cycle0' / 'scores.npy', scores)
    text = 'image,index,loss_without_box,loss_in_boxes\nc,2,1.5,0.3\na,0,0.25,0.7\nb,1,0.125,0.5\n'
    write_text(directory / 'cycle0' / 'label_losses.csv', text)
    ap = dict.fromkeys(CLASSES, precision)
    seconds = dict(label=60.0, evaluate=30.0)
    metrics = [
        dict(cycle=0, labeled=3, mAP=precision, AP=ap, seconds=seconds),
        dict(cycle=1, labeled=5, mAP=precision + 0.2, AP=ap, seconds=seconds),
    ]
    for entry, count in zip(metrics, boxes or (), strict=False):
        entry['boxes'] = count
    write_json(directory / 'metrics.json', metrics)
    write_text(directory / '20260101_000000.log.json', _losses())
    # Of the test image's boxes, one disc and one square, the disc is found; a triangle is found twice.
    found = np.zeros(4, DETECTION)
    found['image'] = [0, 0, 0, 1]
    found['label'] = [0, 2, 2, 1]
    found['score'] = [0.9, 0.8, 0.7, 0.3]
    found['box'] = [[2, 3, 20, 30], [2, 3, 20, 30], [40, 3, 60, 30], [1, 1, 5, 5]]
    for cycle in (0, 1):
        save_array(directory / f'cycle{cycle}' / 'detections.npy', found)
    found['image'] = [7, 7, 7, 9]
    save_array(directory / 'cycle0' / 'selected_detections.npy', found)
    write_text(directory / 'config.py', f'{DUMPED}# {HOSTILE}\n')
    return directory


def _losses() -> str:
    records = [
        dict(mode='train', epoch=epoch, iter=i, cycle=cycle, stage=stage, loss_cls=1 / i, loss=2 / i)
        for cycle in (0, 1)
        for stage in ('label', 'minimize')
        for epoch in (1, 2)
        for i in (1, 2)
    ]
    lines, previous = [], None
    for record in records:
        if (record['cycle'], record['stage']) != previous:
            previous = (record['cycle'], record['stage'])
            number = ('label', 'minimize').index(record['stage'])
            lines.append(dict(cycle=record['cycle'], stage=record['stage'], stage_number=number))
        lines.append(record)
    return ''.join(f'{json.dumps(line)}\n' for line in lines) + '{"mode": "tra'


class FakeLabels:
    """Labels of the images that were labeled in :func:`write_run`: image i has one box of class i % 3."""

    CLASSES = CLASSES

    def get_ann_info(self, index: int) -> dict[str, np.ndarray]:
        if index not in (0, 1, 2, 7, 9):
            raise KeyError(f'image {index} is not labeled')
        boxes = np.array([[2, 3, 20, 30]], np.float32)
        return dict(bboxes=boxes, labels=np.array([index % 3]))


class FakeTest:
    """A test set of 3 images: a disc and a square, a triangle, and nothing."""

    CLASSES = CLASSES

    def __init__(self, index: Any) -> None:
        self.index = index

    def __len__(self) -> int:
        return 3

    def get_ann_info(self, index: int) -> dict[str, np.ndarray]:
        boxes = [[[2, 3, 20, 30], [40, 3, 60, 30]], [[1, 1, 9, 9]], []][index]
        return dict(
            bboxes=np.array(boxes, np.float32).reshape(-1, 4),
            labels=np.array([[0, 1], [2], []][index], int),
            bboxes_ignore=np.zeros((0, 4), np.float32),
            labels_ignore=np.zeros(0, int),
        )


def fake_images(folder: Path):
    """Images of the pool of :func:`write_run`; names are as hostile as file names can be."""
    from mmdet_miaod.visualization.run_images import RunImages

    folder.mkdir(parents=True, exist_ok=True)
    names = [f'{HOSTILE.replace("/", "_")}{i}.jpg' for i in range(POOL)]
    for i, name in enumerate(names):
        Image.new('RGB', (64, 48), (20 * i, 90, 120)).save(folder / name)
    index = SimpleNamespace(names=names, image_path=lambda i: str(folder / names[i]), exif='apply')
    return RunImages(SimpleNamespace(index=index), FakeLabels(), lambda: FakeTest(index))
