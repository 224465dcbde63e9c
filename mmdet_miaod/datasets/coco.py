"""The pool and labeled images in COCO's format."""

import json
import logging
import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from mmdet.datasets import DATASETS

from .ap_table import ap_table
from .boxes import BoxAnnotation
from .coco_checks import reviewed_ids, supercategories_without_boxes
from .coco_json import CocoFile, parse_boxes, read_coco
from .coco_map import eval_coco_map
from .image_files import summarise
from .image_index import ImageIndex
from .label_report import PERHAPS_UNLABELED
from .labeled import LabeledDataset
from .pool import ImagePoolDataset

_LOGGER = logging.getLogger('mmdet')


def _open(ann_file: str, data_root: str | None, only_with_boxes: bool) -> CocoFile:
    file = read_coco(os.path.join(data_root or '', ann_file))
    if not only_with_boxes:
        return file
    kept = file.with_boxes()
    if file.images and not kept.images:
        empty = len(file.images) - sum(image['id'] in file.annotations for image in file.images)
        small = ', the others a side under 32 pixels' if empty < len(file.images) else ''
        raise ValueError(
            f'{file.path}: {empty} of {len(file.images)} images have no boxes{small}, and all are left out '
            '(only_with_boxes): set only_with_boxes=False to keep them'
        )
    return kept


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
        exif: see :class:`ImageIndex`.
        links: see :meth:`ImageIndex.from_lists`.

    Attributes:
        left_out: number of images that ``only_with_boxes`` left out.
    """

    def __init__(
        self,
        ann_file: str,
        img_prefix: str,
        pipeline: Sequence[dict] = (),
        *,
        score_pipeline: Sequence[dict] | None = None,
        only_with_boxes: bool = False,
        index: ImageIndex | None = None,
        data_root: str | None = None,
        exif: str = 'apply',
        links: str = 'inside',
    ) -> None:
        self.left_out = 0
        if index is None:
            file = _open(ann_file, data_root, only_with_boxes)
            self.left_out = file.left_out
            index = file.index(os.path.join(data_root or '', img_prefix), exif=exif, links=links)
        super().__init__(pipeline=pipeline, score_pipeline=score_pipeline, index=index)


@DATASETS.register_module()
class CocoDetectionDataset(LabeledDataset):
    """Images of a COCO annotation file; index i is entry i of its images.

    Args:
        ann_file: annotation file.
        img_prefix: folder of the images.
        pipeline: transforms.
        classes: class names, or a file with one name per line; default: all categories of the file.
        test_mode: label all images at once, and load them without boxes.
        only_with_boxes: see :class:`CocoPoolDataset`.
        index: the pool's index, of the same annotation file.
        data_root: what relative paths start from.
        exif: see :class:`ImageIndex`; not used where ``index`` is given.
        links: see :meth:`ImageIndex.from_lists`; not used where ``index`` is given.
        unknown_classes: see :class:`LabeledDataset`.
        reviewed: which images people have looked at, so that no boxes means no objects. ``'all'``;
            ``'annotated'``: those with an entry in ``annotations``; a text file with an image id or file name
            per line: those and the annotated ones. None: not known, which is said in a warning whenever
            images without entries are labeled. An image that was not reviewed cannot be labeled.

    Attributes:
        category_ids: the file's id of each class.

    Raises:
        ValueError: a class is no category of the file, the index is of other images, or the list of reviewed
            images names one that is not in the file.
    """

    def __init__(
        self,
        ann_file: str,
        img_prefix: str,
        pipeline: Sequence[dict] = (),
        *,
        classes: str | Sequence[str] | None = None,
        test_mode: bool = False,
        only_with_boxes: bool = False,
        index: ImageIndex | None = None,
        data_root: str | None = None,
        exif: str = 'apply',
        links: str = 'inside',
        unknown_classes: str = 'warn',
        reviewed: str | None = None,
    ) -> None:
        self._file = _open(ann_file, data_root, only_with_boxes)
        self._reviewed = reviewed_ids(self._file.path, self._file.images, reviewed, data_root)
        if index is None:
            index = self._file.index(os.path.join(data_root or '', img_prefix), exif=exif, links=links)
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
        if classes is None:
            self.class_hint = self._ghost_classes()
        self.category_ids = [category_ids[name] for name in names]
        self._labels = {category_id: label for label, category_id in enumerate(self.category_ids)}
        self._names = {category_id: name for name, category_id in category_ids.items()}
        super().__init__(index, names, pipeline, test_mode, unknown_classes)

    def image_id(self, i: int) -> int | str:
        """The file's id of image ``i``."""
        return self._file.images[i]['id']

    def annotation_source(self, i: int) -> str:
        """Path of the annotation file, and the image's id in it."""
        return f'{self._file.path}, image {self.image_id(i)}'

    def read_annotation(self, i: int) -> BoxAnnotation:
        """See :func:`~mmdet_miaod.datasets.coco_json.parse_boxes`."""
        image = self._file.images[i]
        boxes = self._file.annotations.get(image['id'], ())
        if not boxes and self._reviewed is not None and image['id'] not in self._reviewed:
            raise FileNotFoundError(
                f'{self.annotation_source(i)} ({image["file_name"]}): nobody has labeled it yet; add its '
                'boxes, or name it in the list of reviewed images (data.train.reviewed) where it has none'
            )
        return parse_boxes(image, boxes, self._labels, self._names, self.index.size_of(i))

    def stray_objects(self) -> Mapping[str, int]:
        """Boxes of the file that belong to no image of the data set, by reason."""
        return self._file.stray

    def label(self, indices: Iterable[int]) -> None:
        """See :meth:`LabeledDataset.label`; says how many new images nobody may have looked at."""
        new = [int(i) for i in dict.fromkeys(indices) if not self.is_labeled(i)]
        super().label(new)
        if empty := self.perhaps_unlabeled(new):
            shown = summarise([self.index.names[i] for i in empty[:10]], len(empty))
            _LOGGER.warning('%d of %d newly labeled %s: %s', len(empty), len(new), PERHAPS_UNLABELED, shown)

    def perhaps_unlabeled(self, indices: Iterable[int]) -> list[int]:
        """See :meth:`LabeledDataset.perhaps_unlabeled`: images without an entry, where no key says more."""
        if self._reviewed is not None or self.test_mode:
            return []
        return [i for i in indices if self.image_id(i) not in self._file.annotations]

    def _ghost_classes(self) -> str:
        used = {box['category_id'] for boxes in self._file.annotations.values() for box in boxes}
        ghosts = supercategories_without_boxes(self._file.categories, used)
        if not ghosts:
            return ''
        real = [category['name'] for category in self._file.categories if category['name'] not in ghosts]
        return (
            f'{self._file.path}: {ghosts} have no box and are the supercategory of others; set '
            f'classes = {real}'
        )

    def split_files(self, labeled: np.ndarray, unlabeled: np.ndarray) -> dict[str, str]:
        """Text files that describe a split: image ids, and the labeled set as a COCO annotation file.

        Args:
            labeled: ``(n,)`` pool indices, labeled already.
            unlabeled: ``(m,)`` pool indices.

        Returns:
            Text by file name.

        Raises:
            KeyError: an image was not labeled.
        """
        for i in labeled:
            self.get_ann_info(int(i))
        images = [self._file.images[i] for i in labeled]
        boxes = self._file.boxes_of(images)
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
        """Average precision of detections on all images.

        Args:
            results: for each image, for each class ``(m, 5)`` float32 x1, y1, x2, y2, score.
            metric: 'bbox'.
            logger: where the table goes; default: the run's log, 'silent': nowhere.

        Returns:
            ``mAP`` (IoU 0.5 to 0.95), ``AP`` by class name (NaN without boxes), ``AP50``, ``AP75``, by size.

        Raises:
            ValueError: unknown metric, or results that do not fit.
        """
        self.check_evaluation(metric)
        sizes = [self.index.size_of(i) for i in range(len(self))]
        stats, by_class = eval_coco_map(results, self._file, self.category_ids, sizes)
        found = OrderedDict((name, value if value > -1 else float('nan')) for name, value in stats.items())
        found['AP'] = dict(zip(self.CLASSES, by_class, strict=True))
        if logger != 'silent':
            shown = ', '.join(f'{name} {value:.3f}' for name, value in stats.items())
            table = ap_table(found, [self.get_ann_info(i) for i in range(len(self))], results)
            (logger or logging.getLogger('mmdet')).info('COCO: %s\n%s', shown, table)
        return found
