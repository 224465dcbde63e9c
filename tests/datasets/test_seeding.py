"""Augmentation as a function of the draw's seed."""

import random

import numpy as np
import pytest
import torch

from mmdet_miaod.datasets.seeding import Draw, augmentation_seed, open_draw


def draw_all():
    return random.random(), np.random.rand(), torch.rand(1).item()


def seeded_draw(seed):
    with augmentation_seed(seed):
        return draw_all()


def test_numbers_depend_on_the_seed_alone():
    first = seeded_draw(7)
    draw_all()
    assert seeded_draw(7) == first
    seeds = (0, 1, 7, 2**32, 2**32 + 1, 7 << 32, 2**64 - 1)
    for numbers in zip(*map(seeded_draw, seeds), strict=True):
        assert len(set(numbers)) == len(seeds)


def test_generators_go_on_as_if_nothing_had_happened():
    def run(inside):
        random.seed(1), np.random.seed(1), torch.manual_seed(1)
        first = draw_all()
        inside()
        return first, draw_all()

    def fail():
        def failing_transform():
            with augmentation_seed(3):
                raise RuntimeError(draw_all())

        with pytest.raises(RuntimeError):
            failing_transform()

    assert run(lambda: None) == run(lambda: seeded_draw(3)) == run(fail)


def test_draw_or_index():
    i, context = open_draw(Draw(4, 9))
    with context:
        numbers = draw_all()
    assert (i, numbers) == (4, seeded_draw(9))
    i, context = open_draw(np.int64(4))
    np.random.seed(0)
    with context:
        number = np.random.rand()
    assert (i, number) == (4, np.random.RandomState(0).rand())
    with pytest.raises(TypeError):
        open_draw('4')
