"""Strategies written for version 0.1 keep working; examples and rules are those of its documentation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmdet_miaod.active.query import QUERY_STRATEGIES, CoresetQuery, DiscrepancyQuery, Query, QueryStrategy
from mmdet_miaod.active.selection import SelectionSettings, select_images
from tests.active.query.tiny import FeatureModel, pooled_query, query_of
from tests.models.tiny import random_features, tiny_head

pytestmark = pytest.mark.filterwarnings('ignore::DeprecationWarning')

EXAMPLE = '''
import torch
from mmdet_miaod.active.query import QUERY_STRATEGIES, QueryStrategy


@QUERY_STRATEGIES.register_module(name='doubt')
class DoubtQuery(QueryStrategy):
    """Select images whose anchors are neither clearly an object nor clearly background."""

    def __init__(self, k: int = 100) -> None:
        self.k = k

    def image_scores(self, model, img, img_metas):
        levels = model.bbox_head.forward_branches(model.extract_feat(img), ['f_1'])['f_1']
        doubts = [1 - (2 * level.sigmoid() - 1).abs().flatten(1) for level in levels]
        doubt = torch.cat(doubts, dim=1)
        return doubt.topk(min(self.k, doubt.shape[1]), dim=1).values.mean(dim=1)
'''


@pytest.fixture
def model() -> FeatureModel:
    torch.manual_seed(0)
    model = FeatureModel(tiny_head())
    model.extract_feat = lambda img: random_features(int(img.sum()), len(img), 64, 64)
    return model


@pytest.fixture
def doubt(monkeypatch) -> type[QueryStrategy]:
    names = {name: kind for name, kind in QUERY_STRATEGIES.module_dict.items() if name != 'doubt'}
    monkeypatch.setattr(QUERY_STRATEGIES, '_module_dict', names)
    with pytest.warns(DeprecationWarning, match=r'DoubtQuery has image_scores: write score\(model, feats'):
        exec(EXAMPLE, {})
    return QUERY_STRATEGIES.get('doubt')


def doubts(model, img, k: int) -> torch.Tensor:
    levels = model.bbox_head.forward_branches(model.extract_feat(img), ['f_1'])['f_1']
    doubt = torch.cat([1 - (2 * level.sigmoid() - 1).abs().flatten(1) for level in levels], dim=1)
    return doubt.topk(k, dim=1).values.mean(dim=1)


@pytest.mark.parametrize('wrapper', [None, 'class_balanced', 'without_near_duplicates'])
def test_the_example_scores_images_alone_and_in_wrappers(doubt, wrapper, model) -> None:
    config = dict(type='doubt', k=5)
    strategy = QUERY_STRATEGIES.build(dict(type=wrapper, strategy=config) if wrapper else config)
    img = torch.ones(2, 3, 1, 1)
    found = strategy.score_and_features(model, img, [{}, {}], strategy.features)
    assert found.keys() == {'scores', *strategy.features}
    assert torch.equal(found['scores'], doubts(model, img, 5))


def test_the_example_selects_the_highest_scores(doubt) -> None:
    selected, _ = select_images(doubt(), query_of([1, 4, 2, 3]), SelectionSettings(2), annotator=None)
    assert selected.tolist() == [3, 1]


@pytest.mark.parametrize(
    ('method', 'instead'),
    [
        ('image_scores', r'score\(model, feats, img_metas\), given what backbone and neck computed'),
        ('score_features', r'score\(model, feats, img_metas\), given what backbone and neck computed'),
        ('select', r'rank\(query, count\), always the most wanted image first'),
    ],
)
def test_a_class_with_an_old_method_is_told_what_to_write_instead(method, instead) -> None:
    with pytest.warns(DeprecationWarning, match=f'Mine has {method}: write {instead}') as warned:
        type('Mine', (QueryStrategy,), {method: lambda self, *args: None})
    assert warned[0].filename == __file__


def test_a_call_of_an_old_method_is_told_what_to_call_instead(model) -> None:
    strategy, img = DiscrepancyQuery(), torch.ones(2, 3, 1, 1)
    query = query_of([1, 2], size=1)
    with pytest.warns(DeprecationWarning, match=r'select\(query\) is now rank\(query, count\)'):
        strategy.select(query)
    with pytest.warns(
        DeprecationWarning, match=r'is now score\(model, model.extract_feat\(img\), img_metas\)'
    ):
        strategy.image_scores(model, img, [{}, {}])
    with pytest.warns(DeprecationWarning, match=r'is now score\(model, feats, img_metas\)'):
        strategy.score_features(model, model.extract_feat(img))


def test_the_example_of_a_selection_without_a_model() -> None:
    scores = np.array([np.nan, 0.1, 0.7, 0.3, 0.7, 0.2], dtype=np.float32)
    query = Query(candidates=np.array([1, 2, 3, 4, 5]), size=2, scores=scores, labeled=np.array([0]), seed=1)
    assert QUERY_STRATEGIES.build(dict(type='miaod', k=10)).select(query).tolist() == [2, 4]
    assert len(QUERY_STRATEGIES.build(dict(type='random')).select(query)) == 2


def test_a_selection_gives_the_most_wanted_image_last_unless_it_says_best_first() -> None:
    class Smallest(QueryStrategy):
        needs_model = False

        def select(self, query):
            return query.candidates[: query.size][::-1]

    class SmallestFirst(Smallest):
        best_first = True

        def select(self, query):
            return query.candidates[: query.size]

    for strategy in (Smallest(), SmallestFirst()):
        assert not strategy.selects_by_score
        assert strategy.rank(query_of([0, 0, 0], labeled=[1]), 2).tolist() == [0, 2]


def test_a_selection_may_start_from_that_of_its_base_class() -> None:
    class EveryOther(QueryStrategy):
        def select(self, query):
            return super().select(replace(query, size=2 * query.size))[1::2]

    class Farthest(CoresetQuery):
        def select(self, query):
            query.tell_alive()
            return super().select(query)

    assert EveryOther().rank(query_of([4, 1, 3, 2]), 2).tolist() == [0, 3]
    query = pooled_query([[0.0], [1], [-3], [2]], [0])
    assert Farthest().rank(query, 2).tolist() == CoresetQuery().rank(query, 2).tolist() == [2, 3]


def test_a_selection_in_a_wrapper_knows_how_many_images_will_be_labeled() -> None:
    sizes = []

    @QUERY_STRATEGIES.register_module(name='test_noting')
    class Noting(QueryStrategy):
        needs_model = False
        best_first = True

        def select(self, query):
            sizes.append((query.size, query.number_wanted))
            return query.candidates[: query.size]

    strategy = QUERY_STRATEGIES.build(dict(type='without_near_duplicates', strategy=dict(type='test_noting')))
    strategy.rank(pooled_query(np.random.RandomState(0).standard_normal((9, 5))), 2)
    assert sizes == [(4, 2)]


def test_scores_by_features_of_the_levels(model) -> None:
    class Means(QueryStrategy):
        features = ('pooled',)

        def score_features(self, model, feats):
            return feats[0].mean(dim=(1, 2, 3))

    class Doubled(DiscrepancyQuery):
        def score_features(self, model, feats):
            return 2 * super().score_features(model, feats)

    img = torch.ones(2, 3, 1, 1)
    feats = model.extract_feat(img)
    found = Means().score_and_features(model, img, [{}, {}], Means.features)
    assert torch.equal(found['scores'], feats[0].mean(dim=(1, 2, 3))) and found['pooled'].shape == (2, 8)
    assert torch.equal(Doubled(k=5).score(model, feats, [{}, {}]), 2 * model.bbox_head.uncertainty(feats, 5))


def test_the_score_that_is_defined_last_counts(model) -> None:
    class Sevens(DiscrepancyQuery):
        def image_scores(self, model, img, img_metas):
            return torch.full((len(img),), 7.0)

    class Eights(Sevens):
        def score_features(self, model, feats):
            return torch.full((len(feats[0]),), 8.0)

    class Nines(Sevens):
        def score(self, model, feats, img_metas):
            return torch.full((len(feats[0]),), 9.0)

    img = torch.ones(1, 3, 1, 1)
    for kind, expected in ((Sevens, 7), (Eights, 8), (Nines, 9)):
        assert kind().score_and_features(model, img, [{}], ())['scores'].tolist() == [expected]


def test_scores_may_start_from_those_of_the_base_class(model) -> None:
    class Negative(DiscrepancyQuery):
        def image_scores(self, model, img, img_metas):
            return -super().image_scores(model, img, img_metas)

    img = torch.ones(2, 3, 1, 1)
    expected = -model.bbox_head.uncertainty(model.extract_feat(img), 5)
    found = Negative(k=5).score_and_features(model, img, [{}, {}], ())
    assert torch.equal(found['scores'], expected)


@pytest.mark.filterwarnings('error::DeprecationWarning')
def test_a_strategy_with_both_contracts_is_of_today_and_warns_of_nothing() -> None:
    class Both(QueryStrategy):
        def image_scores(self, model, img, img_metas):
            raise AssertionError

        def score(self, model, feats, img_metas):
            return torch.ones(len(feats[0]))

        def select(self, query):
            raise AssertionError

        def rank(self, query, count):
            return query.candidates[:count]

    found = Both().score_and_features(FeatureModel(), [torch.ones(2, 1, 1, 1)], [{}, {}], ())
    assert found['scores'].tolist() == [1, 1]
    assert Both().rank(query_of([1, 2]), 1).tolist() == [0]
