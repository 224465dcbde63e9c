"""Labeled images: data sets of any format whose boxes are unlocked image by image."""

import logging
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from mmcv.parallel import DataContainer
from mmdet.datasets import VOCDataset
from torch.utils.data import Dataset

from .boxes import BoxAnnotation, has_area
from .image_files import summarise
from .image_index import ImageIndex
from .image_lists import text_lines
from .label_report import label_warnings, no_box_message, total_counts, unknown_objects
from .loading import image_record, load_sample, loading_pipeline
from .seeding import Draw, open_draw

# Looked up, not configured: mmdet's get_root_logger would fix the handlers before the run names its log file.
_LOGGER = logging.getLogger('mmdet')


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
        unknown_classes: ``'warn'`` leaves out objects of names that are no class, with a warning;
            ``'error'`` refuses to label their images.

    Attributes:
        problems: what :meth:`label` found wrong, as (annotation source, what); nothing of it stops the run.
        unknown_classes: number of objects by name, of names that are not in ``CLASSES``.
        class_hint: what is odd about the classes, in words.
    """

    CLASSES: tuple[str, ...] = ()
    class_hint: str = ''

    def __init__(
        self,
        index: ImageIndex,
        classes: tuple[str, ...],
        pipeline: Sequence[dict] = (),
        test_mode: bool = False,
        unknown_classes: str = 'warn',
    ) -> None:
        if unknown_classes not in ('warn', 'error'):
            raise ValueError(f"unknown_classes is {unknown_classes!r}; expected 'warn' or 'error'")
        self._refuse_unknown = unknown_classes == 'error'
        self.index = index
        self.CLASSES = classes
        colors = VOCDataset.PALETTE
        self.PALETTE = [colors[label % len(colors)] for label in range(len(classes))]
        self.pipeline = loading_pipeline(pipeline, index.exif)
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
        """Read the boxes of image ``i``; :meth:`annotation` holds them against the image where this does not.

        Raises:
            FileNotFoundError, ValueError: they are missing or malformed.
        """

    def annotation(self, i: int) -> BoxAnnotation:
        """Boxes of image ``i`` that a model can be trained on, without unlocking them.

        Raises:
            FileNotFoundError, ValueError: they are missing or malformed.
        """
        found = self.read_annotation(i)
        return found if found.size is not None else found.within(self.index.size_of(i))

    def stray_objects(self) -> Mapping[str, int]:
        """Objects of the annotation files that belong to no image of the data set, by reason."""
        return {}

    def perhaps_unlabeled(self, indices: Iterable[int]) -> list[int]:
        """Those of some images of which the annotations do not tell whether anybody has labeled them."""
        return []

    @classmethod
    def get_classes(cls, classes: str | Sequence[str] | None = None) -> tuple[str, ...]:
        """Class names from a sequence, a file with one name per line, or (None) the format's default.

        Raises:
            ValueError: no class, a class twice or an empty name; a text that names no file.
        """
        if classes is None:
            return cls.CLASSES
        if isinstance(classes, str) and not os.path.isfile(classes):
            raise ValueError(
                f'classes is the text {classes!r}, which is read as the name of a file of class names, and '
                f'there is none; for one class write classes = [{classes!r}]'
            )
        names = tuple(text_lines(classes) if isinstance(classes, str) else classes)
        if (
            not names
            or len(set(names)) != len(names)
            or not all(isinstance(name, str) and name for name in names)
        ):
            raise ValueError(f'classes {names}: expected different names, or a file with one name per line')
        return names

    def __len__(self) -> int:
        return len(self.index)

    @property
    def flag(self) -> np.ndarray:
        """``(N,)`` uint8 aspect group of each image, for mmdet's samplers."""
        return self.index.aspect_flags

    def label(self, indices: Iterable[int]) -> None:
        """Ask for the labels of images: read their annotations and unlock them.

        Images labeled before stay as they are. Where all objects went, odd boxes and names that are no class
        are logged once.

        Args:
            indices: pool indices.

        Raises:
            IndexError: no such image.
            FileNotFoundError, ValueError: annotations are missing or malformed, or have unknown classes where
                these are refused; no image is unlocked.
            ValueError: not a single box of a known class in all images labeled so far.
        """
        wanted = dict.fromkeys(int(i) for i in indices)
        new = self._read([i for i in wanted if i not in self._annotations])
        if not new:
            return
        sources = self._by_source(new)
        unknown = unknown_objects(sources, self.CLASSES)
        if unknown and self._refuse_unknown:
            raise ValueError(
                f"unknown_classes is 'error', and there are names that are no class: "
                f'{summarise(unknown, len(unknown))}; classes: {self.CLASSES}'
            )
        labeled = {**self._annotations, **new}
        if not any(len(annotation.labels) for annotation in labeled.values()):
            raise ValueError(no_box_message(self._by_source(labeled), self.CLASSES))
        self._annotations = labeled
        self._report(sources)

    def is_labeled(self, i: int) -> bool:
        """Whether the labels of image ``i`` were asked for."""
        return int(i) in self._annotations

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
        record = {**image_record(self.index, i), 'ann_info': self.get_ann_info(i)}
        return _drop_flat_boxes(load_sample(self.pipeline, record, self.index.image_path(i)))

    def prepare_test_img(self, i: int) -> dict:
        """Image through the pipeline, without its boxes."""
        return load_sample(self.pipeline, image_record(self.index, i), self.index.image_path(i))

    def _read(self, indices: list[int]) -> dict[int, BoxAnnotation]:
        found, failures = {}, []
        for i in indices:
            if not 0 <= i < len(self):
                raise IndexError(f'image {i} of {len(self)}')
            try:
                found[i] = self.annotation(i)
            except (FileNotFoundError, ValueError) as error:
                failures.append(error)
        if failures:
            missing = all(isinstance(error, FileNotFoundError) for error in failures)
            listed = summarise([str(error) for error in failures], len(failures))
            message = f'annotations of {len(failures)} of {len(indices)} images cannot be read: {listed}'
            raise FileNotFoundError(message) if missing else ValueError(message)
        return found

    def _by_source(self, annotations: Mapping[int, BoxAnnotation]) -> dict[str, BoxAnnotation]:
        return {self.annotation_source(i): entry for i, entry in annotations.items()}

    def _report(self, new: Mapping[str, BoxAnnotation]) -> None:
        self.problems += [(source, text) for source, entry in new.items() for text in entry.problems]
        for entry in new.values():
            self.unknown_classes.update(entry.unknown)
        for text in label_warnings(new, self.CLASSES):
            _LOGGER.warning('%s', text)
        _LOGGER.info('Labels of %d images: %s.', len(new), total_counts(new))


def _drop_flat_boxes(sample: dict | None) -> dict | None:
    """Take boxes without area out of a transformed sample: resizing may leave nothing of a box."""
    boxes = (sample or {}).get('gt_bboxes')
    values = boxes.data if isinstance(boxes, DataContainer) else boxes
    if values is None or bool((kept := has_area(values)).all()):
        return sample
    return {
        **sample,
        **{key: _chosen(sample[key], kept) for key in ('gt_bboxes', 'gt_labels') if key in sample},
    }


def _chosen(values: Any, kept: Any) -> Any:
    if not isinstance(values, DataContainer):
        return values[kept]
    return DataContainer(
        values.data[kept], values.stack, values.padding_value, values.cpu_only, values.pad_dims
    )
