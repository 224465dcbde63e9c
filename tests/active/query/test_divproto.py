"""DivProto against check values and plain loops."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mmdet_miaod.active.query import QUERY_STRATEGIES
from mmdet_miaod.active.query.divproto import class_prototypes, suppressed_entropy
from mmdet_miaod.active.query.instance_features import Detections
from tests.active.query.tiny import FeatureModel, describe, query_of, random_detections
from tests.models.tiny import image_metas, random_features, tiny_head


def entropy(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def unpack(images) -> Detections:
    return Detections.unpack(describe(images, next((len(d[2]) for found in images for d in found), 2)))


def slow_suppression(found, threshold) -> float:
    left, total = list(found), 0.0
    while left:
        best = max(left, key=lambda d: entropy(d[1]))
        total += entropy(best[1])
        left = [
            d for d in left if d is not best and not (d[0] == best[0] and np.dot(d[2], best[2]) > threshold)
        ]
    return total


def slow_prototypes(found) -> dict[int, np.ndarray]:
    sums = {}
    for label, score, feature in found:
        sums[label] = sums.get(label, 0) + entropy(score) * np.asarray(feature)
    return {label: total / np.linalg.norm(total) for label, total in sums.items()}


def slow_selection(images, order, counts, wanted, alpha=0.5, beta=0.75) -> list[int]:
    """Accepted images, then the rejected ones, of images that are gone through in an order."""
    classes = len(counts)
    rare = sorted(range(classes), key=lambda c: counts[c])[: math.ceil(alpha * classes)]
    quota = dict.fromkeys(rare, beta * wanted / (alpha * classes))
    accepted = []
    for i in order:
        if len(accepted) == wanted:
            break
        mine = slow_prototypes(images[i])
        others = [slow_prototypes(images[j]) for j in accepted]
        similar = [max([float(mine[c] @ o[c]) for o in others if c in o], default=0.0) for c in mine]
        best = {c: max(s for label, s, _ in images[i] if label == c) for c in mine}
        opened = [c for c in rare if quota[c] > 0]
        inter = max([best[c] for c in opened if c in best], default=0.0)
        if similar and min(similar) < 0.7 and (not opened or inter > 0.3):
            accepted.append(i)
            for c in opened:
                quota[c] -= best.get(c, 0) > 0.3
    return accepted + [i for i in order if i not in accepted]


def test_the_check_values_of_suppression() -> None:
    for cosine, expected in ((0.6, 0.69315), (0.4, 1.01823)):
        other = (cosine, math.sqrt(1 - cosine**2))
        pair = [(0, 0.9, (1.0, 0.0)), (0, 0.5, other)]
        assert suppressed_entropy(unpack([pair]), 1, 0.5)[0] == pytest.approx(expected, abs=1e-5)
        assert slow_suppression(pair, 0.5) == pytest.approx(expected, abs=1e-5)
    apart = [(0, 0.9, (1.0, 0.0)), (1, 0.5, (1.0, 0.0))]
    assert suppressed_entropy(unpack([apart]), 1, 0.5)[0] == pytest.approx(1.01823, abs=1e-5)


@pytest.mark.parametrize('seed', range(3))
def test_suppression_and_prototypes_are_those_of_plain_loops(seed) -> None:
    images = random_detections(seed, 20, most=9)
    assert [] in images
    found = suppressed_entropy(unpack(images), 20, 0.5)
    np.testing.assert_allclose(found, [slow_suppression(image, 0.5) for image in images], atol=1e-5)
    places, labels, scores, prototypes = class_prototypes(unpack(images))
    expected = [(i, c) for i, image in enumerate(images) for c in sorted(slow_prototypes(image))]
    assert list(zip(places.tolist(), labels.tolist())) == expected
    for i, c, score, prototype in zip(places, labels, scores, prototypes):
        np.testing.assert_allclose(prototype, slow_prototypes(images[i])[c], atol=1e-5)
        assert score == pytest.approx(max(s for label, s, _ in images[i] if label == c))


def divproto_query(images, scores, counts, count, strategy, labeled=()):
    query = query_of(scores, labeled, class_counts=np.array(counts))
    preselected = strategy.preselect(query, count)
    features = next((len(d[2]) for found in images for d in found), 2)
    second_look = describe([images[i] for i in preselected], features)
    return replace(query, preselected=preselected, second_look=second_look)


@pytest.mark.parametrize('seed', range(8))
@pytest.mark.parametrize('classes', [1, 4])
def test_selection_is_that_of_plain_loops(seed, classes) -> None:
    images = random_detections(seed, 24, classes)
    scores = [slow_suppression(image, 0.5) for image in images]
    counts = np.random.RandomState(seed).randint(9, size=classes)
    strategy = QUERY_STRATEGIES.build(dict(type='divproto'))
    query = divproto_query(images, scores, counts, 5, strategy)
    # Of equal scores the larger index is first.
    order = sorted(range(24), key=lambda i: (query.scores[i], i), reverse=True)
    assert query.preselected.tolist() == order[:20]
    expected = slow_selection(images, order[:20], counts, 5) + order[20:]
    assert strategy.rank(query, 5).tolist() == expected[:5]


def test_a_rare_class_comes_first_and_what_looks_alike_last() -> None:
    x, y = (1.0, 0.0), (0.0, 1.0)
    images = [[(0, 0.9, x)], [(0, 0.8, x)], [(1, 0.6, x)], [(1, 0.6, y)], [(1, 0.2, x), (0, 0.5, y)], []]
    strategy = QUERY_STRATEGIES.build(dict(type='divproto', factor=6))
    # Class 1 is the rare one, wanted in 0.75 * 2 / 1 = 1.5 images: twice, with a score above 0.3.
    query = divproto_query(images, [6, 5, 4, 3, 2, 0], [9, 1], 2, strategy)
    assert strategy.rank(query, 2).tolist() == [2, 3]
    # Wanted in one image, 0.75 * 1; afterwards 4 images are wanted, each unlike those before.
    few = QUERY_STRATEGIES.build(dict(type='divproto', factor=6, beta=0.2))
    assert few.rank(query, 4).tolist() == [2, 3, 4, 0]
    # Without quota the order is that of the scores but for repetitions.
    none = QUERY_STRATEGIES.build(dict(type='divproto', factor=6, beta=0))
    assert none.rank(query, 4).tolist() == [0, 2, 3, 4]
    assert none.rank(query, 6).tolist() == [0, 2, 3, 4, 1, 5]


def test_under_a_budget_of_boxes_what_was_chosen_before_counts() -> None:
    x, y = (1.0, 0.0), (0.0, 1.0)
    images = [[(0, 0.9, x)], [(0, 0.8, x)], [(0, 0.7, y)]]
    strategy = QUERY_STRATEGIES.build(dict(type='divproto', factor=3, beta=0))
    query = divproto_query(images, [3, 2, 1], [1], 1, strategy)
    later = replace(query, candidates=np.array([1, 2]), labeled=np.array([0]))
    assert strategy.rank(later, 2).tolist() == [2, 1]


def test_nothing_detected_too_few_candidates_and_refusals() -> None:
    strategy = QUERY_STRATEGIES.build(dict(type='divproto'))
    query = divproto_query([[]] * 4, [0, 0, 0, 0], [0, 0], 2, strategy, labeled=[1])
    assert strategy.rank(query, 3).tolist() == [3, 2, 0]
    with pytest.raises(ValueError, match='no valid score'):
        strategy.rank(replace(query, scores=np.full(4, np.nan)), 1)
    with pytest.raises(ValueError, match='number of labeled boxes'):
        strategy.rank(replace(query, class_counts=None), 1)
    with pytest.raises(ValueError, match='nothing was looked at'):
        strategy.rank(replace(query, preselected=None), 1)
    with pytest.raises(ValueError, match='factor'):
        QUERY_STRATEGIES.build(dict(type='divproto', factor=0))


def test_a_score_is_the_suppressed_entropy_of_the_images_detections() -> None:
    torch.manual_seed(0)
    head = tiny_head()
    with torch.no_grad():
        head.f_1_retina.weight.mul_(8)
    model, feats, metas = FeatureModel(head), random_features(0, 2, 64, 64), image_metas([(64, 64)] * 2)
    strategy = QUERY_STRATEGIES.build(dict(type='divproto'))
    found = strategy.score(model, feats, metas)
    detections = Detections.unpack(strategy.look_again(model, feats, metas).numpy())
    assert found.shape == (2,) and (found > 0).all()
    for image in range(2):
        rows = np.flatnonzero(detections.images == image)
        described = [
            (detections.labels[r], float(detections.scores[r]), detections.features[r]) for r in rows
        ]
        assert found[image].item() == pytest.approx(slow_suppression(described, 0.5), rel=1e-4)
