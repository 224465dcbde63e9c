"""Loaders of training batches, tagged as labeled or unlabeled, and of images to score."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np
import torch
from mmcv.parallel import collate
from torch import Tensor
from torch.multiprocessing.reductions import reduce_tensor
from torch.utils.data import DataLoader, Dataset

from .samplers import AspectGroupBatchSampler, SameSizeBatchSampler

# Where loader processes hand batches over; 64 MB in a Docker container, if it is not told otherwise.
SHARED_MEMORY = '/dev/shm'
# Tensors that are sent by value instead.
_SENT_BYTES = 1 << 19
_SENT_DTYPES = (torch.float32, torch.int64, torch.uint8)


class TrainLoader:
    """Batches of one tag from a part of a data set, as many as are asked for.

    Args:
        tag: ``'labeled'`` or ``'unlabeled'``; decides which losses a stage trains the batches on.
        dataset: indexed by :class:`~mmdet_miaod.datasets.seeding.Draw`.
        sampler: draws the batches.
        workers: number of loader processes; 0 loads in the training process.
        pin_memory: copy batches to page-locked memory, from where a GPU fetches them faster.
        prefetch: number of batches that each worker loads ahead.
    """

    def __init__(
        self,
        tag: str,
        dataset: Dataset,
        sampler: AspectGroupBatchSampler,
        *,
        workers: int = 0,
        pin_memory: bool = False,
        prefetch: int = 2,
    ) -> None:
        self.tag = tag
        self.dataset = dataset
        self._sampler = sampler
        self._loader = _data_loader(
            dataset, sampler, workers=workers, pin_memory=pin_memory, prefetch=prefetch
        )

    def __len__(self) -> int:
        return len(self._sampler)

    def batches(self, count: int, *key: int) -> Iterator[dict[str, Any]]:
        """Yield ``count`` batches; a pass that ends before that is followed by another in a new order.

        Args:
            count: number of batches.
            key: what the order is derived from, such as seed, cycle, stage, epoch.
        """
        done = 0
        for pass_number in range(-(-count // len(self))):
            self._sampler.set_epoch(*key, pass_number)
            for batch in self._loader:
                yield batch
                done += 1
                if done == count:
                    break


def _data_loader(
    dataset: Dataset,
    sampler: AspectGroupBatchSampler | SameSizeBatchSampler,
    *,
    workers: int,
    pin_memory: bool,
    prefetch: int = 2,
) -> DataLoader:
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=collate_samples,
        pin_memory=pin_memory,
        persistent_workers=workers > 0,
        prefetch_factor=prefetch if workers > 0 else None,
        worker_init_fn=_send_small_tensors_by_value,
    )


def _send_small_tensors_by_value(worker: int) -> None:
    """Let a loader process send the bytes of small tensors.

    Each tensor in shared memory costs the training process a millisecond, since it fetches a file descriptor
    from the loader process; a batch has two for the boxes of every image.
    """
    ForkingPickler.register(Tensor, _reduce)


def _reduce(tensor: Tensor) -> tuple[Callable, tuple]:
    if tensor.nbytes <= _SENT_BYTES and tensor.dtype in _SENT_DTYPES and not tensor.requires_grad:
        return torch.from_numpy, (tensor.numpy(),)
    return reduce_tensor(tensor)


def collate_samples(samples: Sequence[dict]) -> dict[str, Any]:
    """Return the batch of some samples of a pipeline, for one device."""
    return collate(samples, samples_per_gpu=len(samples))


def check_shared_memory(image_bytes: int, batch_size: int, workers: int, prefetch: int) -> str:
    """Check that the batches of both training loaders fit the shared memory that they are handed over in.

    Args:
        image_bytes: of an image as the network gets it.
        batch_size: images per batch.
        workers: loader processes of each loader and process of the run.
        prefetch: batches that each of them loads ahead.

    Returns:
        What was found, for people.

    Raises:
        ValueError: they do not fit, with the remedies. Without this check a process dies of a bus error.
    """
    if not workers or not os.path.isdir(SHARED_MEMORY):
        return 'not used: images are loaded in the training process'
    workers *= int(os.environ.get('LOCAL_WORLD_SIZE', 1))  # processes of this machine
    # One batch of each loader is in use while its workers load the next ones.
    needed = 2 * (workers * prefetch + 1) * batch_size * image_bytes
    free = shutil.disk_usage(SHARED_MEMORY).free
    found = f'{SHARED_MEMORY} has {free >> 20} MB free, the loaders need about {needed >> 20} MB'
    if needed > free:
        raise ValueError(
            f'{found}: start Docker with --shm-size=8g or --ipc=host, or set data.workers_per_gpu=0'
        )
    return found


def build_scoring_loader(
    dataset: Dataset,
    indices: np.ndarray,
    sizes: np.ndarray,
    batch_size: int,
    *,
    workers: int = 0,
    pin_memory: bool = False,
) -> tuple[DataLoader, list[np.ndarray]]:
    """Build a loader of whole images without augmentation, each batch of one image size.

    Args:
        dataset: indexed by pool index.
        indices: ``(n,)`` pool indices to load.
        sizes: ``(N, 2)`` int32 width and height of each pool image in pixels.
        batch_size: largest number of images per batch.
        workers: number of loader processes; 0 loads in this process.
        pin_memory: copy batches to page-locked memory, from where a GPU fetches them faster.

    Returns:
        The loader, and the pool indices ``(m,)`` of each of its batches.
    """
    sampler = SameSizeBatchSampler(indices, sizes, batch_size)
    return _data_loader(dataset, sampler, workers=workers, pin_memory=pin_memory), sampler.batches
