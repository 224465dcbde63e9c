"""Distances by detections, greedy centers and k-medoids against brute force in plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from mmdet_miaod.active.query import image_distances as module
from mmdet_miaod.active.query.image_distances import centers_by_distance, image_distances, k_medoids
from mmdet_miaod.active.query.instance_features import Detections
from tests.active.query.tiny import describe, random_detections

PAPER = [[(0, 0.8, (1, 0)), (1, 0.4, (0, 1))], [(0, 0.9, (0.6, 0.8))]]


def distances(images, **options) -> np.ndarray:
    features = next((len(d[2]) for found in images for d in found), 2)
    return image_distances(Detections.unpack(describe(images, features)), len(images), **options)


def directed(first, second) -> float:
    """D(i->j) of the paper, in plain loops; None without detections."""
    total = weight = 0.0
    for label, score, feature in first:
        if score > 0.05:
            others = [1 - np.dot(feature, f) for c, s, f in second if c == label and s > 0.05]
            total += score * min(others, default=2.0)
            weight += score
    return total / weight if weight else None


def brute_force(images) -> np.ndarray:
    found = np.zeros((len(images), len(images)))
    for i, first in enumerate(images):
        for j, second in enumerate(images):
            there, back = directed(first, second), directed(second, first)
            if i == j or (there is None and back is None):
                continue
            found[i, j] = 2 if there is None or back is None else (there + back) / 2
    return found


def test_the_check_values_of_a_pair() -> None:
    assert directed(*PAPER) == pytest.approx(0.93333, abs=1e-5)
    assert directed(*PAPER[::-1]) == pytest.approx(0.4)
    np.testing.assert_allclose(distances(PAPER), [[0, 2 / 3], [2 / 3, 0]], atol=1e-6)


@pytest.mark.parametrize('block', [1 << 24, 7])
@pytest.mark.parametrize('classes', [1, 3])
def test_distances_are_those_of_brute_force_in_any_blocks(block, classes, monkeypatch) -> None:
    monkeypatch.setattr(module, '_BLOCK', block)
    images = random_detections(classes, 14, classes)
    assert [] in images
    np.testing.assert_allclose(distances(images), brute_force(images), atol=1e-6)


def test_images_without_detections_are_equal_to_each_other_and_far_from_all() -> None:
    images = [[], PAPER[0], [], [(0, 0.05, (1, 0))]]
    assert distances(images).tolist() == [[0, 2, 0, 0], [2, 0, 2, 2], [0, 2, 0, 0], [0, 2, 0, 0]]
    # As published they are at distance 0 from everything.
    assert not distances(images, as_published=True).any()


def test_as_published_detections_of_equal_rank_and_class_are_at_distance_0() -> None:
    first = [(0, 0.8, (1, 0)), (1, 0.4, (0, 1))]
    second = [(0, 0.9, (0.6, 0.8)), (0, 0.2, (0, 1))]
    # Detection 0 of both images has class 0: 0 in place of 0.4. Rank 1 differs in class and stays at 2; the
    # second's rank 1 is at distance 1 from the first's only detection of class 0.
    there, back = 0.4 * 2 / 1.2, 0.2 * 1 / 1.1
    found = distances([first, second], as_published=True)
    assert found[0, 1] == pytest.approx((there + back) / 2)
    there, back = (0.8 * 0.4 + 0.4 * 2) / 1.2, (0.9 * 0.4 + 0.2 * 1) / 1.1
    assert distances([first, second])[0, 1] == pytest.approx((there + back) / 2)


def test_a_long_comparison_calls_the_heartbeat() -> None:
    beats = []
    distances(PAPER, heartbeat=lambda: beats.append(1))
    assert len(beats) == 2  # a block per class


def matrix(seed, size) -> np.ndarray:
    values = np.random.RandomState(seed).rand(size, size)
    values = (values + values.T).astype(np.float32)
    np.fill_diagonal(values, 0)
    return values


def test_greedy_centers_are_the_farthest_from_those_before() -> None:
    far = matrix(0, 12)
    chosen = [4]
    while len(chosen) < 5:
        nearest = [-1 if i in chosen else min(far[i, j] for j in chosen) for i in range(12)]
        chosen.append(int(np.argmax(nearest)))
    assert centers_by_distance(far, 5, first=4).tolist() == chosen
    # All at one place: ties go to the smaller position, and no point comes twice.
    assert centers_by_distance(np.zeros((4, 4), np.float32), 4, first=2).tolist() == [2, 0, 1, 3]
    assert centers_by_distance(far, 0, first=0).tolist() == []


def slow_medoids(far, medoids, iterations=100) -> list[int]:
    for _ in range(iterations):
        members = {medoid: [] for medoid in medoids}
        for i in range(len(far)):
            members[i if i in members else min(medoids, key=lambda m: far[i, m])].append(i)
        moved = [min(group, key=lambda a: sum(float(far[a, b]) for b in group)) for group in members.values()]
        if moved == medoids:
            break
        medoids = moved
    return medoids


@pytest.mark.parametrize('seed', range(6))
@pytest.mark.parametrize('iterations', [1, 100])
def test_medoids_are_those_of_plain_loops(seed, iterations) -> None:
    far, start = matrix(seed, 15), np.array([3, 9, 0, 14])
    assert k_medoids(far, start, iterations).tolist() == slow_medoids(far, start.tolist(), iterations)


def test_medoids_on_a_line_worked_out_on_paper() -> None:
    places = np.array([0.0, 1, 2, 10, 11, 12, 13])
    far = np.abs(places[:, None] - places).astype(np.float32)
    # Clusters {0, 1, 2} and the others, of which 11 and 12 have equal sums: the first of them.
    assert k_medoids(far, np.array([0, 6])).tolist() == [1, 4]
    # Medoids at one place keep a cluster each.
    assert k_medoids(np.zeros((3, 3), np.float32), np.array([2, 1])).tolist() == [0, 1]
