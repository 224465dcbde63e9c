"""Detectors from configs and checkpoints."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

from mmcv import Config
from mmcv.runner import load_checkpoint as load_matching_weights
from mmdet.models import build_detector
from torch import nn

from ..engine.acceleration import Acceleration
from ..run.files import load_checkpoint
from .run_log import muted


def build_model(config: Config, classes: Sequence[str]) -> nn.Module:
    """Build a detector with its initial weights, on the CPU, and set PyTorch's switches as its config says.

    Args:
        config: with ``model``, ``load_from`` for weights other than the backbone's, and the keys of
            :class:`~mmdet_miaod.engine.acceleration.Acceleration`.
        classes: class names, kept as ``model.CLASSES``.

    Raises:
        ConnectionError: when pretrained weights cannot be downloaded.
        FileNotFoundError, ValueError: when ``load_from`` is no usable checkpoint.
    """
    model = build_detector(deepcopy(config.model))
    with muted(logging.getLogger('mmdet')), muted(logging.getLogger('mmcv')):
        try:
            model.init_weights()
        except OSError as error:
            raise ConnectionError(
                f'the pretrained weights {config.model.backbone.get("init_cfg")} cannot be had ({error}); '
                'give model.backbone.init_cfg.checkpoint a file, or set model.backbone.init_cfg=None to '
                'train from scratch'
            ) from error
    if config.get('load_from'):
        load_checkpoint(config.load_from)  # says clearly what is wrong with the file
        load_matching_weights(model, config.load_from, map_location='cpu', logger=logging.getLogger('mmdet'))
    model.CLASSES = tuple(classes)
    acceleration = Acceleration.from_config(config)
    acceleration.apply_to_backends()
    return acceleration.apply_to_model(model)


def load_weights(model: nn.Module, path: str | Path) -> dict:
    """Load a checkpoint's weights, every one of them, and return the checkpoint.

    Raises:
        FileNotFoundError: when it is not there.
        ValueError: when it is damaged or belongs to another model, naming the differences.
    """
    checkpoint = load_checkpoint(path)
    weights = checkpoint.get('state_dict', checkpoint)
    try:
        model.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(f'{path}: does not fit the model of the config ({error})') from error
    return checkpoint
