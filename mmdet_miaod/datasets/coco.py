"""Pools and detection data in COCO's format, without a detour over VOC's."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from mmdet.datasets import DATASETS
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from .coco_json import CocoFile, parse_boxes, read_coco
from .image_index import ImageIndex
from .pool import ImagePoolDataset
from .voc import VOCDetectionDataset
from .voc_xml import VOCAnnotation

_LOGGER = logging.getLogger('mmdet')
_STATS = ('mAP', 'AP50', 'AP75', 'AP_small', 'AP_medium', 'AP_large')


def _open(ann_file: str, data_root: str | None, only_with_boxes: bool) -> CocoFile:
    file = read_coco(os.path.join(data_root or '', ann_file))
    return file.with_boxes() if only_with_boxes else file


@DATASETS.register_module()
class CocoPoolDataset(ImagePoolDataset):
    """All images of a COCO annotation file, without its annotations.

    Args:
        ann_file: annotation file; index i is entry i of its images.
        img_prefix: folder of the images.
        pipeline: see :class:`ImagePoolDataset`.
        score_pipeline: see :class:`ImagePoolDataset`.
        only_with_boxes: leave out images without any annotation or with sides under 32 pixels, as the
            published experiment does; looks at which images have annotations, not at the annotations.
        index: an index built before.
        data_root: what relative paths start from.
    """

    def __init__(
        self,
        ann_file: str,
        img_prefix: str,
        pipeline: Sequence[dict] = (),
        score_pipeline: Sequence[dict] | None = None,
        only_with_boxes: bool = False,
        index: ImageIndex | None = None,
        data_root: str | None = None,
    ) -> None:
        if index is None:
            file = _open(ann_file, data_root, only_with_boxes)
            index = file.index(os.path.join(data_root or '', img_prefix))
        super().__init__(pipeline=pipeline, score_pipeline=score_pipeline, index=index)


@DATASETS.register_module()
class CocoDetectionDataset(VOCDetectionDataset):
    """Images with boxes in COCO's format; boxes of an image are read by :meth:`label` and not before.

    Args:
        ann_file: annotation file; index i is entry i of its images.
        img_prefix: folder of the images.
        pipeline: transforms.
        classes: class names, or a file with one name a line; default: all categories of the file.
        test_mode: label all images at once, and load them without boxes.
        only_with_boxes: see :class:`CocoPoolDataset`.
        index: the pool's index, of the same annotation file.
        data_root: what relative paths start from.

    Raises:
        ValueError: a class is no category of the file, or the index is of other images.
    """

    FIRST_PIXEL = 0

    def __init__(
        self,
        ann_file: str,
        img_prefix: str,
        pipeline: Sequence[dict] = (),
        classes: str | Sequence[str] | None = None,
        test_mode: bool = False,
        only_with_boxes: bool = False,
        index: ImageIndex | None = None,
        data_root: str | None = None,
    ) -> None:
        self._file = _open(ann_file, data_root, only_with_boxes)
        if index is None:
            index = self._file.index(os.path.join(data_root or '', img_prefix))
        elif list(index.names) != [str(image['file_name']) for image in self._file.images]:
            raise ValueError(
                f'{self._file.path}: its {len(self._file.images)} images are not the {len(index)} of the '
                'pool in its order; give data.train and data.pool the same ann_file and only_with_boxes'
            )
        category_ids = {category['name']: category['id'] for category in self._file.categories}
        names = self.get_classes(list(category_ids) if classes is None else classes)
        missing = [name for name in names if name not in category_ids]
        if missing:
            raise ValueError(f'{self._file.path}: no categories {missing}; it has {list(category_ids)}')
        self.category_ids = [category_ids[name] for name in names]
        self._labels = {category_id: label for label, category_id in enumerate(self.category_ids)}
        super().__init__(pipeline=pipeline, classes=names, test_mode=test_mode, index=index)

    def image_id(self, i: int) -> int | str:
        """The file's id of image ``i``."""
        return self._file.images[i]['id']

    def annotation_source(self, i: int) -> str:
        return f'{self._file.path}, image {self.image_id(i)}'

    def read_annotation(self, i: int) -> VOCAnnotation:
        image = self._file.images[i]
        try:
            return parse_boxes(image, self._file.annotations.get(image['id'], ()), self._labels)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f'{self.annotation_source(i)}: malformed box ({error!r})') from error

    def stated_size(self, i: int) -> tuple[float, float]:
        image = self._file.images[i]
        return image['width'], image['height']

    def split_files(self, labeled: np.ndarray, unlabeled: np.ndarray) -> dict[str, str]:
        """Text files that describe a split: image ids, and the labeled set as a COCO annotation file.

        Args:
            labeled: (n,) pool indices, labeled already.
            unlabeled: (m,) pool indices.

        Returns:
            Text by file name.
        """
        for i in labeled:
            self.get_ann_info(int(i))
        images = [self._file.images[i] for i in labeled]
        boxes = [box for image in images for box in self._file.annotations.get(image['id'], ())]
        content = dict(images=images, annotations=boxes, categories=self._file.categories)
        ids = {
            f'image_ids_{letter}.txt': ''.join(f'{self.image_id(i)}\n' for i in part)
            for letter, part in (('L', labeled), ('U', unlabeled))
        }
        return {**ids, 'labeled.json': json.dumps(content) + '\n'}

    @staticmethod
    def check_evaluation(metric: str = 'bbox', logger: logging.Logger | str | None = None) -> None:
        """Check the arguments of :meth:`evaluate` without any results.

        Raises:
            ValueError: unknown metric.
        """
        if metric not in ('bbox', ['bbox'], ('bbox',)):
            raise ValueError(f"metric {metric!r} is not supported; expected 'bbox'")

    def evaluate(
        self,
        results: Sequence[Sequence[np.ndarray]],
        metric: str = 'bbox',
        logger: logging.Logger | str | None = None,
    ) -> OrderedDict:
        """COCO's average precision, by pycocotools.

        Args:
            results: for each image, for each class (m, 5) float32.
            metric: 'bbox'.
            logger: where the table goes; default: the run's log, 'silent': nowhere.

        Returns:
            ``mAP`` (IoU 0.5 to 0.95), ``AP`` by class name (NaN without boxes), ``AP50``, ``AP75``, by size.

        Raises:
            ValueError: unknown metric, or results that do not fit.
        """
        self.check_evaluation(metric)
        if len(results) != len(self):
            raise ValueError(f'{len(results)} results for {len(self)} images')
        evaluation = _evaluate(self._truth(), self._detections(results), self.category_ids)
        precision = evaluation.eval['precision'][:, :, :, 0, -1]
        by_class = {}
        # COCOeval sorts the category ids that it is given.
        columns = np.argsort(np.argsort(self.category_ids))
        for column, name in zip(columns, self.CLASSES, strict=True):
            values = precision[:, :, column]
            by_class[name] = float(values[values > -1].mean()) if (values > -1).any() else float('nan')
        found = OrderedDict(zip(_STATS, map(float, evaluation.stats[:6]), strict=True))
        if logger != 'silent':
            (logger or _LOGGER).info('COCO: %s', ', '.join(f'{k} {v:.3f}' for k, v in found.items()))
        # -1 is COCO's word for "no boxes of this size".
        found = OrderedDict((k, v if v > -1 else float('nan')) for k, v in found.items())
        found['AP'] = by_class
        return found

    def _truth(self) -> COCO:
        boxes = [box for image in self._file.images for box in self._file.annotations.get(image['id'], ())]
        defaults = [
            {'area': box['bbox'][2] * box['bbox'][3], 'iscrowd': 0, **box, 'id': number}
            for number, box in enumerate(boxes, 1)
            if box['category_id'] in self._labels and 'bbox' in box
        ]
        return _indexed(self._file.images, defaults, self._file.categories)

    def _detections(self, results: Sequence[Sequence[np.ndarray]]) -> list[dict]:
        entries = []
        for image, by_class in zip(self._file.images, results, strict=True):
            for category_id, found in zip(self.category_ids, by_class, strict=True):
                for x1, y1, x2, y2, score in np.asarray(found, dtype=float).tolist():
                    box = [x1, y1, x2 - x1, y2 - y1]
                    entry = dict(image_id=image['id'], category_id=category_id, bbox=box, score=score)
                    entries.append(dict(entry, id=len(entries) + 1, area=box[2] * box[3], iscrowd=0))
        return entries


def _indexed(images: list[dict], boxes: list[dict], categories: list[dict]) -> COCO:
    coco = COCO()
    coco.dataset = dict(images=images, annotations=boxes, categories=categories)
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco


def _evaluate(truth: COCO, detections: list[dict], category_ids: list[int]) -> COCOeval:
    found = _indexed(truth.dataset['images'], detections, truth.dataset['categories'])
    evaluation = COCOeval(truth, found, 'bbox')
    evaluation.params.catIds = category_ids
    evaluation.params.imgIds = [image['id'] for image in truth.dataset['images']]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation
