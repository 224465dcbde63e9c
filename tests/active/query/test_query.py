"""Query strategies on given scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmdet_miaod.active.query.base import QUERY_STRATEGIES, Query, QueryStrategy


def query(scores, labeled=(), size=2, seed=0) -> Query:
    labeled = np.array(labeled, dtype=np.int64)
    candidates = np.setdiff1d(np.arange(len(scores)), labeled)
    return Query(candidates, size, np.array(scores, dtype=np.float32), labeled, seed)


def test_the_highest_scores_are_selected_in_ascending_order_of_score() -> None:
    assert QueryStrategy().select(query([0.1, 0.9, 0.3, 0.5], size=3)).tolist() == [2, 3, 1]


def test_ties_go_to_the_larger_index() -> None:
    assert QueryStrategy().select(query([1, 1, 1, 1, 0], size=2)).tolist() == [2, 3]


def test_labeled_images_are_never_selected_whatever_their_score() -> None:
    assert QueryStrategy().select(query([np.nan, 9, 0.2, 0.1], labeled=[0, 1])).tolist() == [3, 2]


def test_all_candidates_and_none() -> None:
    assert QueryStrategy().select(query([3, 1, 2], size=3)).tolist() == [1, 2, 0]
    assert QueryStrategy().select(query([3, 1, 2], size=0)).tolist() == []


def test_a_candidate_without_a_score_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match='1 images have no valid score .* index 2'):
        QueryStrategy().select(query([0, 1, np.nan, 3]))


def test_miaod_asks_the_model_for_the_mean_of_the_k_most_uncertain_instances() -> None:
    class Model:
        def score(self, img, img_metas, k):
            return img.sum(dim=(1, 2, 3)) * k

    strategy = QUERY_STRATEGIES.build(dict(type='miaod', k=7))
    assert strategy.needs_model
    assert strategy.image_scores(Model(), torch.ones(2, 3, 1, 1), [{}, {}]).tolist() == [21, 21]
    with pytest.raises(ValueError, match='k is 0'):
        QUERY_STRATEGIES.build(dict(type='miaod', k=0))


class Brightness(QueryStrategy):
    """Overrides ``image_scores`` alone, as a strategy may."""

    features = ('pooled',)

    def image_scores(self, model, img, img_metas):
        return img.mean(dim=(1, 2, 3))


def test_a_strategy_that_scores_images_can_ask_for_features_too() -> None:
    class Model:
        def extract_feat(self, img):
            return [img]

    found = Brightness().describe(Model(), torch.ones(2, 3, 4, 4), [{}, {}])
    assert found['scores'].tolist() == [1, 1] and found['pooled'].shape == (2, 3)


def test_a_subclass_that_scores_images_itself_is_not_scored_by_its_base_class() -> None:
    class Sevens(QUERY_STRATEGIES.get('miaod')):
        def image_scores(self, model, img, img_metas):
            return torch.full((len(img),), 7.0)

    class Eights(Sevens):
        def score_features(self, model, feats):
            return torch.full((len(feats[0]),), 8.0)

    assert not Sevens().scores_features and Eights().scores_features and not QueryStrategy().scores_features


def test_random_is_a_function_of_its_seed_and_looks_at_no_image() -> None:
    strategy = QUERY_STRATEGIES.build(dict(type='random'))
    assert not strategy.needs_model
    unscored = [np.nan] * 30
    chosen = strategy.select(query(unscored, labeled=[0, 1, 2], size=9, seed=2**40 + 1))
    expected = np.random.RandomState(1).permutation(np.arange(3, 30))[:9]
    assert chosen.tolist() == expected.tolist()
    with pytest.raises(NotImplementedError, match='RandomQuery does not look at images'):
        strategy.image_scores(None, None, None)
