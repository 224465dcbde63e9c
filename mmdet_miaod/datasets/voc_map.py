"""Average precision as PASCAL VOC defines it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mmdet.core.evaluation.mean_ap import average_precision, tpfp_default


@dataclass(frozen=True, eq=False)
class ClassAP:
    """Result of one class.

    Attributes:
        ap: average precision; NaN where the class has no boxes.
        num_gts: number of boxes that are not ignored.
        num_dets: number of detections.
        recall: ``(num_dets,)`` float64, in descending order of scores.
        precision: ``(num_dets,)`` float64, likewise.
    """

    ap: float
    num_gts: int
    num_dets: int
    recall: np.ndarray
    precision: np.ndarray


def eval_voc_map(
    det_results: Sequence[Sequence[np.ndarray]],
    annotations: Sequence[dict],
    classes: Sequence[str],
    *,
    iou_thr: float = 0.5,
    mode: str = '11points',
    use_legacy_coordinate: bool = False,
) -> tuple[float, dict[str, ClassAP]]:
    """Mean average precision, in this process alone.

    Args:
        det_results: for each image, for each class ``(m, 5)`` float32 x1, y1, x2, y2, score.
        annotations: for each image ``bboxes`` ``(n, 4)``, ``labels`` ``(n,)``, ``bboxes_ignore`` ``(k, 4)``,
            ``labels_ignore`` ``(k,)``; a detection on an ignored box counts neither way.
        classes: class names.
        iou_thr: overlap from which a detection counts.
        mode: '11points' (VOC2007, the published numbers) or 'area' (VOC2010 and later).
        use_legacy_coordinate: add 1 pixel to widths and heights, as MMDetection's VOCDataset does.

    Returns:
        Mean over the classes that have boxes (NaN if none has), and the result by class name.

    Raises:
        ValueError: results that do not fit the annotations or classes, or an unknown mode.
    """
    if mode not in ('11points', 'area'):
        raise ValueError(f"mode {mode!r}: expected '11points' or 'area'")
    _check_results(det_results, len(annotations), len(classes))
    options = dict(iou_thr=iou_thr, mode=mode, use_legacy_coordinate=use_legacy_coordinate)
    by_class = {
        name: _class_ap(
            [image[label] for image in det_results],
            [_boxes_of(annotation, label) for annotation in annotations],
            **options,
        )
        for label, name in enumerate(classes)
    }
    present = [result.ap for result in by_class.values() if result.num_gts]
    return (float(np.mean(present)) if present else float('nan')), by_class


def _class_ap(
    detections: list[np.ndarray],
    boxes: list[tuple[np.ndarray, np.ndarray]],
    *,
    iou_thr: float,
    mode: str,
    use_legacy_coordinate: bool,
) -> ClassAP:
    matches = [
        np.vstack(tpfp_default(found, kept, ignored, iou_thr, use_legacy_coordinate=use_legacy_coordinate))
        for found, (kept, ignored) in zip(detections, boxes, strict=True)
        if len(found)
    ]
    num_gts = sum(len(kept) for kept, _ in boxes)
    scores = np.concatenate([found[:, 4] for found in detections])
    # Stable, so that equal scores rank by image in every version of NumPy.
    order = np.argsort(-scores, kind='stable')
    tp, fp = np.cumsum(np.hstack(matches)[:, order], axis=1, dtype=float) if matches else np.zeros((2, 0))
    recall = tp / max(num_gts, 1)
    precision = tp / np.maximum(tp + fp, np.finfo(np.float32).eps)
    ap = float(average_precision(recall, precision, mode)) if num_gts else float('nan')
    return ClassAP(ap=ap, num_gts=num_gts, num_dets=len(scores), recall=recall, precision=precision)


def _boxes_of(annotation: dict, label: int) -> tuple[np.ndarray, np.ndarray]:
    return (
        annotation['bboxes'][annotation['labels'] == label],
        annotation['bboxes_ignore'][annotation['labels_ignore'] == label],
    )


def _check_results(det_results: Sequence, num_images: int, num_classes: int) -> None:
    if len(det_results) != num_images:
        raise ValueError(f'{len(det_results)} results for {num_images} images')
    for i, image in enumerate(det_results):
        if len(image) != num_classes or any(found.ndim != 2 or found.shape[1] != 5 for found in image):
            raise ValueError(
                f'result {i}: expected {num_classes} arrays (one per class) of shape (m, 5); do num_classes '
                'of the model and the classes of the data set agree?'
            )
