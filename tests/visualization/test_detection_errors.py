"""Kinds of right and wrong detections, box by box."""

from __future__ import annotations

import numpy as np
import pytest

from mmdet_miaod.active.cycle_evaluation import DETECTION
from mmdet_miaod.visualization.detection_errors import (
    KINDS,
    DetectionErrors,
    Truth,
    confusion_matrix,
    counted_detections,
    find_errors,
    image_f1,
)

# Boxes of 10 x 10 pixels; the number is how far a box is moved to the right: 10 - x of 10 columns overlap.
A, B = [0, 0, 10, 10], [100, 0, 110, 10]


def moved(box: list[int], x: float) -> list[float]:
    return [box[0] + x, box[1], box[2] + x, box[3]]


def truth_of(*images: list[tuple[int, list[int]]], ignored: tuple = ()) -> Truth:
    annotations = []
    for image, boxes in enumerate(images):
        mine = [entry[1:] for entry in ignored if entry[0] == image]
        annotations.append(
            dict(
                bboxes=np.array([box for _, box in boxes], np.float32).reshape(-1, 4),
                labels=np.array([label for label, _ in boxes], int),
                bboxes_ignore=np.array([box for _, box in mine], np.float32).reshape(-1, 4),
                labels_ignore=np.array([label for label, _ in mine], int),
            )
        )
    return Truth.of_annotations(annotations, 3)


def detections(*rows: tuple[int, int, float, list[float]]) -> np.ndarray:
    return np.array([(image, label, score, tuple(box)) for image, label, score, box in rows], DETECTION)


def kinds_of(errors: DetectionErrors) -> list[str]:
    return [list(KINDS)[kind] for kind in errors.kinds]


def test_boxes_are_joined_image_by_image_with_ignored_ones() -> None:
    truth = truth_of([(0, A), (2, B)], [], [(1, A)], ignored=((0, 1, B),))
    assert truth.image.tolist() == [0, 0, 0, 2] and truth.label.tolist() == [0, 2, 1, 1]
    assert truth.ignored.tolist() == [False, False, True, False]
    assert truth.class_counts.tolist() == [1, 1, 1]
    assert truth.num_images == 3


def test_of_each_class_as_many_of_the_most_confident_count_as_it_has_boxes() -> None:
    truth = truth_of([(0, A), (0, B)], [(1, A)])
    found = detections((0, 0, 0.1, A), (0, 1, 0.2, A), (1, 0, 0.3, A), (1, 0, 0.9, B), (1, 2, 0.9, B))
    assert counted_detections(found, truth)['score'].tolist() == pytest.approx([0.2, 0.3, 0.9])


@pytest.mark.parametrize(
    ('label', 'box', 'kind'),
    [
        (0, A, 'correct'),
        (0, moved(A, 3), 'correct'),  # IoU 70 / 130
        (0, moved(A, 4), 'localization'),  # IoU 60 / 140
        (0, moved(A, 8), 'localization'),  # IoU 20 / 180
        (0, moved(A, 9), 'background'),  # IoU 10 / 190
        (1, moved(A, 3), 'confusion'),
        (1, moved(A, 4), 'both'),
        (1, moved(A, 9), 'background'),
        (1, B, 'correct'),
    ],
)
def test_the_kind_of_a_single_detection(label, box, kind) -> None:
    errors = find_errors(detections((0, label, 0.9, box)), truth_of([(0, A), (1, B)]))
    assert kinds_of(errors) == [kind]


def test_the_more_confident_one_finds_the_box_and_the_other_is_a_duplicate() -> None:
    truth = truth_of([(0, A), (0, B)])
    errors = find_errors(detections((0, 0, 0.5, A), (0, 0, 0.9, moved(A, 1))), truth)
    assert kinds_of(errors) == ['correct', 'duplicate']
    assert errors.detections['score'].tolist() == pytest.approx([0.9, 0.5])
    assert errors.found.tolist() == [True, False]


def test_a_detection_of_an_ignored_box_counts_neither_way() -> None:
    truth = truth_of([(0, A)], ignored=((0, 0, B),))
    errors = find_errors(detections((0, 0, 0.9, B)), truth)
    assert kinds_of(errors) == []
    assert errors.missed.tolist() == [True, False]  # the ignored box is not missed


def test_a_box_that_is_confused_or_badly_placed_is_not_missed() -> None:
    truth = truth_of([(0, A), (1, B), (2, [50, 0, 60, 10])])
    errors = find_errors(detections((0, 0, 0.9, moved(A, 5)), (0, 2, 0.8, B)), truth)
    assert kinds_of(errors) == ['localization', 'confusion']
    assert errors.missed.tolist() == [False, False, True]


def test_boxes_are_sought_in_the_detections_own_image() -> None:
    errors = find_errors(detections((1, 0, 0.9, A)), truth_of([(0, A)], []))
    assert kinds_of(errors) == ['background']


def test_legacy_coordinates_are_a_pixel_larger() -> None:
    truth, found = truth_of([(0, [0, 0, 1, 1])]), detections((0, 0, 0.9, [1, 0, 2, 1]))
    assert kinds_of(find_errors(found, truth)) == ['background']
    assert kinds_of(find_errors(found, truth, use_legacy_coordinate=True)) == ['localization']  # 2 / 6


def test_rows_of_the_confusion_matrix_are_boxes_and_columns_detections() -> None:
    truth = truth_of([(0, A), (1, B)], [(0, A), (2, B)])
    found = detections((0, 0, 0.9, A), (0, 2, 0.9, B), (1, 1, 0.8, A), (1, 0, 0.7, [50, 50, 60, 60]))
    matrix = confusion_matrix(find_errors(found, truth), truth)
    assert matrix.tolist() == [
        [1, 1, 0, 0],  # class 0: one found, one taken for class 1
        [0, 0, 1, 0],  # class 1: taken for class 2
        [0, 0, 0, 1],  # class 2: missed
        [1, 0, 0, 0],  # background taken for class 0
    ]
    assert matrix[:3].sum(axis=1).tolist() == truth.class_counts.tolist()


def test_a_box_is_confused_once() -> None:
    truth = truth_of([(0, A)], [(1, B), (1, B)])
    matrix = confusion_matrix(find_errors(detections((0, 1, 0.9, A), (0, 1, 0.8, moved(A, 1))), truth), truth)
    assert matrix[0, 1] == 1 and matrix[3, 1] == 1


def test_f1_of_images() -> None:
    truth = truth_of([(0, A), (1, B)], [], [(2, A)])
    errors = find_errors(detections((0, 0, 0.9, A), (0, 2, 0.9, B)), truth)
    # 1 correct of 2 detections and 2 boxes; nothing to find; nothing found.
    assert image_f1(errors, truth).tolist() == [0.5, 1.0, 0.0]


def test_nothing_found_and_nothing_there() -> None:
    truth = truth_of([], [])
    errors = find_errors(np.zeros(0, DETECTION), truth)
    assert errors.counts() == dict.fromkeys(KINDS, 0)
    assert image_f1(errors, truth).tolist() == [1.0, 1.0]
    assert confusion_matrix(errors, truth).sum() == 0
