"""The table of average precisions."""

import numpy as np

from mmdet_miaod.datasets.ap_table import ap_table


def test_boxes_detections_and_percent_by_class() -> None:
    metrics = dict(mAP=0.25, AP={'cat': 0.5, '007': 0.0, 'dog': None, 'cow': float('nan')})
    annotations = [dict(labels=np.array([0, 1, 0])), dict(labels=np.array([], dtype=np.int64))]
    results = [[np.zeros((n, 5), np.float32) for n in image] for image in ((1, 0, 2, 0), (10, 0, 0, 0))]
    assert ap_table(metrics, annotations, results).splitlines() == [
        '| class   |   boxes |   detections |   AP (%) |',
        '|---------|---------|--------------|----------|',
        '| cat     |       2 |           11 |    50.00 |',
        '| 007     |       1 |            0 |     0.00 |',
        '| dog     |       0 |            2 |        - |',
        '| cow     |       0 |            0 |        - |',
        '| mAP     |         |              |    25.00 |',
    ]
