"""Labeled images: data sets of any format whose boxes are unlocked image by image."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from mmdet.datasets import VOCDataset
from mmdet.datasets.pipelines import Compose
from torch.utils.data import Dataset

from .image_files import summarise
from .image_index import ImageIndex
from .image_lists import text_lines
from .pool import image_record
from .seeding import Draw, open_draw

# Looked up, not configured: mmdet's get_root_logger would fix the handlers before the run names its log file.
_LOGGER = logging.getLogger('mmdet')


@dataclass(frozen=True, eq=False)
class BoxAnnotation:
    """Boxes of one image, in pixels from 0, and what was odd about them.

    Attributes:
        bboxes: ``(n, 4)`` float32, x1, y1, x2, y2.
        labels: ``(n,)`` int64.
        bboxes_ignore: ``(k, 4)`` float32, objects that count neither way (VOC's difficult, COCO's crowds).
        labels_ignore: ``(k,)`` int64.
        unknown: number of objects by name, of names that are no class of the data set.
        problems: what was found wrong with single objects, in words.
    """

    bboxes: np.ndarray
    labels: np.ndarray
    bboxes_ignore: np.ndarray
    labels_ignore: np.ndarray
    unknown: Mapping[str, int]
    problems: tuple[str, ...]

    @classmethod
    def from_objects(
        cls,
        objects: Sequence[tuple[Sequence[float], int, bool]],
        unknown: Mapping[str, int],
        problems: Iterable[str],
    ) -> BoxAnnotation:
        """Annotation of an image with these objects.

        Args:
            objects: corners (x1, y1, x2, y2), label and whether the object is ignored; may be empty.
            unknown: see the attribute.
            problems: see the attribute.
        """
        arrays = {}
        for suffix, ignored in (('', False), ('_ignore', True)):
            chosen = [(corners, label) for corners, label, is_ignored in objects if is_ignored == ignored]
            arrays[f'bboxes{suffix}'] = np.array([box for box, _ in chosen], np.float32).reshape(-1, 4)
            arrays[f'labels{suffix}'] = np.array([label for _, label in chosen], np.int64)
        return cls(**arrays, unknown=dict(unknown), problems=tuple(problems))


class LabeledDataset(Dataset, ABC):
    """Images with boxes; the boxes of an image are read by :meth:`label` and not before.

    Index i is image i of the pool's index, and no image is ever dropped. A subclass reads one format:
    it says where boxes come from (:meth:`annotation_source`), reads them (:meth:`read_annotation`) and
    evaluates detections (``evaluate``).

    Args:
        index: names and files of the images.
        classes: class names; label k is entry k.
        pipeline: transforms.
        test_mode: label all images at once, and load them without boxes.

    Attributes:
        problems: what :meth:`label` found wrong, as (annotation source, what); nothing of it stops the run.
        unknown_classes: number of objects by name, of names that are not in ``CLASSES``.
    """

    CLASSES: tuple[str, ...] = ()

    def __init__(
        self,
        index: ImageIndex,
        classes: tuple[str, ...],
        pipeline: Sequence[dict] = (),
        test_mode: bool = False,
    ) -> None:
        self.index = index
        self.CLASSES = classes
        colors = VOCDataset.PALETTE
        self.PALETTE = [colors[label % len(colors)] for label in range(len(classes))]
        self.pipeline = Compose(pipeline)
        self.test_mode = test_mode
        self.problems: list[tuple[str, str]] = []
        self.unknown_classes: Counter[str] = Counter()
        self._annotations: dict[int, BoxAnnotation] = {}
        if test_mode:
            self.label(range(len(self)))

    @abstractmethod
    def annotation_source(self, i: int) -> str:
        """File (and entry) that the boxes of image ``i`` come from, for messages."""

    @abstractmethod
    def read_annotation(self, i: int) -> BoxAnnotation:
        """Read the boxes of image ``i`` without unlocking them.

        Raises:
            FileNotFoundError, ValueError: they are missing or malformed.
        """

    def stated_size(self, i: int) -> tuple[float, float] | None:
        """Width and height in pixels that the annotations state and :meth:`read_annotation` relies upon.

        None where it relies upon none.
        """
        return None

    def written_boxes(self, annotation: BoxAnnotation) -> np.ndarray:
        """Boxes, then ignored boxes, in the coordinates of the annotation files: ``(n + k, 4)`` float32."""
        return np.concatenate([annotation.bboxes, annotation.bboxes_ignore])

    @classmethod
    def get_classes(cls, classes: str | Sequence[str] | None = None) -> tuple[str, ...]:
        """Class names from a sequence, a file with one name per line, or (None) the format's default.

        Raises:
            ValueError: no class, a class twice or an empty name.
        """
        if classes is None:
            return cls.CLASSES
        names = tuple(text_lines(classes) if isinstance(classes, str) else classes)
        if (
            not names
            or len(set(names)) != len(names)
            or not all(isinstance(name, str) and name for name in names)
        ):
            raise ValueError(f'classes {names}: expected different names, or a file with one name a line')
        return names

    def __len__(self) -> int:
        return len(self.index)

    @property
    def flag(self) -> np.ndarray:
        """``(N,)`` uint8 aspect group of each image, for mmdet's samplers."""
        return self.index.aspect_flags

    def label(self, indices: Iterable[int]) -> None:
        """Ask for the labels of images: read their annotations and unlock them.

        Images labeled before stay as they are. Odd boxes and names that are no class are logged once.

        Args:
            indices: pool indices.

        Raises:
            IndexError: no such image.
            FileNotFoundError, ValueError: annotations are missing or malformed; no image is unlocked.
            ValueError: not a single box of a known class in all images labeled so far.
        """
        wanted = dict.fromkeys(int(i) for i in indices)
        new = self._read([i for i in wanted if i not in self._annotations])
        unknown = sum((Counter(annotation.unknown) for annotation in new.values()), Counter())
        labeled = {**self._annotations, **new}
        if new and not any(len(annotation.labels) for annotation in labeled.values()):
            raise ValueError(
                f'no box of a known class in {len(labeled)} labeled images; names of other objects there: '
                f'{dict((self.unknown_classes + unknown).most_common(10))}, classes: {self.CLASSES}; '
                'set the classes of the data set and num_classes of the model'
            )
        self._annotations = labeled
        self._report(new, unknown)

    def get_ann_info(self, i: int) -> dict[str, np.ndarray]:
        """Copies of a labeled image's boxes and labels, in the form that mmdet's pipelines take.

        Returns:
            ``bboxes`` ``(n, 4)`` float32, ``labels`` ``(n,)`` int64, ``bboxes_ignore`` ``(k, 4)`` float32 and
            ``labels_ignore`` ``(k,)`` int64.

        Raises:
            KeyError: the image was not labeled.
        """
        if i not in self._annotations:
            raise KeyError(
                f'image {i} ({self.index.names[i]}) is not labeled; label([{i}]) asks for its labels'
            )
        annotation = self._annotations[i]
        names = ('bboxes', 'labels', 'bboxes_ignore', 'labels_ignore')
        return {name: getattr(annotation, name).copy() for name in names}

    def get_cat_ids(self, i: int) -> list[int]:
        """Labels of all boxes of a labeled image, ignored ones left out."""
        return self.get_ann_info(i)['labels'].tolist()

    def __getitem__(self, draw: Draw | int) -> dict:
        """Sample of an image, augmented by the draw's seed; a pool index alone is loaded unseeded."""
        i, seeded = open_draw(draw)
        with seeded:
            return self.prepare_test_img(i) if self.test_mode else self.prepare_train_img(i)

    def prepare_train_img(self, i: int) -> dict:
        """Labeled image through the pipeline."""
        return self.pipeline({**image_record(self.index, i), 'ann_info': self.get_ann_info(i)})

    def prepare_test_img(self, i: int) -> dict:
        """Image through the pipeline, without its boxes."""
        return self.pipeline(image_record(self.index, i))

    def _read(self, indices: list[int]) -> dict[int, BoxAnnotation]:
        found, failures = {}, []
        for i in indices:
            if not 0 <= i < len(self):
                raise IndexError(f'image {i} of {len(self)}')
            try:
                found[i] = self.read_annotation(i)
            except (FileNotFoundError, ValueError) as error:
                failures.append(error)
        if failures:
            missing = all(isinstance(error, FileNotFoundError) for error in failures)
            listed = summarise([str(error) for error in failures], len(failures))
            message = f'annotations of {len(failures)} of {len(indices)} images cannot be read: {listed}'
            raise FileNotFoundError(message) if missing else ValueError(message)
        return found

    def _report(self, new: Mapping[int, BoxAnnotation], unknown: Counter[str]) -> None:
        found = [(self.annotation_source(i), what) for i, entry in new.items() for what in entry.problems]
        self.problems += found
        self.unknown_classes += unknown
        if found:
            listed = [f'{source}: {what}' for source, what in found[:10]]
            _LOGGER.warning('%d boxes to look at: %s', len(found), summarise(listed, len(found)))
        if unknown:
            counts = ', '.join(f'{name} ({count})' for name, count in unknown.most_common(20))
            _LOGGER.warning('%d objects of no known class are left out: %s', sum(unknown.values()), counts)
