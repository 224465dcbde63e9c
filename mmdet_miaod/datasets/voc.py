"""Detection data in PASCAL VOC's format whose labels are unlocked image by image."""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from mmdet.core.evaluation.mean_ap import print_map_summary
from mmdet.datasets import DATASETS, VOCDataset
from mmdet.datasets.pipelines import Compose
from torch.utils.data import Dataset

from .image_files import summarise
from .image_index import ImageIndex
from .image_lists import text_lines
from .pool import build_index, image_record
from .seeding import open_draw
from .voc_map import eval_voc_map
from .voc_xml import VOCAnnotation, parse_voc_xml

# Looked up, not configured: mmdet's get_root_logger would fix the handlers before the run names its log file.
_LOGGER = logging.getLogger('mmdet')


@DATASETS.register_module()
class VOCDetectionDataset(Dataset):
    """Images with boxes; index i is line i of the lists joined, and no image is ever dropped.

    Boxes are VOC's minus 1; objects marked difficult are ignored boxes. An image's XML file is
    opened by :meth:`label` and not before.

    Args:
        ann_file: Image list(s), one name a line.
        img_prefix: Folder of each list's images and annotations.
        pipeline: Transforms.
        classes: Class names, or a file with one name a line. Default: the 20 classes of VOC.
        test_mode: Label all images at once, and load them without boxes.
        img_subdir: Sub folder of the images.
        ann_subdir: Sub folder of the XML files.
        tags: Name of each list (:class:`ImageIndex`).
        use_legacy_coordinate: Evaluate with widths and heights plus 1 pixel, as MMDetection's VOCDataset.
        index: An index built before, in place of the lists.
        data_root: What relative lists and folders start from.

    Attributes:
        problems: What :meth:`label` found wrong, as (annotation file, what); nothing of it stops the run.
        unknown_classes: Number of objects by name, of names that are not in ``CLASSES``.
    """

    CLASSES = VOCDataset.CLASSES
    PALETTE = VOCDataset.PALETTE
    # The coordinates of an image's first pixel in annotation files.
    FIRST_PIXEL = 1

    def __init__(
        self,
        ann_file: str | Sequence[str] | None = None,
        img_prefix: str | Sequence[str] | None = None,
        pipeline: Sequence[dict] = (),
        classes: str | Sequence[str] | None = None,
        test_mode: bool = False,
        img_subdir: str = 'JPEGImages',
        ann_subdir: str = 'Annotations',
        tags: Sequence[str] | None = None,
        use_legacy_coordinate: bool = False,
        index: ImageIndex | None = None,
        data_root: str | None = None,
    ):
        if classes is not None:
            self.CLASSES = self.get_classes(classes)
            self.PALETTE = _palette(len(self.CLASSES))
        self.index = index or build_index(ann_file, img_prefix, img_subdir, ann_subdir, tags, data_root)
        self.pipeline = Compose(pipeline)
        self.test_mode = test_mode
        self.use_legacy_coordinate = use_legacy_coordinate
        self.problems: list[tuple[str, str]] = []
        self.unknown_classes: Counter[str] = Counter()
        self._annotations: dict[int, VOCAnnotation] = {}
        if test_mode:
            self.label(range(len(self)))

    def __len__(self) -> int:
        return len(self.index)

    @classmethod
    def get_classes(cls, classes: str | Sequence[str] | None = None) -> tuple[str, ...]:
        """Class names from a sequence, a file with one name a line, or (None) the default.

        Raises:
            ValueError: No class, a class twice or an empty name.
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

    @property
    def flag(self) -> np.ndarray:
        """(N,) uint8 aspect group of each image, for mmdet's samplers."""
        return self.index.aspect_flags

    def label(self, indices: Iterable[int]) -> None:
        """Ask for the labels of images: read their XML files and unlock them.

        Images labeled before stay as they are.

        Reports once to the log: boxes without area by file name, names that are no class with their counts.

        Args:
            indices: Pool indices.

        Raises:
            IndexError: No such image.
            FileNotFoundError, ValueError: XML files are missing or malformed; none of the images is unlocked.
            ValueError: Not a single box of a known class in all images labeled so far.
        """
        wanted = dict.fromkeys(int(i) for i in indices)
        new = self._parse([i for i in wanted if i not in self._annotations])
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
        """Boxes of a labeled image: ``bboxes`` (n, 4) float32, ``labels`` (n,) int64; also ``..._ignore``.

        Raises:
            KeyError: The image was not labeled.
        """
        if i not in self._annotations:
            raise KeyError(
                f'image {i} ({self.index.names[i]}) is not labeled; label([{i}]) asks for its labels'
            )
        annotation = self._annotations[i]
        names = ('bboxes', 'labels', 'bboxes_ignore', 'labels_ignore')
        return {name: getattr(annotation, name).copy() for name in names}

    def get_cat_ids(self, i: int) -> list[int]:
        """Labels of all boxes of a labeled image."""
        return self.get_ann_info(i)['labels'].tolist()

    def __getitem__(self, draw: Any) -> dict:
        """Sample of an image; ``draw`` is a :class:`~mmdet_miaod.datasets.samplers.Draw` or a pool index."""
        i, seeded = open_draw(draw)
        with seeded:
            return self.prepare_test_img(i) if self.test_mode else self.prepare_train_img(i)

    def prepare_train_img(self, i: int) -> dict:
        """Labeled image through the pipeline."""
        return self.pipeline({**image_record(self.index, i), 'ann_info': self.get_ann_info(i)})

    def prepare_test_img(self, i: int) -> dict:
        """Image through the pipeline, without its boxes."""
        return self.pipeline(image_record(self.index, i))

    @staticmethod
    def check_evaluation(
        metric: str = 'mAP',
        iou_thr: float = 0.5,
        logger: logging.Logger | str | None = None,
        mode: str = '11points',
    ) -> None:
        """Check the arguments of :meth:`evaluate` without any results.

        Raises:
            ValueError: Unknown metric or mode, or no overlap.
        """
        if metric not in ('mAP', ['mAP'], ('mAP',)):
            raise ValueError(f"metric {metric!r} is not supported; expected 'mAP'")
        if mode not in ('11points', 'area'):
            raise ValueError(f"mode {mode!r} is not supported; expected '11points' or 'area'")
        if not isinstance(iou_thr, (int, float)) or not 0 < iou_thr <= 1:
            raise ValueError(f'iou_thr is {iou_thr!r}; expected a number in (0, 1]')

    def evaluate(
        self,
        results: Sequence[Sequence[np.ndarray]],
        metric: str = 'mAP',
        iou_thr: float = 0.5,
        logger: logging.Logger | str | None = None,
        mode: str = '11points',
    ) -> OrderedDict:
        """Average precision of detections on all images.

        Args:
            results: For each image, for each class (m, 5) float32.
            metric: 'mAP'.
            iou_thr: Overlap from which a detection counts.
            logger: Where the table goes; default: the run's log, 'silent': nowhere.
            mode: '11points' or 'area'.

        Returns:
            ``mAP`` (float), ``AP`` (by class name; NaN for a class without boxes) and mmdet's ``AP50``.

        Raises:
            ValueError: Unknown metric or mode, or results that do not fit. KeyError: An image is not labeled.
        """
        self.check_evaluation(metric, iou_thr, mode=mode)
        annotations = [self.get_ann_info(i) for i in range(len(self))]
        mean_ap, by_class = eval_voc_map(
            results, annotations, self.CLASSES, iou_thr, mode, self.use_legacy_coordinate
        )
        print_map_summary(
            mean_ap,
            [vars(result) for result in by_class.values()],
            list(self.CLASSES),
            logger=logger or _LOGGER,
        )
        return OrderedDict(
            [
                ('mAP', mean_ap),
                ('AP', {name: result.ap for name, result in by_class.items()}),
                (f'AP{round(iou_thr * 100):02d}', round(mean_ap, 3)),
            ]
        )

    def annotation_source(self, i: int) -> str:
        """Where the boxes of an image come from, for messages."""
        return self.index.annotation_path(i)

    def read_annotation(self, i: int) -> VOCAnnotation:
        """Read an image's boxes without unlocking them.

        Raises:
            FileNotFoundError, ValueError: They are missing or malformed.
        """
        return parse_voc_xml(self.index.annotation_path(i), self._class_labels)

    @cached_property
    def _class_labels(self) -> dict[str, int]:
        return {name: label for label, name in enumerate(self.CLASSES)}

    def stated_size(self, i: int) -> tuple[float, float] | None:
        """Width and height of an image that are relied upon in reading its boxes; None: nothing is."""
        return None

    def _parse(self, indices: list[int]) -> dict[int, VOCAnnotation]:
        parsed, failures = {}, []
        for i in indices:
            if not 0 <= i < len(self):
                raise IndexError(f'image {i} of {len(self)}')
            try:
                parsed[i] = self.read_annotation(i)
            except (FileNotFoundError, ValueError) as error:
                failures.append(error)
        if failures:
            missing = all(isinstance(error, FileNotFoundError) for error in failures)
            listed = summarise([str(error) for error in failures], len(failures))
            message = f'annotations of {len(failures)} of {len(indices)} images cannot be read: {listed}'
            raise FileNotFoundError(message) if missing else ValueError(message)
        return parsed

    def _report(self, new: dict[int, VOCAnnotation], unknown: Counter[str]) -> None:
        found = [(self.annotation_source(i), what) for i, entry in new.items() for what in entry.problems]
        self.problems += found
        self.unknown_classes += unknown
        if found:
            listed = [f'{path}: {what}' for path, what in found[:10]]
            _LOGGER.warning('%d boxes to look at: %s', len(found), summarise(listed, len(found)))
        if unknown:
            counts = ', '.join(f'{name} ({count})' for name, count in unknown.most_common(20))
            _LOGGER.warning('%d objects of no known class are left out: %s', sum(unknown.values()), counts)


def _palette(num_classes: int) -> list[tuple[int, int, int]]:
    colors = VOCDataset.PALETTE
    return [colors[label % len(colors)] for label in range(num_classes)]
