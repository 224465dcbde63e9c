"""Augmentation as a function of a seed alone, whatever ran before and in whichever loader process."""

from __future__ import annotations

import operator
import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch


@contextmanager
def augmentation_seed(seed: int) -> Iterator[None]:
    """Seed the global generators that pipelines draw from, and put them back afterwards.

    Args:
        seed: 0 <= seed < 2**64; seeds ``random``, ``numpy.random`` and torch's CPU generator.
    """
    python_state, numpy_state = random.getstate(), np.random.get_state()
    torch_state = torch.random.get_rng_state()
    random.seed(seed)
    np.random.seed([seed & 0xFFFFFFFF, seed >> 32])
    # Not torch.manual_seed, which seeds every GPU as well; the CPU generator looks at 32 bits of a seed only.
    torch.default_generator.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        torch.random.set_rng_state(torch_state)


def open_draw(draw: Any) -> tuple[int, Any]:
    """Index of a draw, and the context to load it in.

    Args:
        draw: A :class:`~mmdet_miaod.datasets.samplers.Draw` (index and seed), or an index alone: then the
            global generators are used as they are.

    Returns:
        Index, context manager.
    """
    if hasattr(draw, 'seed'):
        return operator.index(draw.index), augmentation_seed(draw.seed)
    return operator.index(draw), nullcontext()
