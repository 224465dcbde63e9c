"""Published learning curves, to be drawn behind those of a run on the same data.

Sources: Yuan et al., Multiple Instance Active Learning for Object Detection, CVPR 2021 (the paper), and the
README and FAQ of its published code. Values read off a figure are marked as digitized.
"""

from collections.abc import Sequence
from dataclasses import dataclass

VOC_CLASSES = (
    'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow', 'diningtable',
    'dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor',
)  # fmt: skip
VOC0712_SIZE = 16551
COCO_SIZE = 117266


@dataclass(frozen=True)
class ReferenceCurve:
    """A published curve.

    Attributes:
        data: ``'VOC07+12'`` or ``'COCO'``.
        detector: ``'RetinaNet'`` or ``'SSD'``.
        method: as the source calls it.
        labeled: number of labeled images of each point.
        values: mAP (COCO: AP) in percent.
        source: where the numbers are from.
        std: standard deviation in percent, where published.
        digitized: whether (some) values were read off a figure.
    """

    data: str
    detector: str
    method: str
    labeled: tuple[int, ...]
    values: tuple[float, ...]
    source: str
    std: tuple[float, ...] | None = None
    digitized: bool = False


_VOC_STEPS = tuple(VOC0712_SIZE // 20 + cycle * (VOC0712_SIZE // 40) for cycle in range(7))
_COCO_STEPS = tuple(COCO_SIZE * percent // 100 for percent in (2, 4, 6, 8, 10))


def _voc(method: str, values: Sequence[float], source: str, digitized: bool = False) -> ReferenceCurve:
    return ReferenceCurve(
        'VOC07+12', 'RetinaNet', method, _VOC_STEPS, tuple(values), source, digitized=digitized
    )


def _coco(method: str, *values: float) -> ReferenceCurve:
    return ReferenceCurve(
        'COCO', 'RetinaNet', method, _COCO_STEPS, values, 'paper, figure 5c', digitized=True
    )


_FIGURE = 'paper, figure 5a'
_TABLE = 'paper, table 1'
REFERENCE_CURVES: tuple[ReferenceCurve, ...] = (
    _voc(
        'MI-AOD',
        (47.18, 58.41, 64.02, 67.72, 69.79, 71.07, 72.27),
        'README of the published code; paper, table 4',
    ),
    _voc('random', (28.31, 49.42, 56.03, 59.81, 64.02, 65.95, 67.09), _TABLE),
    _voc('entropy', (29.1, 50.63, 58.83, 61.8, 62.5, 64.9, 66.8), _FIGURE, True),
    _voc('core-set', (29.1, 45.4, 56.3, 60.1, 63.3, 64.3, 66.5), _FIGURE, True),
    _voc('CDAL', (29.1, 48.2, 58.4, 64.0, 67.2, 67.7, 69.07), _FIGURE, True),
    _voc(
        'MI-AOD training, random selection',
        (47.18, 57.12, 60.68, 63.72, 66.10, 67.59, 68.48),
        f'{_TABLE} (IUR, random)',
    ),
    _voc('MI-AOD training, k = 1', (47.18, 57.58, 61.74, 64.58, 66.98, 68.79, 70.33), _TABLE),
    _voc('MI-AOD training, k = N', (47.18, 58.03, 63.98, 66.58, 69.57, 70.96, 72.03), _TABLE),
    ReferenceCurve(
        'VOC07+12',
        'SSD',
        'MI-AOD',
        tuple(range(1000, 10001, 1000)),
        (53.62, 62.86, 66.83, 69.33, 70.80, 72.21, 72.84, 73.74, 74.18, 74.91),
        'FAQ of the published code',
        std=(2.15, 1.52, 0.77, 0.54, 0.34, 0.28, 0.23, 0.21, 0.18, 0.17),
    ),
    _coco('MI-AOD', 7.3, 13.8, 16.9, 19.1, 20.8),
    _coco('random', 6.7, 13.0, 15.7, 17.8, 19.0),
    _coco('core-set', 6.7, 13.3, 16.0, 17.5, 18.8),
    _coco('CDAL', 6.7, 12.5, 15.5, 17.1, 18.2),
    _coco('entropy', 6.7, 13.0, 15.0, 16.4, 17.4),
)


def curves_for(pool_size: int | None, classes: Sequence[str], head: str) -> list[ReferenceCurve]:
    """Return the published curves of the data and detector of a run, the method's own and random first.

    There are none for heads that the paper does not have.

    Args:
        pool_size: number of images in the pool.
        classes: its class names.
        head: the ``type`` of the config's ``bbox_head``, such as ``'MIAODRetinaHead'``.
    """
    if pool_size == VOC0712_SIZE and tuple(classes) == VOC_CLASSES:
        data = 'VOC07+12'
    elif len(classes) == 80 and pool_size in (COCO_SIZE, 118287):
        data = 'COCO'
    else:
        return []
    detector = {'MIAODSSDHead': 'SSD', 'MIAODRetinaHead': 'RetinaNet'}.get(head)
    return [c for c in REFERENCE_CURVES if (c.data, c.detector) == (data, detector)]
