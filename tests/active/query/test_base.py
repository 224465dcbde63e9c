"""The contract: highest scores by default, and scores with features in one pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmdet_miaod.active.query import QueryStrategy
from mmdet_miaod.active.query.base import stable_top_k
from tests.active.query.tiny import FeatureModel, query_of


def test_the_highest_scores_are_ranked_and_the_most_wanted_image_is_first() -> None:
    assert QueryStrategy().rank(query_of([0.1, 0.9, 0.3, 0.5]), 3).tolist() == [1, 3, 2]


def test_of_equal_scores_the_larger_index_is_first() -> None:
    assert QueryStrategy().rank(query_of([1, 1, 1, 1, 0]), 2).tolist() == [3, 2]


def test_labeled_images_are_never_ranked_whatever_their_score() -> None:
    assert QueryStrategy().rank(query_of([np.nan, 9, 0.2, 0.1], labeled=[0, 1]), 2).tolist() == [2, 3]


def test_all_candidates_and_none() -> None:
    assert QueryStrategy().rank(query_of([3, 1, 2]), 3).tolist() == [0, 2, 1]
    assert QueryStrategy().rank(query_of([3, 1, 2]), 0).tolist() == []


def test_a_candidate_without_a_score_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match='1 images have no valid score .* index 2'):
        QueryStrategy().rank(query_of([0, 1, np.nan, 3]), 1)


@pytest.mark.parametrize('count', [0, 1, 7, 250, 499, 500])
def test_the_highest_scores_are_the_tail_of_a_stable_argsort_reversed(count) -> None:
    random = np.random.RandomState(count)
    scores = random.randint(0, 20, 500).astype(np.float32)  # many ties
    scores[random.randint(0, 500, 9)] = [np.inf, -np.inf, 0.0, -0.0, 0.0, np.inf, -np.inf, 19, 19]
    expected = np.argsort(scores, kind='stable')[500 - count :][::-1]
    np.testing.assert_array_equal(stable_top_k(scores, count), expected)


class Mean(QueryStrategy):
    features = ('pooled',)

    def score(self, model, feats, img_metas):
        return feats[0].mean(dim=(1, 2, 3))


def test_scores_and_features_come_of_one_pass() -> None:
    passes = []

    class Counting(FeatureModel):
        def extract_feat(self, img):
            passes.append(img)
            return [img]

    img = torch.arange(24.0).reshape(2, 3, 2, 2)
    found = Mean().score_and_features(Counting(), img, [{}, {}], ('pooled',))
    assert found['scores'].tolist() == [5.5, 17.5]
    assert found['pooled'].tolist() == [[1.5, 5.5, 9.5], [13.5, 17.5, 21.5]]
    assert len(passes) == 1
    assert Mean().score_and_features(Counting(), img, [{}, {}], ()).keys() == {'scores'}


def test_a_strategy_without_a_score_is_named() -> None:
    class Forgetful(QueryStrategy):
        pass

    with pytest.raises(NotImplementedError, match=r'Forgetful has no score\(model, feats, img_metas\)'):
        Forgetful().score_and_features(FeatureModel(), [torch.ones(1, 1, 1, 1)], [{}], ())
