"""CDAL: distributions over classes and their divergence against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mmdet_miaod.active.query import QUERY_STRATEGIES
from mmdet_miaod.active.query.cdal import symmetric_divergence, with_logarithms
from mmdet_miaod.active.query.image_features import class_distribution
from tests.active.query.tiny import FeatureModel, query_of
from tests.models.tiny import random_features, tiny_head


def divergence(p, q) -> float:
    return sum((a - b) * (math.log(a) - math.log(b)) for a, b in zip(p, q)) / 2


def cdal_query(distributions, labeled=(), **extra):
    features = dict(class_distribution=np.array(distributions, dtype=np.float32))
    return query_of(np.zeros(len(distributions)), labeled, features=features, **extra)


def select(distributions, count, labeled=()) -> list[int]:
    return QUERY_STRATEGIES.build(dict(type='cdal')).rank(cdal_query(distributions, labeled), count).tolist()


def test_the_check_value() -> None:
    rows = torch.from_numpy(with_logarithms(np.array([[0.5, 0.5], [0.9, 0.1]], dtype=np.float32)))
    assert symmetric_divergence(rows[:1], rows[1:]).item() == pytest.approx(0.43944, abs=1e-5)
    assert divergence((0.5, 0.5), (0.9, 0.1)) == pytest.approx(0.43944, abs=1e-5)


def test_classes_that_are_impossible_are_at_a_finite_distance() -> None:
    rows = torch.from_numpy(with_logarithms(np.array([[1, 0], [0, 1]], dtype=np.float32)))
    assert symmetric_divergence(rows, rows)[0, 1].item() == pytest.approx(12 * math.log(10), rel=1e-5)


@pytest.mark.parametrize('labeled', [[], [0, 3]])
def test_selection_is_that_of_brute_force(labeled) -> None:
    pool = np.random.RandomState(1).dirichlet([0.5] * 4, 20)
    centers, chosen = [pool[i] for i in labeled], []
    for _ in range(6):
        left = [i for i in range(20) if i not in (*labeled, *chosen)]
        nearest = [min((divergence(pool[i], c) for c in centers), default=math.inf) for i in left]
        chosen.append(left[int(np.argmax(nearest))])
        centers.append(pool[chosen[-1]])
    assert select(pool, 6, labeled) == chosen


def test_ties_all_alike_and_one_class() -> None:
    assert select([[0.5, 0.5]] * 4, 4, labeled=[1])[:1] == [0]
    assert select([[0.2, 0.8], [0.2, 0.8], [0.9, 0.1], [0.9, 0.1]], 2, labeled=[0]) == [2, 1]


def test_a_distribution_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match='1 images have no valid distribution'):
        select([[0.5, 0.5], [np.nan, 0.5], [0.1, 0.9]], 1)


def test_a_distribution_is_the_mean_of_anchors_weighted_by_entropy() -> None:
    torch.manual_seed(0)
    head, feats = tiny_head(), random_features(0, 2, 64, 64)
    logits = head.forward_branch(feats, 'f_1')
    for image, found in enumerate(class_distribution(FeatureModel(head), feats)):
        total, weight = np.zeros(4), 0.0
        for level in logits:
            for anchor in level[image].permute(1, 2, 0).reshape(-1, 3).sigmoid().tolist():
                shares = np.array([*anchor, 1 - max(anchor)])
                shares /= shares.sum()
                entropy = -sum(p * math.log(p) for p in shares)
                total += entropy * shares
                weight += entropy
        np.testing.assert_allclose(found, total / weight, rtol=1e-4)


def test_a_model_without_doubt_has_no_distribution_to_prefer() -> None:
    class Certain:
        cls_out_channels = 2
        use_sigmoid_cls = False

        def forward_branches(self, feats, branches):
            return dict(f_1=[torch.tensor([200.0, -200.0]).view(1, 2, 1, 1)])

        def class_probability(self, logits):
            return logits.softmax(dim=-1)

    assert class_distribution(FeatureModel(Certain()), []).tolist() == [[0.5, 0.5]]
