"""The images of a batch, with the boxes that a cycle's model proposes for them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..annotation.batch import BatchImage, PreBox, image_uids, rounded_corners
from ..datasets.image_index import ImageIndex
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
    index: ImageIndex,
    *,
    run: str,
    number: int,
    scores: np.ndarray,
    propose: Callable[[int, tuple[int, int]], tuple[PreBox, ...]],
    heartbeat: Callable[[], None],
) -> list[BatchImage]:
    """Describe the images of a batch, those of the highest scores first.

    Args:
        indices: ``(n,)`` int64 pool indices.
        index: of the pool, whose sizes are known.
        run: id of the run.
        number: of the batch.
        scores: ``(n,)``, NaN where there is none.
        propose: boxes for the image at a position in ``indices``, of a width and height in pixels.
        heartbeat: called after each image.
    """
    order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind='stable')
    paths = [Path(index.image_path(i)) for i in indices[order].tolist()]
    contents = []
    for path in paths:
        contents.append(hash_file(path)[1])
        heartbeat()
    images = []
    described = zip(image_uids(run, number, contents), contents, paths, order.tolist(), strict=True)
    for uid, content, path, position in described:
        i, score = int(indices[position]), float(scores[position])
        name, size = f'{uid}{path.suffix.lower()}', tuple(map(int, index.sizes[i]))
        known = score if np.isfinite(score) else None
        images.append(BatchImage(uid, i, name, content, *size, known, propose(position, size)))
    return images
