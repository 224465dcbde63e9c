"""Small batches, and what people do with them in annotation tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmdet_miaod.annotation.batch import Batch, BatchImage, PreBox, image_uids, rounded_corners
from mmdet_miaod.annotation.label_page import FORMAT
from mmdet_miaod.annotation.label_studio import write_tasks
from mmdet_miaod.run.file_record import hash_file

CLASSES = ('bolt', 'nut', 'M8 "wing" <nut> & ümlaut')
WIDTH, HEIGHT = 320, 200


def random_boxes(
    random: np.random.Generator, count: int, classes: tuple[str, ...] = CLASSES
) -> tuple[PreBox, ...]:
    """Draw boxes within an image of ``WIDTH`` x ``HEIGHT``."""
    boxes = []
    for number in range(count):
        x1, y1 = random.uniform(0, WIDTH - 3), random.uniform(0, HEIGHT - 3)
        x2, y2 = random.uniform(x1 + 2, WIDTH), random.uniform(y1 + 2, HEIGHT)
        name = classes[random.integers(len(classes))]
        corners = rounded_corners((x1, y1, x2, y2))
        boxes.append(PreBox(f'p{number}', name, float(np.float32(random.uniform())), corners))
    return tuple(boxes)


def make_batch(images: int = 3, boxes: int = 2, number: int = 2, classes: tuple[str, ...] = CLASSES) -> Batch:
    """Return a batch that no folder belongs to."""
    random = np.random.default_rng(number)
    contents = [f'{i:064x}' for i in range(images)]
    entries = tuple(
        BatchImage(
            uid, 10 + i, f'{uid}.jpg', content, WIDTH, HEIGHT, i / 7, random_boxes(random, boxes, classes)
        )
        for i, (uid, content) in enumerate(zip(image_uids('run', number, contents), contents, strict=True))
    )
    return Batch(number, 'run', 1, 'train', 'f' * 64 if boxes else None, classes, entries)


def make_pictures(folder: Path, count: int = 3) -> dict[str, Path]:
    """Write pictures of ``WIDTH`` x ``HEIGHT``; returns their paths by SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for number in range(count):
        path = folder / f'photo {number}.v2.jpg'
        Image.new('RGB', (WIDTH, HEIGHT), (number * 40, 0, 0)).save(path)
        paths[hash_file(path)[1]] = path
    return paths


def annotation(result: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """One annotation of Label Studio, submitted."""
    times = dict(created_at='2026-01-01T10:00:00.000000Z', updated_at='2026-01-01T10:00:00.000000Z')
    return {**dict(id=1, result=result, was_cancelled=False, lead_time=30.0), **times, **changes}


def accepted_tasks(batch: Batch) -> list[dict[str, Any]]:
    """Label Studio's export after a person submitted every image as proposed."""
    tasks = json.loads(write_tasks(batch, '2/images'))
    for number, task in enumerate(tasks, 1):
        proposed = task.get('predictions', [dict(result=[])])[0]['result']
        result = [{**region, 'origin': 'prediction'} for region in proposed]
        task.update(id=number, annotations=[annotation(result)], drafts=[])
    return tasks


def accepted_page(batch: Batch) -> dict[str, Any]:
    """The label page's file after a person pressed Done on every image as proposed."""
    images = []
    for image in batch.images:
        boxes = [dict(name=box.name, corners=list(box.corners), ignored=False) for box in image.boxes]
        images.append(dict(uid=image.uid, state='reviewed', boxes=boxes, seconds=6))
    return dict(format=FORMAT, images=images)


def save_json(path: Path, content: Any) -> Path:
    """Write a JSON file."""
    path.write_text(json.dumps(content))
    return path
