"""A batch: the images that people are asked to label together, and its manifest on disk."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..run.checked_json import read_checked_json, write_checked_json
from ..run.file_record import DamagedFileError, FileRecord
from ..run.own_paths import own_path

BATCHES_FOLDER = 'batches'
BATCH_MANIFEST = 'manifest.json'
FORMAT = 1
# Pixels are kept to this many digits, as CVAT writes them: the same boxes by way of any tool are the same.
PIXEL_DIGITS = 2

Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class PreBox:
    """A box that the cycle's model proposes.

    Attributes:
        id: unique in the image.
        name: of its class.
        score: 0 to 1.
        corners: x1, y1, x2, y2, edges in pixels from 0, to :data:`PIXEL_DIGITS`.
    """

    id: str
    name: str
    score: float
    corners: Corners


@dataclass(frozen=True)
class BatchImage:
    """An image of a batch.

    Attributes:
        uid: its name in the tools, of this batch alone.
        index: pool index (of a test batch: index in the test set).
        file_name: ``<uid>.<suffix>``, below ``images/`` of the batch's folder.
        sha256: of the image file.
        width: pixels, as a person sees the image (after EXIF orientation).
        height: the same.
        acquisition: the query's score of the image, None where it has none.
        boxes: what the model proposes.
    """

    uid: str
    index: int
    file_name: str
    sha256: str
    width: int
    height: int
    acquisition: float | None = None
    boxes: tuple[PreBox, ...] = ()


@dataclass(frozen=True)
class Batch:
    """The manifest of a batch.

    Attributes:
        number: from 1.
        run: name of the run.
        cycle: whose training the labels are for.
        purpose: ``'train'`` or ``'test'``.
        model_sha256: of the model that proposed the boxes, None without one.
        classes: names in order.
        images: the most wanted first; their names sort in the same order.
    """

    number: int
    run: str
    cycle: int
    purpose: str
    model_sha256: str | None
    classes: tuple[str, ...]
    images: tuple[BatchImage, ...]

    @cached_property
    def by_name(self) -> dict[str, BatchImage]:
        """Images by uid and by file name."""
        names = {image.uid: image for image in self.images}
        return {**names, **{image.file_name: image for image in self.images}}


def batch_folder(run_directory: str | Path, number: int) -> Path:
    """Return the folder of a run's batch; see :func:`~mmdet_miaod.run.files.own_path` for errors."""
    return own_path(run_directory, f'{BATCHES_FOLDER}/{number}')


def image_uids(run: str, number: int, contents: Sequence[str]) -> list[str]:
    """Return names for the images of a batch: unlike those of any other batch, without dots, in order.

    Args:
        run: what tells the run from others.
        number: of the batch.
        contents: SHA-256 of each image file.
    """
    digits = max(4, len(str(len(contents))))
    uids = []
    for position, content in enumerate(contents, 1):
        token = hashlib.sha256(f'{run}\n{number}\n{position}\n{content}'.encode()).hexdigest()[:8]
        uids.append(f'b{number}-{position:0{digits}}-{token}')
    return uids


def rounded_corners(corners: Sequence[float]) -> Corners:
    """Return x1, y1, x2, y2 to :data:`PIXEL_DIGITS`."""
    x1, y1, x2, y2 = (round(float(value), PIXEL_DIGITS) + 0.0 for value in corners)  # + 0.0: no minus zero
    return x1, y1, x2, y2


def write_batch(folder: str | Path, batch: Batch) -> FileRecord:
    """Write the manifest into a batch's folder.

    Raises:
        ValueError: when an image or a box of the batch is impossible.
    """
    _check(batch)
    return write_checked_json(Path(folder) / BATCH_MANIFEST, dict(format=FORMAT, **asdict(batch)))


def read_batch(folder: str | Path) -> Batch:
    """Read the manifest of a batch's folder.

    Raises:
        FileNotFoundError: when there is none.
        DamagedFileError: when it is not what was written.
    """
    path = Path(folder) / BATCH_MANIFEST
    content = read_checked_json(path)
    try:
        if content.pop('format') != FORMAT:
            raise ValueError(f'this version reads format {FORMAT}')
        images = tuple(_read_image(image) for image in content.pop('images'))
        batch = Batch(**{**content, 'classes': tuple(content['classes'])}, images=images)
        _check(batch)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedFileError(f'{path}: is no manifest of a batch ({error!r})') from error
    return batch


def _read_image(image: dict[str, Any]) -> BatchImage:
    boxes = tuple(PreBox(**{**box, 'corners': tuple(box['corners'])}) for box in image['boxes'])
    return BatchImage(**{**image, 'boxes': boxes})


def _check(batch: Batch) -> None:
    if len({image.uid for image in batch.images}) != len(batch.images):
        raise ValueError('two images have one uid')
    for image in batch.images:
        stem, _, suffix = image.file_name.partition('.')
        # The name becomes a path: it must stay in the folder.
        if stem != image.uid or not suffix.isalnum() or not stem.replace('-', '').isalnum():
            raise ValueError(f'{image.file_name!r} is no file name of image {image.uid!r}')
        for box in image.boxes:
            x1, y1, x2, y2 = box.corners
            inside = 0 <= x1 < x2 <= image.width and 0 <= y1 < y2 <= image.height
            if not inside or box.name not in batch.classes or not math.isfinite(box.score):
                raise ValueError(f'image {image.uid}: impossible box {box}')
