"""Pictures of training images: as they are labeled, and as a model is trained on them."""

from collections.abc import Mapping, Sequence
from typing import Any

import mmcv
import numpy as np
from PIL import Image, ImageOps

from ..datasets.seeding import Draw
from .box_drawing import class_colors, draw_boxes, open_as_seen
from .run_images import RunImages

_SIDE, _GAP = 640, 8


def training_picture(images: RunImages, i: int, draws: int, seed: int = 0) -> Image.Image:
    """Draw a pool image as its file has it and, beside that, as some draws of the augmentation make it.

    Boxes are drawn where the image is labeled; an unlabeled one goes through the pipeline of the pool.

    Args:
        images: of a run or a config.
        i: index of the image.
        draws: number of draws.
        seed: of the first draw.

    Raises:
        OSError, ValueError: the image cannot be read, or the pipeline fails on it.
    """
    found = images.boxes(i)
    boxes, labels = found or (np.zeros((0, 4)), np.zeros(0, int))
    picture, scale = open_as_seen(images.index.image_path(i), _SIDE, images.index.exif)
    _draw(picture, boxes * scale, labels, images.classes)
    dataset = images.pool if found is None else images.labeled
    parts = [picture]
    parts += [sample_picture(dataset[Draw(i, seed + number)], images.classes) for number in range(draws)]
    strip = Image.new(
        'RGB', (len(parts) * (_SIDE + _GAP) - _GAP, max(part.height for part in parts)), 'white'
    )
    for number, part in enumerate(parts):
        strip.paste(part, (number * (_SIDE + _GAP), 0))
    return strip


def sample_picture(sample: Mapping[str, Any], classes: Sequence[str]) -> Image.Image:
    """Draw a sample of a training pipeline: its image, no longer normalized, and its boxes if it has any.

    Args:
        sample: ``img``, ``img_metas`` and perhaps ``gt_bboxes`` and ``gt_labels``, in containers.
        classes: class names.

    Returns:
        An RGB image of 640 pixels along its longest side.
    """
    norm = sample['img_metas'].data['img_norm_cfg']
    pixels = np.ascontiguousarray(sample['img'].data.numpy().transpose(1, 2, 0))
    bgr = mmcv.imdenormalize(pixels, norm['mean'], norm['std'], to_bgr=norm['to_rgb'])
    image = Image.fromarray(bgr[..., ::-1].round().clip(0, 255).astype(np.uint8))
    picture = ImageOps.contain(image, (_SIDE, _SIDE))
    if 'gt_bboxes' in sample:
        boxes = sample['gt_bboxes'].data.numpy() * (picture.width / image.width)
        _draw(picture, boxes, sample['gt_labels'].data.numpy(), classes)
    return picture


def _draw(picture: Image.Image, boxes: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> None:
    draw_boxes(picture, boxes, [classes[label] for label in labels], class_colors(labels))
