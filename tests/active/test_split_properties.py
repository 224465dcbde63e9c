"""Properties of split and query that hold for every pool, size, seed and score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdet_miaod.active.query import Query, QueryStrategy
from mmdet_miaod.active.split import Split, initial_split, load_split, next_split, save_split

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=100, deadline=None)


@st.composite
def pools(draw):
    """Pool size, size of the first labeled set, seed."""
    size = draw(st.integers(1, 60))
    return size, draw(st.integers(1, size)), draw(SEEDS)


@st.composite
def queries(draw):
    """A split, a query for it and a number of images; few different scores, so that ties are common."""
    size, first, seed = draw(pools())
    split = initial_split(size, first, seed)
    candidates = split.candidates(size)
    scores = st.sampled_from([0.0, 0.25, 0.5, 1.0])
    values = np.array(draw(st.lists(scores, min_size=size, max_size=size)), dtype=np.float32)
    query = Query(candidates=candidates, labeled=split.labeled, scores=values, seed=seed)
    return split, query, draw(st.integers(0, len(candidates)))


def ascending(indices: np.ndarray) -> bool:
    return indices.dtype == np.int64 and bool((np.diff(indices) > 0).all())


@FEW
@given(pools())
def test_the_first_split_is_disjoint_complete_and_of_the_right_size(pool) -> None:
    size, first, seed = pool
    split = initial_split(size, first, seed)
    assert ascending(split.labeled) and ascending(split.unlabeled)
    assert len(split.labeled) == len(split.unlabeled) == first
    assert sorted([*split.labeled, *split.candidates(size)]) == list(range(size))
    if 2 * first <= size:
        assert not set(split.labeled) & set(split.unlabeled)
    order = np.arange(size)
    np.random.RandomState(seed).shuffle(order)
    assert split.unlabeled.tolist() == sorted(order[-first:])


@FEW
@given(queries())
def test_a_query_takes_the_highest_scores_and_of_equal_ones_the_last(asked) -> None:
    _, query, count = asked
    # A plain sort of (score, index) is an implementation of its own.
    expected = sorted(query.candidates.tolist(), key=lambda i: (query.scores[i], i), reverse=True)
    assert QueryStrategy().rank(query, count).tolist() == expected[:count]


@FEW
@given(queries(), SEEDS)
def test_scores_of_labeled_images_change_nothing(asked, seed) -> None:
    _, query, count = asked
    scores = query.scores.copy()
    scores[query.labeled] = np.random.RandomState(seed).choice([np.nan, 9, -9], len(query.labeled))
    other = replace(query, scores=scores)
    assert QueryStrategy().rank(other, count).tolist() == QueryStrategy().rank(query, count).tolist()


@FEW
@given(queries(), st.data())
def test_nan_scores_of_candidates_are_refused(asked, data) -> None:
    _, query, count = asked
    if len(query.candidates):
        bad = data.draw(st.sampled_from(query.candidates.tolist()))
        query.scores[bad] = np.nan
        with pytest.raises(ValueError, match=f'1 images have no valid score .* index {bad}'):
            QueryStrategy().rank(query, count)


@FEW
@given(queries(), SEEDS)
def test_the_next_split_is_disjoint_complete_and_its_unlabeled_set_published(asked, seed) -> None:
    split, query, count = asked
    size, selected = len(query.scores), QueryStrategy().rank(query, count)
    following = next_split(split, selected, size, seed)
    assert ascending(following.labeled) and ascending(following.unlabeled)
    assert set(following.labeled) == set(split.labeled) | set(selected)
    assert sorted([*following.labeled, *following.candidates(size)]) == list(range(size))
    assert following.unlabeled.tolist() == slow_unlabeled_set(split, selected, size, seed)
    assert len(following.unlabeled) == len(following.labeled)
    again = next_split(split, selected, size, seed)
    assert again.unlabeled.tolist() == following.unlabeled.tolist()


def slow_unlabeled_set(split: Split, selected: np.ndarray, size: int, seed: int) -> list[int]:
    """The published rule, literally: the rest of the pool shuffled; labeled images fill it up."""
    labeled = [*split.labeled.tolist(), *selected.tolist()]
    rest = np.array([i for i in range(size) if i not in labeled], dtype=np.int64)
    random = np.random.RandomState(seed)
    random.shuffle(rest)
    chosen = rest.tolist()[: len(labeled)]
    if len(chosen) < len(labeled):
        filler = np.array(labeled)
        random.shuffle(filler)
        chosen += filler.tolist()[: len(labeled) - len(chosen)]
    return sorted(chosen)


@FEW
@given(queries(), st.data())
def test_a_selection_of_labeled_or_repeated_images_is_refused(asked, data) -> None:
    split, query, _ = asked
    known = data.draw(st.sampled_from(split.labeled.tolist()))
    with pytest.raises(ValueError, match='labeled already'):
        next_split(split, np.array([known]), len(query.scores), 0)
    if len(query.candidates):
        with pytest.raises(ValueError, match='twice'):
            next_split(split, np.repeat(query.candidates[:1], 2), len(query.scores), 0)


@settings(max_examples=25, deadline=None)
@given(pools())
def test_a_split_comes_back_from_its_files(tmp_path_factory, pool) -> None:
    size, first, seed = pool
    folder, split = tmp_path_factory.mktemp('split'), initial_split(size, first, seed)
    paths = [record.path for record in save_split(split, folder, 0)]
    loaded = load_split(*paths, size)
    assert loaded.labeled.tolist() == split.labeled.tolist()
    assert loaded.unlabeled.tolist() == split.unlabeled.tolist()
