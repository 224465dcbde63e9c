"""eval_voc_map against the published implementation's numbers."""

import numpy as np
import pytest
from mmdet.core import eval_map

from mmdet_miaod.datasets.voc_map import eval_voc_map
from tests.golden_data import load_golden

CLASSES = ('a', 'b', 'c', 'd', 'e')


def golden_case():
    golden = load_golden('ap_c5')
    results, annotations = [], []
    for i in range(golden['meta']['images']):
        dets, labels = golden[f'det{i}'], golden[f'detl{i}']
        results.append([dets[labels == label] for label in range(5)])
        keys = ('bboxes', 'labels', 'bboxes_ignore', 'labels_ignore')
        annotations.append({key: golden[f'{key}{i}'] for key in keys})
    return golden, results, annotations


def annotation(bboxes=(), labels=(), ignore=(), labels_ignore=()):
    return {
        'bboxes': np.array(bboxes, np.float32).reshape(-1, 4),
        'labels': np.array(labels, np.int64),
        'bboxes_ignore': np.array(ignore, np.float32).reshape(-1, 4),
        'labels_ignore': np.array(labels_ignore, np.int64),
    }


def found(*rows):
    return np.array(rows, np.float32).reshape(-1, 5)


@pytest.mark.parametrize(('mode', 'key'), [('11points', 'voc07'), ('area', 'area')])
def test_golden_ap(mode, key):
    golden, results, annotations = golden_case()
    mean, by_class = eval_voc_map(results, annotations, CLASSES, iou_thr=golden['meta']['iou_thr'], mode=mode)
    np.testing.assert_allclose([by_class[name].ap for name in CLASSES], golden[f'ap_{key}'], atol=1e-6)
    np.testing.assert_allclose(mean, golden[f'map_{key}'], atol=1e-6)


def test_legacy_coordinate_agrees_with_mmdet():
    _, results, annotations = golden_case()
    mean, _ = eval_voc_map(results, annotations, CLASSES, mode='area', use_legacy_coordinate=True)
    reference, _ = eval_map(
        results, annotations, iou_thr=0.5, logger='silent', nproc=1, use_legacy_coordinate=True
    )
    assert mean == pytest.approx(reference, abs=1e-7)


def test_two_classes_by_hand():
    # Class a: hit, miss, hit over 2 boxes: precision 1 up to recall 0.5, then 2/3. Class b: nothing found.
    dets = found((0, 0, 10, 10, 0.9), (50, 50, 60, 60, 0.8), (20, 20, 30, 30, 0.7))
    truth = annotation([(0, 0, 10, 10), (20, 20, 30, 30), (0, 0, 5, 5)], [0, 0, 1])
    mean, by_class = eval_voc_map([[dets, found()]], [truth], ('a', 'b'), mode='11points')
    assert by_class['a'].ap == pytest.approx((6 * 1 + 5 * 2 / 3) / 11, abs=1e-6)
    assert by_class['b'].ap == 0
    assert mean == pytest.approx(by_class['a'].ap / 2, abs=1e-7)
    _, by_class = eval_voc_map([[dets, found()]], [truth], ('a', 'b'), mode='area')
    assert by_class['a'].ap == pytest.approx(0.5 + 0.5 * 2 / 3, abs=1e-6)
    assert (by_class['a'].num_gts, by_class['a'].num_dets) == (2, 3)


def test_class_without_boxes_is_nan_and_outside_the_mean():
    truth = annotation([(0, 0, 10, 10)], [0])
    mean, by_class = eval_voc_map([[found((0, 0, 10, 10, 1)), found((0, 0, 9, 9, 1))]], [truth], ('a', 'b'))
    assert mean == pytest.approx(1, abs=1e-6)
    assert np.isnan(by_class['b'].ap)


def test_detection_on_ignored_box_counts_neither_way():
    truth = annotation([(0, 0, 10, 10)], [0], [(40, 40, 60, 60)], [0])
    dets = found((40, 40, 60, 60, 0.9), (0, 0, 10, 10, 0.5))
    mean, by_class = eval_voc_map([[dets]], [truth], ('a',))
    assert mean == pytest.approx(1, abs=1e-6)
    assert by_class['a'].num_gts == 1


def test_second_detection_of_a_box_is_wrong():
    truth = annotation([(0, 0, 10, 10)], [0])
    dets = found((0, 0, 10, 10, 0.5), (0, 0, 10, 9, 0.9))
    _, by_class = eval_voc_map([[dets]], [truth], ('a',))
    np.testing.assert_array_equal(by_class['a'].precision, [1, 0.5])


def test_legacy_coordinate_adds_a_pixel():
    # IoU 3.9 x 10 / 8 x 10 = 0.49; with one pixel more 4.9 x 11 / 9 x 11 = 0.54.
    truth = annotation([(0, 0, 8, 10)], [0])
    results = [[found((0, 0, 3.9, 10, 1))]]
    assert eval_voc_map(results, [truth], ('a',), use_legacy_coordinate=False)[0] == 0
    assert eval_voc_map(results, [truth], ('a',), use_legacy_coordinate=True)[0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ('results', 'message'),
    [
        ([], '0 results for 1 images'),
        ([[found()]], 'expected 2 arrays'),
        ([[found(), np.zeros((0, 4))]], r'shape \(m, 5\)'),
    ],
)
def test_results_that_do_not_fit_are_refused(results, message):
    with pytest.raises(ValueError, match=message):
        eval_voc_map(results, [annotation()], ('a', 'b'))


def test_unknown_mode_is_refused():
    with pytest.raises(ValueError, match='11points'):
        eval_voc_map([], [], ('a',), mode='voc07')
