"""Tiny COCO-format folders for tests."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

# Ids and order of categories are not those of their names, as in COCO.
CATEGORIES = [dict(id=7, name='cat'), dict(id=3, name='dog')]


def draw_coco(root: Path, count: int = 8) -> Path:
    """Images 60 x 40 with ids 100, 99, ...; image i has a box, a cat where i is even; the last has none."""
    (root / 'images').mkdir(parents=True)
    images, boxes = [], []
    for i in range(count):
        name = f'{i:03d}.png'
        pixels = np.random.RandomState(i).randint(0, 255, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / 'images' / name)
        images.append(dict(id=100 - i, file_name=name, width=60, height=40))
        if i + 1 < count:
            box = dict(id=i + 1, image_id=100 - i, category_id=(7, 3)[i % 2], bbox=[i, 2, 20, 10], iscrowd=0)
            boxes.append(dict(box, area=200))
    boxes.append(dict(id=50, image_id=100, category_id=7, bbox=[30, 20, 20, 15], iscrowd=1, area=300))
    boxes.append(dict(id=51, image_id=100, category_id=3, bbox=[30, 20, 0.5, 15], iscrowd=0, area=7))
    boxes.append(dict(id=52, image_id=100, category_id=3, bbox=[1, 1, 9, 9], iscrowd=0, area=81, ignore=1))
    content = dict(images=images, annotations=boxes, categories=CATEGORIES)
    (root / 'boxes.json').write_text(json.dumps(content))
    return root
