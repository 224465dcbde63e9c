"""The split: bit for bit the published one, and what bad files get."""

from __future__ import annotations

import numpy as np
import pytest

from mmdet_miaod.active.query import DiscrepancyQuery, Query
from mmdet_miaod.active.selection import SelectionSettings, select_images
from mmdet_miaod.active.split import (
    Split,
    initial_split,
    load_split,
    next_split,
    save_split,
    write_name_lists,
)
from tests.golden_data import golden_names, load_golden


def split_of(labeled, unlabeled=()) -> Split:
    return Split(np.array(labeled, dtype=np.int64), np.array(unlabeled, dtype=np.int64))


@pytest.mark.parametrize('name', golden_names('select_'))
def test_split_and_three_queries_are_the_published_ones(name) -> None:
    golden = load_golden(name)
    meta = golden['meta']
    size = meta['n07'] + meta['n12']
    split = initial_split(size, meta['initial'], meta['seed'])
    for cycle in range(4):
        for letter, indices in (('L', split.labeled), ('U', split.unlabeled)):
            assert indices.dtype == np.int64
            np.testing.assert_array_equal(indices, golden[f'X_{letter}_{cycle}'])
        if cycle == 3:
            break
        scores = np.random.RandomState(meta['seed'] * 10 + cycle + 1).rand(size).astype(np.float32)
        query = Query(candidates=split.candidates(size), labeled=split.labeled, scores=scores, seed=0)
        selected, _ = select_images(DiscrepancyQuery(), query, SelectionSettings(meta['add']), annotator=None)
        split = next_split(split, selected, size, meta['seed'])


def test_the_first_unlabeled_set_is_the_end_of_the_shuffled_order_or_what_follows() -> None:
    order = np.arange(10)
    np.random.RandomState(5).shuffle(order)
    end, following = initial_split(10, 3, 5), initial_split(10, 3, 5, unlabeled_from='next')
    assert end.labeled.tolist() == following.labeled.tolist() == sorted(order[:3])
    assert end.unlabeled.tolist() == sorted(order[-3:])
    assert following.unlabeled.tolist() == sorted(order[3:6])


def test_a_first_set_of_the_whole_pool_leaves_nothing_to_query() -> None:
    split = initial_split(4, 4, 0)
    assert split.labeled.tolist() == split.unlabeled.tolist() == [0, 1, 2, 3]
    assert split.candidates(4).tolist() == []


@pytest.mark.parametrize('size', [0, 11, -1])
def test_a_first_set_that_the_pool_cannot_give_is_refused(size) -> None:
    with pytest.raises(ValueError, match=f'X_L_0_size is {size}, but the pool has 10 images'):
        initial_split(10, size, 0)
    with pytest.raises(ValueError, match="choose 'end' or 'next'"):
        initial_split(10, 2, 0, unlabeled_from='middle')


def test_labeled_images_fill_the_unlabeled_set_up_where_the_pool_runs_out() -> None:
    split, selected = split_of([0, 1, 2, 3]), np.array([6, 4])
    following = next_split(split, selected, 8, seed=3)
    assert following.labeled.tolist() == [0, 1, 2, 3, 4, 6]
    random, rest = np.random.RandomState(3), np.array([5, 7])
    random.shuffle(rest)
    joined = np.array([0, 1, 2, 3, 6, 4])  # in the query's order, not sorted
    random.shuffle(joined)
    assert following.unlabeled.tolist() == sorted([5, 7, *joined[:4]])
    # The order of the selection counts for these random numbers.
    other = next_split(split, selected[::-1], 8, seed=3)
    joined = np.array([0, 1, 2, 3, 4, 6])
    random = np.random.RandomState(3)
    random.shuffle(rest)
    random.shuffle(joined)
    assert other.unlabeled.tolist() == sorted([5, 7, *joined[:4]])


def test_the_last_images_of_the_pool_leave_an_unlabeled_set_of_labeled_ones() -> None:
    following = next_split(split_of([0, 2]), np.array([1]), 3, seed=0)
    assert following.labeled.tolist() == following.unlabeled.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    'selected, message',
    [
        ([4, 4], 'twice'),
        ([8], 'outside the pool of 8'),
        ([-1], 'outside the pool'),
        ([5, 2], r'already: \[2\]'),
    ],
)
def test_a_selection_that_cannot_be_is_refused(selected, message) -> None:
    with pytest.raises(ValueError, match=message):
        next_split(split_of([1, 2]), np.array(selected), 8, seed=0)


def test_a_saved_split_is_int64_and_comes_back(tmp_path) -> None:
    split = split_of([1, 4, 5], [0, 2])
    records = save_split(split, tmp_path, 3)
    assert [record.path.name for record in records] == ['X_L_3.npy', 'X_U_3.npy']
    assert np.load(tmp_path / 'X_L_3.npy').dtype == np.int64
    loaded = load_split(tmp_path / 'X_L_3.npy', tmp_path / 'X_U_3.npy', 6)
    assert loaded.labeled.tolist() == [1, 4, 5]
    assert loaded.unlabeled.tolist() == [0, 2]


@pytest.mark.parametrize('dtype', [np.float64, np.float32, np.int32, np.uint16])
def test_published_splits_of_any_number_type_and_order_load(tmp_path, dtype) -> None:
    np.save(tmp_path / 'L.npy', np.array([5, 1, 4], dtype=dtype))
    np.save(tmp_path / 'U.npy', np.array([0, 2], dtype=dtype))
    loaded = load_split(tmp_path / 'L.npy', tmp_path / 'U.npy', 6)
    assert loaded.labeled.dtype == np.int64
    assert loaded.labeled.tolist() == [1, 4, 5]


@pytest.mark.parametrize(
    'array, message',
    [
        (np.array([0.5, 1.0]), 'whole numbers, found float64'),
        (np.array([0.0, np.nan]), 'whole numbers'),
        (np.array(['a']), 'whole numbers'),
        (np.array([[0, 1]]), r'shape \(1, 2\)'),
        (np.array([], dtype=np.int64), r'shape \(0,\)'),
        (np.array([0, 6]), 'index 6 is outside the pool of 6 images; was it saved for another data set'),
        (np.array([-1, 0]), 'index -1 is outside'),
        (np.array([1, 1, 2]), '1 image indices appear twice'),
        (np.array([0, None], dtype=object), 'plain npy array'),
    ],
)
@pytest.mark.filterwarnings('ignore:invalid value encountered in cast')
def test_a_file_that_is_no_split_is_refused_by_name(tmp_path, array, message) -> None:
    np.save(tmp_path / 'L.npy', array)
    np.save(tmp_path / 'U.npy', np.array([3]))
    with pytest.raises(ValueError, match=message) as error:
        load_split(tmp_path / 'L.npy', tmp_path / 'U.npy', 6)
    assert str(error.value).startswith(str(tmp_path / 'L.npy'))


def test_a_split_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r'L\.npy: no such file'):
        load_split(tmp_path / 'L.npy', tmp_path / 'U.npy', 6)


def test_name_lists_have_one_pair_an_annotation_list(tmp_path) -> None:
    names, list_ids = ['a', 'b', 'c', 'd', 'e'], np.array([0, 0, 0, 1, 1])
    write_name_lists(split_of([0, 2, 4], [1]), names, list_ids, ('07', '12'), tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        'trainval_L_07.txt': 'a\nc\n',
        'trainval_U_07.txt': 'b\n',
        'trainval_L_12.txt': 'e\n',
        'trainval_U_12.txt': '',
    }
