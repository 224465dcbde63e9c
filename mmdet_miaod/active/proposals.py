"""Boxes that a cycle's model proposes for the images of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..annotation.batch import PreBox, rounded_corners


@dataclass(frozen=True)
class ProposalSettings:
    """Which detections become proposed boxes.

    Attributes:
        score_thr: detections of lower scores do not.
        max_boxes: per image, those of the highest scores.
    """

    score_thr: float = 0.3
    max_boxes: int = 100


def propose_boxes(
    detections: Sequence[np.ndarray],
    classes: Sequence[str],
    size: tuple[int, int],
    settings: ProposalSettings,
) -> tuple[PreBox, ...]:
    """Boxes to propose for an image, the highest scores first.

    Args:
        detections: one ``(m, 5)`` array per class.
        classes: their names.
        size: width and height of the image, to which boxes are clipped.
        settings: which detections to take.
    """
    found = [
        (float(score), name, rounded_corners(np.clip(corners, 0, size * 2)))
        for name, boxes in zip(classes, detections, strict=True)
        for *corners, score in np.asarray(boxes, float).tolist()
        if score >= settings.score_thr
    ]
    with_area = [entry for entry in found if entry[2][0] < entry[2][2] and entry[2][1] < entry[2][3]]
    ordered = sorted(with_area, key=lambda entry: -entry[0])[: settings.max_boxes]
    return tuple(
        PreBox(f'p{number}', name, score, corners) for number, (score, name, corners) in enumerate(ordered, 1)
    )
