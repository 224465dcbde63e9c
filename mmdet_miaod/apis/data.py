"""The data of a run: pool, labeled view, test set and the loaders over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from mmcv import Config
from torch.utils.data import Dataset

from .. import distributed
from ..active.split import Split
from ..datasets.builder import build_dataset
from ..datasets.image_index import ImageIndex
from ..datasets.loaders import TrainLoader
from ..datasets.pool import ImagePoolDataset
from ..datasets.samplers import AspectGroupBatchSampler


@dataclass(frozen=True)
class RunData:
    """Everything a run reads.

    Attributes:
        pool: all images that may be trained on, without annotations.
        labeled: the same images with the annotations that were asked for; shares the pool's index.
        test: the test set.
    """

    pool: ImagePoolDataset
    labeled: Dataset
    test: Dataset


def load_data(config: Config) -> RunData:
    """Index and check the data; annotation files of pool images are not opened.

    Raises:
        FileNotFoundError: when a folder, list or image is missing.
        ValueError: when a list is malformed, an image cannot be decoded, or the classes do not fit the model.
    """
    _check_same_images(config)
    pool = build_dataset(config.data.pool)
    labeled = build_dataset(config.data.train, index=pool.index)
    test = build_dataset(config.data.test)
    for index in (pool.index, test.index):
        check_images(index, config.get('check_images', 'decode'))
    _check_classes(config, labeled, test)
    _check_sizes(config, len(pool))
    return RunData(pool, labeled, test)


def _check_same_images(config: Config) -> None:
    """The labeled images are the pool's, and so are their files: refuse other places in data.train."""
    pool, train = config.data.pool, config.data.train
    for key in ('ann_file', 'img_prefix', 'img_subdir', 'ann_subdir', 'tags', 'data_root', 'only_with_boxes'):
        if key in train and train[key] != pool.get(key):
            raise ValueError(
                f'data.train.{key} is {train[key]!r}, but data.pool.{key} is {pool.get(key)!r}: labeled '
                'images are images of the pool; make them equal'
            )


def check_images(index: ImageIndex, mode: str) -> None:
    """Read every image once in a run, in the main process; the others wait for the sizes.

    Args:
        index: of a pool or test set, the same in every process.
        mode: ``'decode'`` or ``'header'``, see :meth:`ImageIndex.check_images`.

    Raises:
        FileNotFoundError, ValueError: as :meth:`ImageIndex.check_images`, in the main process; a
            :class:`~mmdet_miaod.distributed.PeerError` that quotes it in the others.
    """

    def check(tell_alive: Callable[[], None]) -> np.ndarray:
        index.check_images(mode, tell_alive)
        return index.sizes

    index.use_sizes(distributed.on_main_for_long(check))


def _check_classes(config: Config, labeled: Dataset, test: Dataset) -> None:
    number = config.model.bbox_head.num_classes
    if len(labeled.CLASSES) != number:
        raise ValueError(
            f'the data has {len(labeled.CLASSES)} classes {tuple(labeled.CLASSES)}, but '
            f'model.bbox_head.num_classes is {number}: make them equal'
        )
    if tuple(labeled.CLASSES) != tuple(test.CLASSES):
        raise ValueError('data.train and data.test have different classes')


def _check_sizes(config: Config, pool_size: int) -> None:
    for key in ('X_L_0_size', 'X_S_size'):
        if config[key] > pool_size:
            raise ValueError(f'{key} is {config[key]}, but the pool has {pool_size} images')


class LoaderFactory:
    """Builds the loaders of a split.

    Args:
        data: the run's data.
        config: for ``X_L_repeat``, ``X_U_repeat``, ``data.samples_per_gpu``, ``data.workers_per_gpu`` and
            ``data.prefetch_factor``.
        device: batches for a GPU are pinned.
    """

    def __init__(self, data: RunData, config: Config, device: torch.device) -> None:
        self._data = data
        self._batch_size = config.data.samples_per_gpu
        self._workers = config.data.get('workers_per_gpu', 0)
        self._prefetch = config.data.get('prefetch_factor', 2)
        self._repeats = dict(labeled=config.X_L_repeat, unlabeled=config.X_U_repeat)
        self._pin_memory = device.type == 'cuda'

    def __call__(self, split: Split) -> dict[str, TrainLoader]:
        """Return the loaders of a split by tag; an empty X_U has none."""
        parts = dict(
            labeled=(self._data.labeled, split.labeled), unlabeled=(self._data.pool, split.unlabeled)
        )
        return {
            tag: self._build(tag, dataset, indices)
            for tag, (dataset, indices) in parts.items()
            if len(indices)
        }

    def _build(self, tag: str, dataset: Dataset, indices: np.ndarray) -> TrainLoader:
        sampler = AspectGroupBatchSampler(
            indices,
            self._data.pool.index.aspect_flags,
            self._batch_size,
            repeat=self._repeats[tag],
            rank=distributed.rank(),
            world_size=distributed.world_size(),
        )
        return TrainLoader(
            tag,
            dataset,
            sampler,
            workers=self._workers,
            pin_memory=self._pin_memory,
            prefetch=self._prefetch,
        )
