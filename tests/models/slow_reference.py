"""The method's formulas written out as loops in float64, without code of the package or MMDetection."""

from __future__ import annotations

import math

import numpy as np

STRIDES = (8, 16, 32, 64, 128)


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, dtype=np.float64)))


def softmax(x):
    exponential = np.exp(np.asarray(x, dtype=np.float64) - np.max(x))
    return exponential / exponential.sum()


def rows(level_map, image: int, channels: int) -> np.ndarray:
    """(anchors, channels) of one image: row-major cells, anchors of a cell next to each other."""
    _, _, height, width = level_map.shape
    anchors = level_map.shape[1] // channels
    out = np.zeros((height * width * anchors, channels))
    for y in range(height):
        for x in range(width):
            for a in range(anchors):
                for c in range(channels):
                    out[(y * width + x) * anchors + a, c] = level_map[image, a * channels + c, y, x]
    return out


def level_anchors(height: int, width: int, stride: int) -> list[tuple]:
    anchors = []
    for y in range(height):
        for x in range(width):
            for ratio in (0.5, 1.0, 2.0):
                for octave in range(3):
                    size = stride * 4 * 2 ** (octave / 3)
                    w, h = size / math.sqrt(ratio), size * math.sqrt(ratio)
                    anchors.append(
                        (x * stride - w / 2, y * stride - h / 2, x * stride + w / 2, y * stride + h / 2)
                    )
    return anchors


def iou(a, b) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / union


def assign(sizes, pad_shape, boxes) -> tuple[list, list]:
    """For each anchor: its box, None for background, 'ignored' or 'padding'; and the anchors."""
    anchors, found = [], []
    for (height, width), stride in zip(sizes, STRIDES, strict=True):
        for number, anchor in enumerate(level_anchors(height, width, stride)):
            cell = number // 9
            inside = cell // width < math.ceil(pad_shape[0] / stride) and cell % width < math.ceil(
                pad_shape[1] / stride
            )
            overlaps = [iou(anchor, box) for box in boxes]
            best = max(overlaps, default=0.0)
            target = None if best < 0.4 else 'ignored' if best < 0.5 else int(np.argmax(overlaps))
            anchors.append(anchor)
            found.append(target if inside else 'padding')
    for number, box in enumerate(boxes):  # a box's best anchors are its own however small the overlap
        overlaps = [-1.0 if f == 'padding' else iou(a, box) for a, f in zip(anchors, found, strict=True)]
        for index, overlap in enumerate(overlaps):
            if overlap >= max(overlaps) - 1e-12:
                found[index] = number
    return found, anchors


def focal(logit: float, is_class: bool) -> float:
    p = float(sigmoid(logit))
    if is_class:
        return -0.25 * (1 - p) ** 2 * math.log(p)
    return -0.75 * p**2 * math.log1p(-p)


def encode(anchor, box) -> list[float]:
    aw, ah, bw, bh = anchor[2] - anchor[0], anchor[3] - anchor[1], box[2] - box[0], box[3] - box[1]
    dx = ((box[0] + box[2]) - (anchor[0] + anchor[2])) / 2 / aw
    dy = ((box[1] + box[3]) - (anchor[1] + anchor[3])) / 2 / ah
    return [dx, dy, math.log(bw / aw), math.log(bh / ah)]


def detection_losses(maps: dict, pad_shapes, boxes, labels, num_classes: int) -> dict[str, float]:
    """loss_cls and loss_bbox of a labeled batch."""
    sizes = [level.shape[-2:] for level in maps['f_1']]
    classification = regression = normalizer = 0.0
    for image, (image_boxes, image_labels) in enumerate(zip(boxes, labels, strict=True)):
        found, anchors = assign(sizes, pad_shapes[image], image_boxes)
        z1, z2, deltas = (
            np.concatenate([rows(level, image, channels) for level in maps[branch]])
            for branch, channels in (('f_1', num_classes), ('f_2', num_classes), ('f_r', 4))
        )
        normalizer += max(1, sum(isinstance(target, int) for target in found))
        for index, target in enumerate(found):
            if isinstance(target, str):
                continue
            for c in range(num_classes):
                is_class = target is not None and image_labels[target] == c
                classification += (focal(z1[index, c], is_class) + focal(z2[index, c], is_class)) / 2
            if target is not None:
                wanted = encode(anchors[index], image_boxes[target])
                regression += sum(abs(deltas[index, i] - wanted[i]) for i in range(4))
    return dict(loss_cls=classification / normalizer, loss_bbox=regression / normalizer)


def instance_weights(maps: dict, level: int, image: int, num_classes: int, activation: str) -> np.ndarray:
    """w of one level of one image, (anchors, classes)."""
    mil, z1, z2 = (rows(maps[branch][level], image, num_classes) for branch in ('f_mil', 'f_1', 'f_2'))
    share = softmax([max(sigmoid((z1[i] + z2[i]) / 2)) for i in range(len(z1))])
    first = [softmax(mil[i]) if activation == 'softmax' else sigmoid(mil[i]) for i in range(len(mil))]
    return np.array([[first[i][c] * share[i] for c in range(num_classes)] for i in range(len(mil))])


def image_losses(maps: dict, labels, num_classes: int, activation: str, lam: float = 0.5) -> dict[str, float]:
    """loss_mil, loss_dis, loss_dis_max and loss_mil_pseudo of a batch."""
    levels, images = range(len(maps['f_1'])), len(maps['f_1'][0])
    mil = pseudo = discrepancy = agreement = 0.0
    every_image_has_one = True
    for image in range(images):
        score, pseudo_class = np.zeros(num_classes), np.zeros(num_classes, dtype=bool)
        for level in levels:
            w = instance_weights(maps, level, image, num_classes, activation)
            p1, p2 = (sigmoid(rows(maps[branch][level], image, num_classes)) for branch in ('f_1', 'f_2'))
            for i in range(len(w)):
                discrepancy += np.mean(abs(p1[i] - p2[i]) * w[i])
                agreement += np.mean((1 - abs(p1[i] - p2[i])) * w[i])
                pseudo_class |= (p1[i] + p2[i]) / 2 >= 0.5
            score = np.maximum(score, w.sum(axis=0))
        score = np.clip(score, 1e-5, 1 - 1e-5)
        shown = [c in set(labels[image].tolist()) for c in range(num_classes)]
        mil -= sum(math.log(score[c] if shown[c] else 1 - score[c]) for c in range(num_classes))
        pseudo -= sum(math.log(score[c] if pseudo_class[c] else 1 - score[c]) for c in range(num_classes))
        every_image_has_one &= bool(pseudo_class.any())
    count = images * num_classes
    return dict(
        loss_mil=mil / count,
        loss_dis=lam * discrepancy,
        loss_dis_max=lam * agreement,
        loss_mil_pseudo=pseudo / count if every_image_has_one else 0.0,
    )


def uncertainty(maps: dict, num_classes: int, k: int) -> list[float]:
    scores = []
    for image in range(len(maps['f_1'][0])):
        values = []
        for level in range(len(maps['f_1'])):
            p1, p2 = (sigmoid(rows(maps[branch][level], image, num_classes)) for branch in ('f_1', 'f_2'))
            values += [np.mean((p1[i] - p2[i]) ** 2) for i in range(len(p1))]
        scores.append(float(np.mean(sorted(values, reverse=True)[:k])))
    return scores
