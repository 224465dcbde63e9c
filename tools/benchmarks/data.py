"""Data of the benchmarks: drawn images, loaded as a run loads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv import Config
from mmcv.parallel import collate
from mmdet.datasets import VOCDataset

from mmdet_miaod.datasets.builder import build_dataset
from mmdet_miaod.datasets.drawn.voc import draw_voc
from mmdet_miaod.datasets.loaders import TrainLoader
from mmdet_miaod.datasets.samplers import AspectGroupBatchSampler
from mmdet_miaod.engine.inference import move_batch


@dataclass(frozen=True)
class BenchmarkSettings:
    """What is measured, on what.

    Attributes:
        config: with ``model`` and ``data``, see :func:`benchmark_config`.
        data_root: folder that images are drawn into.
        image_size: width and height of the images, in pixels.
        batch_size: images in a training batch; scoring and evaluation take one image at a time.
        device: where the models are.
        amp_dtype: mixed precision of the training steps, ``'float16'``, ``'bfloat16'`` or None.
    """

    config: Config
    data_root: Path
    image_size: tuple[int, int] = (512, 320)
    batch_size: int = 2
    device: torch.device = field(default_factory=lambda: torch.device('cpu'))
    amp_dtype: str | None = None


def draw_batches(settings: BenchmarkSettings) -> dict[str, dict[str, Any]]:
    """Draw images and load them with the config's pipelines.

    Returns:
        Batches on the device: ``'labeled'`` and ``'unlabeled'`` of the batch size, ``'test'`` of one image.
    """
    datasets = drawn_datasets(settings)
    parts = dict(labeled=settings.batch_size, unlabeled=settings.batch_size, test=1)
    return {
        tag: move_batch(
            collate([datasets[tag][i] for i in range(size)], samples_per_gpu=size), settings.device
        )
        for tag, size in parts.items()
    }


def drawn_datasets(settings: BenchmarkSettings, images: int | None = None) -> dict[str, Any]:
    """Draw images, a batch by default, and open them as the config's data sets, by tag; all are labeled."""
    data = settings.config.data
    classes = build_classes(settings.config)
    number, size = images or settings.batch_size, settings.image_size
    draw_voc(settings.data_root, number, 1, classes, image_size=size, empty_fraction=0)
    config = dict(data_root=f'{settings.data_root}/', ann_file='VOC2007/ImageSets/Main/trainval.txt')
    config['img_prefix'] = 'VOC2007/'
    pool = build_dataset({**data.pool, **config})
    labeled = build_dataset({**data.train, **config, 'classes': classes}, index=pool.index)
    labeled.label(np.arange(len(labeled)))
    return dict(labeled=labeled, unlabeled=pool, test=pool.scoring_view())


def training_loader(settings: BenchmarkSettings, images: int, workers: int = 0) -> TrainLoader:
    """Draw images and return the loader that a run trains on them with."""
    labeled = drawn_datasets(settings, images)['labeled']
    flags = labeled.index.aspect_flags
    sampler = AspectGroupBatchSampler(np.arange(len(labeled)), flags, settings.batch_size)
    pinned = settings.device.type == 'cuda'
    return TrainLoader('labeled', labeled, sampler, workers=workers, pin_memory=pinned)


def build_classes(config: Config) -> list[str]:
    """Return as many class names as the model has classes."""
    return list(VOCDataset.CLASSES[: config.model.bbox_head.num_classes])
