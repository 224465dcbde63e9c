"""Pictures of the detections on a test set."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..datasets.image_index import ImageIndex
from ..run.outputs import check_outputs
from .box_drawing import draw_detections, save_picture

# File systems take 255; temporary files have longer names.
_MAX_NAME_BYTES = 180


def check_show_folder(folder: str | Path) -> Path:
    """Check that drawn images can go into a folder, also one of an earlier call, whose images are replaced.

    Raises:
        FileExistsError: when it is a file.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f'{folder}: is a file; choose a folder for the images with boxes')
    return folder


def show_detections(
    folder: str | Path,
    index: ImageIndex,
    detections: Sequence[Sequence[np.ndarray]],
    *,
    classes: Sequence[str],
    score_thr: float = 0.3,
) -> None:
    """Write every image with its detections as ``folder/{name}.jpg``.

    Images of the same name in two lists get the number of the image in front of the name.

    Args:
        folder: images in it of the same names are replaced.
        index: of the images.
        detections: for each image a list of one ``(n, 5)`` array per class: x1, y1, x2, y2, score.
        classes: class names.
        score_thr: least score of a box that is drawn.

    Raises:
        FileExistsError: see :func:`check_show_folder`, or a file there is no picture of this package's.
    """
    folder = check_show_folder(folder)
    unique = len(set(index.names)) == len(index.names)
    names = [_short(name) if unique else f'{i}_{_short(name)}' for i, name in enumerate(index.names)]
    paths = [folder / f'{name}.jpg' for name in names]
    check_outputs(paths, [index.image_path(i) for i in range(len(paths))])
    options = dict(classes=classes, score_threshold=score_thr, exif=index.exif)
    for i, (path, by_class) in enumerate(zip(paths, detections, strict=True)):
        labels = np.repeat(np.arange(len(by_class)), [len(boxes) for boxes in by_class])
        found = np.concatenate(by_class)
        order = np.argsort(-found[:, 4], kind='stable')
        found, labels = found[order], labels[order]
        picture, _ = draw_detections(index.image_path(i), found[:, :4], found[:, 4], labels, **options)
        save_picture(picture, path)


def _short(name: str) -> str:
    """Return an image name whose last part is short enough for a file name, and still its own."""
    parent, _, base = name.rpartition('/')
    data = base.encode()
    if len(data) > _MAX_NAME_BYTES:
        digest = hashlib.sha256(data).hexdigest()[:16]
        base = f'{data[:_MAX_NAME_BYTES].decode(errors="ignore")}-{digest}'
    return f'{parent}/{base}' if parent else base
