"""Batches of indices: of one aspect group for training, of one size for scoring."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mmdet_miaod.datasets.samplers import AspectGroupBatchSampler, SameSizeBatchSampler
from mmdet_miaod.datasets.seeding import Draw

# Pool images 0, 3, 6, 9 are landscape.
FLAGS = np.array([1, 0, 0] * 3 + [1], dtype=np.uint8)


def sampler(indices=range(10), batch_size=2, repeat=1, rank=0, world_size=1) -> AspectGroupBatchSampler:
    return AspectGroupBatchSampler(
        np.array(indices), FLAGS, batch_size, repeat=repeat, rank=rank, world_size=world_size
    )


def indices_of(batches) -> list[list[int]]:
    return [[draw.index for draw in batch] for batch in batches]


@pytest.mark.parametrize('batch_size, length', [(1, 10), (2, 5), (3, 4), (4, 3), (7, 2)])
def test_batches_are_full_of_one_group_and_miss_no_image(batch_size, length) -> None:
    batches = indices_of(sampler(batch_size=batch_size))
    assert len(batches) == len(sampler(batch_size=batch_size)) == length
    assert all(len(batch) == batch_size for batch in batches)
    assert all(len(set(FLAGS[batch])) == 1 for batch in batches)
    assert {i for batch in batches for i in batch} == set(range(10))


def test_only_the_given_images_are_drawn_each_as_often_as_it_is_repeated() -> None:
    drawn = Counter(i for batch in indices_of(sampler([1, 2, 4, 7], repeat=3)) for i in batch)
    assert drawn == {1: 3, 2: 3, 4: 3, 7: 3}


def test_repeats_fill_a_batch_before_other_images_do() -> None:
    # One landscape image, twice: a batch of its own, without filler.
    assert sorted(map(sorted, indices_of(sampler([0, 1, 2], repeat=2)))).count([0, 0]) == 1


def test_order_and_seeds_are_a_function_of_the_key() -> None:
    one, other = sampler(), sampler()
    one.set_epoch(666, 0, 1, 2)
    first = list(one)
    assert first == list(one)
    other.set_epoch(666, 0, 1, 3)
    assert indices_of(other) != indices_of(first)
    other.set_epoch(666, 0, 1, 2)
    assert list(other) == first
    seeds = [draw.seed for batch in first for draw in batch]
    assert len(set(seeds)) == len(seeds)
    assert all(isinstance(seed, int) and 0 <= seed < 2**64 for seed in seeds)
    assert max(seeds) > 2**32
    assert isinstance(first[0][0], Draw)


def test_two_processes_draw_what_one_draws_with_a_batch_twice_as_large() -> None:
    joined = list(sampler(batch_size=4))
    parts = [list(sampler(batch_size=2, rank=rank, world_size=2)) for rank in range(2)]
    assert len(parts[0]) == len(parts[1]) == len(sampler(batch_size=2, rank=1, world_size=2))
    assert [a + b for a, b in zip(*parts, strict=True)] == joined


def test_nothing_to_draw_from_is_an_error() -> None:
    with pytest.raises(ValueError, match='no images to draw'):
        sampler([])
    with pytest.raises(ValueError, match='batch size'):
        sampler(batch_size=0)
    with pytest.raises(ValueError, match='repeat'):
        sampler(repeat=0)


def test_scoring_batches_are_of_one_size_and_hold_each_image_once() -> None:
    sizes = np.array([[40, 30], [30, 40], [40, 30], [40, 30], [30, 40], [50, 30]])
    batches = SameSizeBatchSampler(np.array([0, 1, 2, 3, 4, 5]), sizes, batch_size=2)
    assert list(batches) == [[1, 4], [0, 2], [3], [5]]
    assert len(batches) == 4
    assert [batch.tolist() for batch in batches.batches] == list(batches)


def test_scoring_looks_at_the_given_images_only() -> None:
    sizes = np.full((9, 2), 8)
    assert list(SameSizeBatchSampler(np.array([7, 2, 4]), sizes, 8)) == [[2, 4, 7]]
