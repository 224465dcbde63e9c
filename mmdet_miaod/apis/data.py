"""The data of a run: pool, labeled view, test set and the loaders over them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from .. import distributed
from ..active.split import Split
from ..datasets.builder import build_dataset, check_classes, check_images_once
from ..datasets.image_index import ImageIndex
from ..datasets.loaders import TrainLoader
from ..datasets.photographs import PersonLabeledDataset
from ..datasets.pool import ImagePoolDataset
from ..datasets.samplers import AspectGroupBatchSampler
from .agreement import agree_on_images


@dataclass(frozen=True)
class DataSettings:
    """The data sets, each as MMDetection's ``data`` key has it.

    Attributes:
        labeled: ``data.train``, the pool's images with labels.
        pool: ``data.pool``, the same images without.
        test: ``data.test``.
        check_images: ``'decode'`` or ``'header'``, how images are checked before a run.
    """

    labeled: Mapping[str, Any]
    pool: Mapping[str, Any]
    test: Mapping[str, Any]
    check_images: str


def unread_validation(data: Mapping[str, Any]) -> str:
    """Say that ``data.val`` is not read, where it is another set than ``data.test``; else ''."""
    if data.get('val') in (None, data['test']):
        return ''
    return 'data.val is not read; data.test, which differs from it, is evaluated after every cycle'


@dataclass(frozen=True)
class LoaderSettings:
    """The training loaders.

    Attributes:
        batch_size: images per batch and process (``samples_per_gpu``).
        workers: loader processes per process (``workers_per_gpu``).
        prefetch: batches that each of them loads ahead.
        repeats: how often an epoch repeats the labeled and the unlabeled set:
            ``X_L_repeat`` and ``X_U_repeat``.
    """

    batch_size: int
    workers: int
    prefetch: int
    repeats: tuple[int, int]


@dataclass(frozen=True)
class RunData:
    """Everything a run reads.

    Attributes:
        pool: all images that may be trained on, without annotations.
        labeled: the same images with the annotations that were asked for; shares the pool's index.
        test: the test set; None without one. Where people label it, its images without labels.
    """

    pool: ImagePoolDataset
    labeled: Dataset
    test: Dataset | None


def load_data(data: DataSettings, num_classes: int, index: ImageIndex | None = None) -> RunData:
    """Index and check the data; annotation files of pool images are not opened.

    Args:
        data: the data sets.
        num_classes: of the model.
        index: of the pool, where a run recorded it.

    Raises:
        FileNotFoundError: when a folder, list or image is missing.
        ValueError: when a list is malformed, an image cannot be decoded, or the classes do not fit the model.
    """
    _check_same_images(data)
    pool = build_dataset(data.pool) if index is None else build_dataset(data.pool, index=index)
    labeled = build_dataset(data.labeled, index=pool.index)
    # A test set that people label is a part of the pool, which is drawn once the pool is known.
    test = None if data.test['type'] == PersonLabeledDataset.__name__ else build_dataset(data.test)
    check_classes(labeled, test, num_classes)
    for key, part in (('data.pool', pool), ('data.test', test)):
        if part is not None:
            agree_on_images(key, part.index)
            check_images_once(part.index, data.check_images)
    return RunData(pool, labeled, test)


# What says which images a data set has, and how they are loaded.
_IMAGE_KEYS = (
    *('ann_file', 'img_prefix', 'img_subdir', 'ann_subdir', 'tags', 'data_root'),
    *('only_with_boxes', 'exif', 'links'),
)


def _check_same_images(data: DataSettings) -> None:
    """The labeled images are the pool's, and so are their files: refuse other places in data.train."""
    pool, train = data.pool, data.labeled
    for key in _IMAGE_KEYS:
        if key in train and train[key] != pool.get(key):
            raise ValueError(
                f'data.train.{key} is {train[key]!r}, but data.pool.{key} is {pool.get(key)!r}: labeled '
                'images are images of the pool; make them equal'
            )


class LoaderFactory:
    """Builds the loaders of a split.

    Args:
        data: the run's data.
        settings: batch size, workers, repeats.
        device: batches for a GPU are pinned.
    """

    def __init__(self, data: RunData, settings: LoaderSettings, device: torch.device) -> None:
        self._data = data
        self._settings = settings
        self._pin_memory = device.type == 'cuda'

    def __call__(self, split: Split) -> dict[str, TrainLoader]:
        """Return the loaders of a split by tag; an empty X_U has none."""
        parts = (
            ('labeled', self._data.labeled, split.labeled),
            ('unlabeled', self._data.pool, split.unlabeled),
        )
        return {
            tag: self._build(tag, dataset, indices, repeats)
            for (tag, dataset, indices), repeats in zip(parts, self._settings.repeats, strict=True)
            if len(indices)
        }

    def _build(self, tag: str, dataset: Dataset, indices: np.ndarray, repeats: int) -> TrainLoader:
        sampler = AspectGroupBatchSampler(
            indices,
            self._data.pool.index.aspect_flags,
            self._settings.batch_size,
            repeat=repeats,
            rank=distributed.rank(),
            world_size=distributed.world_size(),
        )
        return TrainLoader(
            tag,
            dataset,
            sampler,
            workers=self._settings.workers,
            pin_memory=self._pin_memory,
            prefetch=self._settings.prefetch,
        )
