"""Random numbers derived from what they are for, so that nothing has to be carried from run to run."""

import random

import numpy as np
import torch


def derive_seeds(count: int, *key: int) -> np.ndarray:
    """Return ``(count,)`` uint64 seeds that are a function of the key alone.

    Args:
        count: how many seeds.
        key: non-negative integers that say what the seeds are for, such as seed, cycle, stage, epoch.
    """
    return np.random.SeedSequence(key).generate_state(count, np.uint64)


def seed_everything(*key: int) -> None:
    """Seed Python's, NumPy's and PyTorch's global generators from the key."""
    seed = int(derive_seeds(1, *key)[0])
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed % 2**63)


def use_deterministic_algorithms() -> None:
    """Ask PyTorch for repeatable results: deterministic cuDNN; the CPU's kernels are so already."""
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)
