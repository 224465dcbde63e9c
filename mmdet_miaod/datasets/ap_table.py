"""Table of average precision per class, for the log and for people."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tabulate import tabulate


def ap_table(
    metrics: Mapping[str, Any],
    annotations: Sequence[Mapping[str, np.ndarray]],
    results: Sequence[Sequence[np.ndarray]],
) -> str:
    """Table of boxes, detections and average precision in percent per class, and of the mean.

    Args:
        metrics: ``mAP``, and ``AP`` by class name in the order of labels; None or NaN for a class without
            boxes.
        annotations: for each image ``labels`` ``(n,)``, those of boxes that count.
        results: for each image, for each class ``(m, 5)`` float32 x1, y1, x2, y2, score.
    """
    labels = np.concatenate([annotation['labels'] for annotation in annotations])
    boxes = np.bincount(labels, minlength=len(metrics['AP']))
    rows = [
        [name, str(boxes[label]), str(sum(len(image[label]) for image in results)), _percent(ap)]
        for label, (name, ap) in enumerate(metrics['AP'].items())
    ]
    rows.append(['mAP', '', '', _percent(metrics['mAP'])])
    heads = ['class', 'boxes', 'detections', 'AP (%)']
    # Names of classes may look like numbers.
    options = dict(tablefmt='github', disable_numparse=True, stralign='right', colalign=('left',))
    return tabulate(rows, heads, **options)


def _percent(value: float | None) -> str:
    return '-' if value is None or np.isnan(value) else f'{100 * value:.2f}'
