"""Labeled images in PASCAL VOC's format."""

import logging
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from mmdet.datasets import DATASETS, VOCDataset

from .ap_table import ap_table
from .boxes import BoxAnnotation
from .builder import build_index
from .image_index import ImageIndex
from .labeled import LabeledDataset
from .voc_map import eval_voc_map
from .voc_xml import parse_voc_xml


@DATASETS.register_module()
class VOCDetectionDataset(LabeledDataset):
    """Images of VOC-style lists, one XML file per image; index i is line i of the lists joined.

    Boxes are VOC's minus 1; objects marked difficult are ignored boxes.

    Args:
        ann_file: image list(s), one name per line.
        img_prefix: folder of each list's images and annotations.
        pipeline: transforms.
        classes: class names, or a file with one name per line; default: the 20 classes of VOC.
        test_mode: label all images at once, and load them without boxes.
        img_subdir: sub folder of the images.
        ann_subdir: sub folder of the XML files.
        tags: name of each list (:class:`ImageIndex`).
        use_legacy_coordinate: evaluate with widths and heights plus 1 pixel, as MMDetection's VOCDataset.
        index: an index built before, in place of the lists.
        data_root: what relative lists and folders start from.
        exif: see :class:`ImageIndex`; not used where ``index`` is given.
        links: see :meth:`ImageIndex.from_lists`; not used where ``index`` is given.
        unknown_classes: see :class:`LabeledDataset`.
    """

    CLASSES = VOCDataset.CLASSES
    PALETTE = VOCDataset.PALETTE

    def __init__(
        self,
        ann_file: str | Sequence[str] | None = None,
        img_prefix: str | Sequence[str] | None = None,
        pipeline: Sequence[dict] = (),
        *,
        classes: str | Sequence[str] | None = None,
        test_mode: bool = False,
        img_subdir: str = 'JPEGImages',
        ann_subdir: str = 'Annotations',
        tags: Sequence[str] | None = None,
        use_legacy_coordinate: bool = False,
        index: ImageIndex | None = None,
        data_root: str | None = None,
        exif: str = 'apply',
        links: str = 'inside',
        unknown_classes: str = 'warn',
    ) -> None:
        names = self.get_classes(classes)
        self._labels = {name: label for label, name in enumerate(names)}
        self.use_legacy_coordinate = use_legacy_coordinate
        folders = dict(img_subdir=img_subdir, ann_subdir=ann_subdir, data_root=data_root)
        index = index or build_index(ann_file, img_prefix, tags=tags, exif=exif, links=links, **folders)
        super().__init__(index, names, pipeline, test_mode, unknown_classes)

    def annotation_source(self, i: int) -> str:
        """Path of the image's XML file."""
        return self.index.annotation_path(i)

    def read_annotation(self, i: int) -> BoxAnnotation:
        """See :func:`~mmdet_miaod.datasets.voc_xml.parse_voc_xml`."""
        return parse_voc_xml(self.index.annotation_path(i), self._labels, self.index.size_of(i))

    @staticmethod
    def check_evaluation(
        metric: str = 'mAP',
        iou_thr: float = 0.5,
        logger: logging.Logger | str | None = None,
        mode: str = '11points',
    ) -> None:
        """Check the arguments of :meth:`evaluate` without any results.

        Raises:
            ValueError: unknown metric or mode, or no overlap.
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
        *,
        iou_thr: float = 0.5,
        logger: logging.Logger | str | None = None,
        mode: str = '11points',
    ) -> OrderedDict:
        """Average precision of detections on all images.

        Args:
            results: for each image, for each class ``(m, 5)`` float32 x1, y1, x2, y2, score.
            metric: 'mAP'.
            iou_thr: overlap from which a detection counts.
            logger: where the table goes; default: the run's log, 'silent': nowhere.
            mode: '11points' or 'area'.

        Returns:
            ``mAP`` (float), ``AP`` (by class name; NaN for a class without boxes) and mmdet's ``AP50``.

        Raises:
            ValueError: unknown metric or mode, or results that do not fit. KeyError: an image is not labeled.
        """
        self.check_evaluation(metric, iou_thr, mode=mode)
        annotations = [self.get_ann_info(i) for i in range(len(self))]
        mean_ap, by_class = eval_voc_map(
            results,
            annotations,
            self.CLASSES,
            iou_thr=iou_thr,
            mode=mode,
            use_legacy_coordinate=self.use_legacy_coordinate,
        )
        found = OrderedDict(mAP=mean_ap, AP={name: result.ap for name, result in by_class.items()})
        found[f'AP{round(iou_thr * 100):02d}'] = round(mean_ap, 3)
        if logger != 'silent':
            table = ap_table(found, annotations, results)
            (logger or logging.getLogger('mmdet')).info('\n%s', table)
        return found
