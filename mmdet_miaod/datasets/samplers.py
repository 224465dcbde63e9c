"""Batches of pool indices: of one aspect group for training, of one image size for scoring."""

from collections.abc import Iterator

import numpy as np

from ..randomness import derive_seeds
from .seeding import Draw


class AspectGroupBatchSampler:
    """Shuffled batches whose images are all landscape or all portrait.

    The order is a function of the key given to :meth:`set_epoch` alone; the number of loader workers does not
    matter. Nor does the number of processes: two processes with batches of 4 draw together what one process
    draws with batches of 8. A group that does not fill its last batch is filled up with images of the same
    group, so that every batch is full, as in MMDetection's GroupSampler.

    Args:
        indices: ``(n,)`` pool indices to draw from.
        aspect_flags: ``(N,)`` uint8 group of each pool image.
        batch_size: images per batch of one process.
        repeat: how often each image is drawn per epoch (``X_L_repeat``, ``X_U_repeat``).
        rank: number of this process.
        world_size: number of processes.

    Raises:
        ValueError: no images, or a batch size or repeat below 1.
    """

    def __init__(
        self,
        indices: np.ndarray,
        aspect_flags: np.ndarray,
        batch_size: int,
        *,
        repeat: int = 1,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if not len(indices):
            raise ValueError('there are no images to draw batches from')
        if batch_size < 1 or repeat < 1:
            raise ValueError(f'batch size ({batch_size}) and repeat ({repeat}) must be at least 1')
        repeated = np.tile(indices, repeat)
        flags = aspect_flags[repeated]
        self._groups = [repeated[flags == flag] for flag in np.unique(flags)]
        self._batch_size = batch_size
        self._joined_size = batch_size * world_size
        self._rank = rank
        self._key: tuple[int, ...] = (0,)

    def set_epoch(self, *key: int) -> None:
        """Choose the order of the next pass: a function of these non-negative integers."""
        self._key = key

    def __len__(self) -> int:
        return sum(-(-len(group) // self._joined_size) for group in self._groups)

    def __iter__(self) -> Iterator[list[Draw]]:
        random = np.random.RandomState(int(derive_seeds(1, *self._key, 0)[0]) % 2**32)
        joined = np.concatenate([self._fill(random, group) for group in self._groups])
        joined = joined.reshape(-1, self._joined_size)[random.permutation(len(self))]
        seeds = derive_seeds(joined.size, *self._key, 1).reshape(joined.shape)
        mine = slice(self._rank * self._batch_size, (self._rank + 1) * self._batch_size)
        for batch, batch_seeds in zip(joined[:, mine], seeds[:, mine], strict=True):
            yield [Draw(int(i), int(s)) for i, s in zip(batch, batch_seeds, strict=True)]

    def _fill(self, random: np.random.RandomState, group: np.ndarray) -> np.ndarray:
        missing = -len(group) % self._joined_size
        return np.concatenate([random.permutation(group), random.choice(group, missing)])


class SameSizeBatchSampler:
    """Batches of images of equal size, each image once; so an image is padded as it would be alone.

    Args:
        indices: ``(n,)`` pool indices.
        sizes: ``(N, 2)`` int32 width and height of each pool image in pixels.
        batch_size: largest number of images per batch.

    Attributes:
        batches: ``(m,)`` pool indices of each batch, m <= ``batch_size``.
    """

    def __init__(self, indices: np.ndarray, sizes: np.ndarray, batch_size: int) -> None:
        order = np.lexsort((indices, sizes[indices, 1], sizes[indices, 0]))
        ordered = np.asarray(indices)[order]
        changes = np.flatnonzero((np.diff(sizes[ordered], axis=0) != 0).any(axis=1)) + 1
        self.batches = [
            group[start : start + batch_size]
            for group in np.split(ordered, changes)
            for start in range(0, len(group), batch_size)
        ]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.batches:
            yield [int(i) for i in batch]
