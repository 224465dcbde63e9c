"""A run of photographs that a scripted person labels, so small that its cycles take seconds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmcv import Config

from mmdet_miaod.annotation.batch import Batch, batch_folder, read_batch
from mmdet_miaod.apis import load_config
from mmdet_miaod.datasets.voc_xml import parse_voc_xml
from mmdet_miaod.run.file_record import hash_file
from tests.tiny_run import CLASSES, REPOSITORY, TINY_OPTIONS, draw_tiny_data


def make_photographs(folder: Path, count: int = 24) -> tuple[Path, dict[str, Any]]:
    """Draw images without annotation files, in two folders; returns these, and boxes by SHA-256 of a file."""
    drawn = draw_tiny_data(folder / 'drawn', count, 1) / 'VOC2007'
    labels = {}
    names = (drawn / 'ImageSets/Main/trainval.txt').read_text().split()
    for number, name in enumerate(names):
        place = folder / 'photographs' / ('one' if number % 2 else 'two')
        place.mkdir(parents=True, exist_ok=True)
        path = Path(shutil.copy(drawn / f'JPEGImages/{name}.jpg', place))
        found = parse_voc_xml(drawn / f'Annotations/{name}.xml', {c: i for i, c in enumerate(CLASSES)})
        boxes = zip(found.bboxes.tolist(), found.labels.tolist(), strict=True)
        labels[hash_file(path)[1]] = [(tuple(box), CLASSES[label]) for box, label in boxes]
    return folder / 'photographs', labels


def photograph_options(photographs: Path, work_directory: Path, **overrides: Any) -> dict[str, Any]:
    """Overrides of ``configs/MIAOD_photographs.py`` by dotted key; dots are written ``__``."""
    kept = {key: value for key, value in TINY_OPTIONS.items() if not key.startswith('pool_')}
    changes = {name.replace('__', '.'): value for name, value in overrides.items()}
    places = dict(photographs=[str(photographs)], work_directory=str(work_directory))
    return {**kept, 'data.samples_per_gpu': 2, **places, **changes}


def photograph_config(photographs: Path, work_directory: Path, **overrides: Any) -> Config:
    """The tiny config of photographs, loaded."""
    options = photograph_options(photographs, work_directory, **overrides)
    return load_config(REPOSITORY / 'configs' / 'MIAOD_photographs.py', options)


def label_as_person(
    run: Path,
    number: int,
    labels: Mapping[str, Any],
    decide: Callable[[int, list], Any] = lambda position, boxes: boxes,
) -> Path:
    """Label a batch in Label Studio's way; returns the export.

    Args:
        run: the run directory.
        number: of the batch.
        labels: boxes by SHA-256 of an image file.
        decide: given position and boxes of an image, the boxes that the person draws; None skips it, 'leave'
            leaves it untouched.
    """
    folder = batch_folder(run, number)
    batch = read_batch(folder)
    tasks = json.loads((folder / 'tasks.json').read_text())
    for position, (image, task) in enumerate(zip(batch.images, tasks, strict=True)):
        boxes = decide(position, labels[image.sha256])
        task.update(id=position + 1, annotations=[])
        if boxes != 'leave':
            result = [region(batch, image, corners, name) for corners, name in boxes or []]
            done = dict(id=position, result=result, was_cancelled=boxes is None, lead_time=6.0)
            task['annotations'].append(done)
    path = run.parent / f'{run.name}-export-{number}.json'
    path.write_text(json.dumps(tasks))
    return path


def region(batch: Batch, image: Any, corners: tuple[float, ...], name: str) -> dict[str, Any]:
    """A box as Label Studio exports it."""
    x1, y1, x2, y2 = corners
    width, height = image.width, image.height
    value = dict(
        x=100 * x1 / width,
        y=100 * y1 / height,
        width=100 * (x2 - x1) / width,
        height=100 * (y2 - y1) / height,
        rotation=0,
        rectanglelabels=[name],
    )
    sizes = dict(original_width=width, original_height=height, image_rotation=0)
    return dict(id=f'r{x1}', type='rectanglelabels', from_name='label', to_name='image', value=value, **sizes)
