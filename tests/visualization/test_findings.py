"""What is said of the detections of a run on its test set."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageColor

from mmdet_miaod.active.cycle_evaluation import DETECTION
from mmdet_miaod.datasets.voc_map import eval_voc_map
from mmdet_miaod.visualization.detection_errors import Truth, find_errors
from mmdet_miaod.visualization.figures import COLORS
from mmdet_miaod.visualization.findings import class_curves, errors_picture, find
from mmdet_miaod.visualization.run_reader import RunRecord, read_run
from tests.visualization.recorded_run import CLASSES, FakeTest, fake_images, write_run


@pytest.fixture
def record(tmp_path) -> RunRecord:
    return read_run(write_run(tmp_path / 'run'))


@pytest.fixture
def test_set(tmp_path) -> FakeTest:
    return fake_images(tmp_path / 'images').test


def test_table_plots_and_pictures_are_of_the_newest_cycle(record, test_set) -> None:
    findings = find(record, test_set, 4)
    assert (findings.cycle, findings.iou_thr) == (1, 0.5)
    assert [plot.name for plot in findings.plots] == [
        'detection_errors', 'precision_recall', 'confusion_matrix',
    ]  # fmt: skip
    disc, square, triangle = CLASSES
    # The disc is found; the only triangle that counts lies on the disc, the square on the triangle.
    assert findings.table.rows == [
        [disc, '1', '1', '0', '0', '0', '0', '0', '0'],
        [square, '1', '0', '0', '0', '0', '1', '0', '1'],
        [triangle, '1', '0', '0', '0', '1', '0', '0', '1'],
        ['all', '3', '1', '0', '0', '1', '1', '0', '2'],
    ]
    assert {title: len(images) for title, images in findings.groups.items()} == dict(
        Best=1, Median=1, Worst=1
    )
    assert findings.groups['Best'][0].value == 'F1 1.00: 0 of 0 boxes found, 0 wrong'
    assert findings.groups['Median'][0].value == 'F1 0.50: 1 of 2 boxes found, 1 wrong'
    assert findings.groups['Worst'][0].value == 'F1 0.00: 0 of 1 boxes found, 1 wrong'
    assert all(len(images[0].pictures) == 2 for images in findings.groups.values())


def test_no_pictures_are_drawn_where_none_are_wanted(record, test_set) -> None:
    assert find(record, test_set, 0).groups == {}


def test_a_run_without_detections_has_no_findings(record, test_set) -> None:
    record.detections.clear()
    assert find(record, test_set, 4) is None


@pytest.mark.parametrize(('field', 'value'), [('image', 3), ('label', 3), ('image', -1)])
def test_detections_of_another_test_set_are_refused(record, test_set, field, value) -> None:
    record.detections[1][field][0] = value
    with pytest.raises(ValueError, match='cycle 1 are not of this test set'):
        find(record, test_set, 4)


def test_curves_are_those_of_the_evaluation(record, test_set) -> None:
    found = record.detections[0]
    rows = np.concatenate([found['box'], found['score'][:, None]], axis=1)
    by_image = [[rows[(found['image'] == i) & (found['label'] == k)] for k in range(3)] for i in range(3)]
    annotations = [test_set.get_ann_info(i) for i in range(3)]
    _, expected = eval_voc_map(by_image, annotations, CLASSES)
    curves = class_curves(found, test_set, 0.5)
    assert {name: curve.ap for name, curve in curves.items()} == {n: c.ap for n, c in expected.items()}
    np.testing.assert_array_equal(curves[CLASSES[0]].recall, [1.0])


def test_correct_is_solid_green_wrong_dashed_orange_and_missed_dashed_black(tmp_path) -> None:
    Image.new('RGB', (100, 80), (128, 128, 128)).save(tmp_path / 'grey.png')
    index = SimpleNamespace(image_path=lambda i: str(tmp_path / 'grey.png'), exif='apply')
    boxes = np.array([[5, 30, 25, 50], [40, 30, 60, 50]], np.float32)
    none = dict(bboxes_ignore=np.zeros((0, 4)), labels_ignore=np.zeros(0, int))
    truth = Truth.of_annotations([dict(bboxes=boxes, labels=np.array([0, 1]), **none)], 2)
    found = np.array([(0, 0, 0.9, (5, 30, 25, 50)), (0, 1, 0.8, (70, 30, 90, 50))], DETECTION)
    picture = np.asarray(errors_picture(index, 0, find_errors(found, truth), truth, side=100))
    green, orange = (np.array(ImageColor.getrgb(color)) for color in (COLORS[2], COLORS[1]))
    lowest = picture[50]
    assert (lowest[5:26] == green).all()
    assert (lowest[70:91] == orange).all(axis=1).any() and not (lowest[70:91] == orange).all()
    assert (lowest[40:61] == 0).all(axis=1).any() and not (lowest[40:61] == 0).all()
