"""The images of a batch, with the boxes that a cycle's model proposes for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..annotation.batch import BatchImage, PreBox, image_uids, rounded_corners
from ..run.file_record import hash_file


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


def describe_images(
    indices: np.ndarray,
    paths: Sequence[str],
    sizes: np.ndarray,
    *,
    run: str,
    number: int,
    scores: np.ndarray,
    detections: Sequence[Sequence[np.ndarray]] | None,
    classes: Sequence[str],
    settings: ProposalSettings,
    heartbeat: Callable[[], None],
) -> list[BatchImage]:
    """Describe the images of a batch, those of the highest scores first.

    Args:
        indices: ``(n,)`` int64 pool indices.
        paths: of their files.
        sizes: ``(n, 2)`` width and height in pixels.
        run: id of the run.
        number: of the batch.
        scores: ``(n,)``, NaN where there is none.
        detections: per image one ``(m, 5)`` array per class; None without a model.
        classes: their names.
        settings: which detections are proposed.
        heartbeat: called after each image.
    """
    order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind='stable').tolist()
    contents = []
    for position in order:
        contents.append(hash_file(paths[position])[1])
        heartbeat()
    images = []
    for uid, content, position in zip(image_uids(run, number, contents), contents, order, strict=True):
        width, height = map(int, sizes[position])
        found = None if detections is None else detections[position]
        images.append(
            BatchImage(
                uid,
                int(indices[position]),
                f'{uid}{Path(paths[position]).suffix.lower()}',
                content,
                width,
                height,
                float(scores[position]) if np.isfinite(scores[position]) else None,
                () if found is None else propose_boxes(found, classes, (width, height), settings),
            )
        )
    return images
