"""Draws: augmentation as a function of a seed alone, whatever ran before and in whichever loader process."""

import operator
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Draw:
    """One use of an image in training.

    Attributes:
        index: pool index of the image.
        seed: what its random augmentation is derived from, 0 <= seed < 2**64.
    """

    index: int
    seed: int


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


def open_draw(draw: Draw | int) -> tuple[int, AbstractContextManager[None]]:
    """Pool index of a draw, and the context to load its image in.

    Args:
        draw: index and seed, or an index alone: then the global generators are used as they are.

    Raises:
        TypeError: neither of them.
    """
    if isinstance(draw, Draw):
        return draw.index, augmentation_seed(draw.seed)
    return operator.index(draw), nullcontext()
