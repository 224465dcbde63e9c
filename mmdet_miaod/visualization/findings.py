"""Right and wrong detections of a run on its test set as plots, a table and pictures."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

from ..datasets.image_index import ImageIndex
from ..datasets.voc_map import ClassAP, eval_voc_map
from .box_drawing import draw_boxes, open_as_seen
from .detection_errors import KINDS, DetectionErrors, Truth, confusion_matrix, find_errors, image_f1
from .error_plots import confusions, error_kinds, precision_recall
from .figures import COLORS, Plot
from .page_parts import PageImage, PageTable, page_image
from .run_images import labels_picture
from .run_reader import RunRecord

# Beside the class number on a wrong detection.
LETTERS = dict(duplicate='D', localization='L', confusion='C', both='CL', background='B')
_CORRECT, _WRONG, _MISSED = COLORS[2], COLORS[1], '#000000'
_SIDE = 400


@dataclass(frozen=True)
class Findings:
    """Right and wrong detections on a test set, as a page shows them.

    Attributes:
        cycle: the newest evaluated cycle, of which table and pictures are.
        iou_thr: overlap from which a detection finds a box.
        plots: kinds of detections by cycle, precision and recall (None without a box), confusions.
        table: a row per class and one of all: boxes, detections by kind, missed boxes.
        groups: images by ``'Best'``, ``'Median'`` and ``'Worst'``.
    """

    cycle: int
    iou_thr: float
    plots: list[Plot | None]
    table: PageTable
    groups: dict[str, list[PageImage]]


def find(record: RunRecord, test: Dataset, images_per_group: int) -> Findings | None:
    """Compare the detections of a run with the boxes of its test set; None where there are none to compare.

    Args:
        record: the run.
        test: the test set, a :class:`~mmdet_miaod.datasets.labeled.LabeledDataset`.
        images_per_group: number of the best, the median and the worst images.

    Raises:
        ValueError: the detections are not of this test set.
    """
    if not record.detections:
        return None
    truth = Truth.of_annotations([test.get_ann_info(i) for i in range(len(test))], len(test.CLASSES))
    for cycle, found in record.detections.items():
        if not _fits(found, truth):
            raise ValueError(f'the detections of cycle {cycle} are not of this test set')
    iou_thr = float(record.identity.get('evaluation.iou_thr', 0.5))
    legacy = bool(getattr(test, 'use_legacy_coordinate', False))
    errors = {
        cycle: find_errors(found, truth, iou_thr, use_legacy_coordinate=legacy)
        for cycle, found in record.detections.items()
    }
    newest, first = max(errors), min(errors)
    curves = {c: class_curves(record.detections[c], test, iou_thr) for c in sorted({first, newest})}
    matrix = confusion_matrix(errors[newest], truth)
    return Findings(
        newest,
        iou_thr,
        plots=[error_kinds(errors), precision_recall(curves), confusions(matrix, test.CLASSES)],
        table=_table(errors[newest], truth, test.CLASSES, newest),
        groups=_groups(errors[newest], truth, test, images_per_group),
    )


def _fits(detections: np.ndarray, truth: Truth) -> bool:
    limits = (('image', truth.num_images), ('label', truth.num_classes))
    return all(((detections[name] >= 0) & (detections[name] < limit)).all() for name, limit in limits)


def class_curves(detections: np.ndarray, test: Dataset, iou_thr: float) -> dict[str, ClassAP]:
    """Precision and recall of each class, by its name.

    Args:
        detections: ``(n,)`` of dtype :data:`~mmdet_miaod.active.cycle_evaluation.DETECTION`.
        test: the test set.
        iou_thr: overlap from which a detection finds a box.
    """
    rows = np.concatenate([detections['box'], detections['score'][:, None]], axis=1)
    by_image: list[list[np.ndarray]] = []
    ends = np.searchsorted(detections['image'], np.arange(len(test) + 1))
    for begin, end in zip(ends[:-1], ends[1:]):
        part, labels = rows[begin:end], detections['label'][begin:end]
        by_image.append([part[labels == label] for label in range(len(test.CLASSES))])
    annotations = [test.get_ann_info(i) for i in range(len(test))]
    legacy = bool(getattr(test, 'use_legacy_coordinate', False))
    options = dict(iou_thr=iou_thr, use_legacy_coordinate=legacy)
    return eval_voc_map(by_image, annotations, test.CLASSES, **options)[1]


def _table(errors: DetectionErrors, truth: Truth, classes: tuple[str, ...], cycle: int) -> PageTable:
    rows = []
    for label, name in enumerate(classes):
        counts = errors.counts(errors.detections['label'] == label)
        missed = int(errors.missed[truth.label == label].sum())
        rows.append([name, int(truth.class_counts[label]), *counts.values(), missed])
    total = [sum(column) for column in zip(*(row[1:] for row in rows), strict=True)]
    texts = [[f'{cell}' for cell in row] for row in [*rows, ['all', *total]]]
    note = 'Missed: boxes that no counted detection finds, not even with a wrong class or place.'
    return PageTable(f'Detections by class, cycle {cycle}', ['class', 'boxes', *KINDS, 'missed'], texts, note)


def _groups(errors: DetectionErrors, truth: Truth, test: Dataset, count: int) -> dict[str, list[PageImage]]:
    scores = image_f1(errors, truth)
    boxes = np.bincount(truth.image[~truth.ignored], minlength=truth.num_images)
    # Of equal ones those with more boxes are shown.
    order = np.lexsort((-boxes, -scores))
    count = min(count, len(order) // 3)
    best, others = order[:count], order[count:]
    worst = others[np.lexsort((-boxes[others], scores[others]))][:count]
    middle = [i for i in order if i not in best and i not in worst]
    start = (len(middle) - count) // 2
    chosen = {'Best': best, 'Median': middle[start : start + count], 'Worst': worst}
    return {
        title: [_test_image(int(i), float(scores[i]), errors, truth, test) for i in images]
        for title, images in chosen.items()
        if count
    }


def _test_image(index: int, score: float, errors: DetectionErrors, truth: Truth, test: Dataset) -> PageImage:
    name = str(test.index.names[index])
    of_image = errors.detections['image'] == index
    kinds = errors.kinds[of_image]
    boxes = (truth.image == index) & ~truth.ignored
    text = f'F1 {score:.2f}: {(kinds == 0).sum()} of {boxes.sum()} boxes found, {(kinds > 0).sum()} wrong'
    pictures = {
        f'Labels of {name}': lambda: labels_picture(
            test.index, index, truth.box[boxes], truth.label[boxes], side=_SIDE
        ),
        f'Detections in {name}': lambda: errors_picture(test.index, index, errors, truth, side=_SIDE),
    }
    return page_image(name, text, pictures)


def errors_picture(
    index: ImageIndex, i: int, errors: DetectionErrors, truth: Truth, *, side: int
) -> Image.Image:
    """Draw the counted detections in test image ``i`` by their kinds, and the boxes that are missed.

    Args:
        index: of the test set.
        i: position of the image there.
        errors: of the whole test set.
        truth: its boxes.
        side: longest side of the picture in pixels.

    Raises:
        OSError: when the image cannot be read.
    """
    image, scale = open_as_seen(index.image_path(i), side, index.exif)
    names = list(KINDS)
    of_image = errors.detections['image'] == i
    found, kinds = errors.detections[of_image], [names[kind] for kind in errors.kinds[of_image]]
    missed = (truth.image == i) & errors.missed
    captions = [f'{label + 1} {LETTERS.get(kind, "")}'.strip() for label, kind in zip(found['label'], kinds)]
    captions += [f'{label + 1} missed' for label in truth.label[missed]]
    colors = [_CORRECT if kind == 'correct' else _WRONG for kind in kinds] + [_MISSED] * int(missed.sum())
    dashed = [kind != 'correct' for kind in kinds] + [True] * int(missed.sum())
    # Wrong ones and missed boxes lie on top.
    order = np.argsort([not mark for mark in dashed], kind='stable')
    boxes = np.concatenate([found['box'], truth.box[missed]])[order] * scale
    captions, colors, dashed = ([values[i] for i in order] for values in (captions, colors, dashed))
    draw_boxes(image, boxes, captions, colors, dashed)
    return image
