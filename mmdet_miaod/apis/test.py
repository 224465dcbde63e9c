"""A checkpoint on the test set of a config."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmcv import Config
from torch import nn
from torch.utils.data import Dataset

from ..datasets.builder import build_dataset
from ..engine.inference import detect, evaluate_detections
from ..engine.live_bar import no_bar
from ..engine.parallel import check_device
from .assemble import scoring_settings
from .model import build_model, load_weights


@dataclass(frozen=True)
class CheckpointResult:
    """What a detector finds on a test set, and how good that is.

    Attributes:
        dataset: the test set.
        detections: for each image of it, in order, a list of one ``(n, 5)`` float32 array a class: x1, y1,
            x2, y2 in pixels of the image, score.
        metrics: plain values: ``mAP`` (0 to 1) and ``AP`` by class name, None for a class without boxes.
    """

    dataset: Dataset
    detections: list[list[np.ndarray]]
    metrics: dict[str, Any]


def load_test_set(config: Config) -> Dataset:
    """Index and check the images of ``data.test`` and read their annotations.

    Raises:
        FileNotFoundError: when a folder, list, image or annotation file is missing.
        ValueError: when one is malformed, or the classes do not fit the model.
    """
    dataset = build_dataset(config.data.test)
    dataset.index.check_images(config.get('check_images', 'decode'))
    number = config.model.bbox_head.num_classes
    if len(dataset.CLASSES) != number:
        raise ValueError(
            f'the test set has {len(dataset.CLASSES)} classes {tuple(dataset.CLASSES)}, but '
            f'model.bbox_head.num_classes is {number}: make them equal'
        )
    return dataset


def load_detector(config: Config, checkpoint: str | Path, classes: tuple[str, ...]) -> nn.Module:
    """Build a config's detector, on the CPU, with the weights of a checkpoint and no others.

    Args:
        config: whose ``model`` is built; pretrained weights that it names are not asked for.
        checkpoint: a cycle's ``model.pth``, an ``epoch_{n}.pth`` or a checkpoint of the published code.
        classes: class names of the data.

    Raises:
        FileNotFoundError: when there is no such checkpoint.
        ValueError: when it is damaged, belongs to another model or was trained on other classes.
    """
    config = Config(config._cfg_dict.to_dict())
    config.load_from = None
    config.model.backbone.init_cfg = None
    model = build_model(config, classes)
    trained_on = (load_weights(model, checkpoint).get('meta') or {}).get('CLASSES')
    if trained_on is not None and tuple(trained_on) != tuple(classes):
        raise ValueError(
            f'{checkpoint}: was trained on the classes {tuple(trained_on)}, but the data set has '
            f'{tuple(classes)}: set classes to those of the checkpoint, in its order'
        )
    return model


def evaluate_checkpoint(
    config: Config,
    checkpoint: str | Path,
    device: str = 'cpu',
    live: Callable[[int], AbstractContextManager[Callable[[int], None]]] = no_bar,
) -> CheckpointResult:
    """Evaluate a checkpoint on the test set of a config.

    Args:
        config: from :func:`~mmdet_miaod.apis.config.load_config`.
        checkpoint: see :func:`load_detector`.
        device: ``'cpu'`` or ``'cuda:N'``.
        live: shows progress, see :func:`~mmdet_miaod.engine.inference.evaluate_detector`.

    Raises:
        FileNotFoundError, ValueError: see :func:`load_test_set` and :func:`load_detector`.
    """
    settings = scoring_settings(config, check_device(device), pool_size=0)
    dataset = load_test_set(config)
    model = load_detector(config, checkpoint, tuple(dataset.CLASSES)).to(settings.device)
    with live(len(dataset)) as advance:
        detections = detect(model, dataset, settings, advance)
    evaluation = dict(config.get('evaluation', {}), logger='silent')
    return CheckpointResult(dataset, detections, evaluate_detections(detections, dataset, evaluation))
