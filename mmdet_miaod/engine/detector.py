"""Detectors from configs and checkpoints."""

import logging
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmcv.runner import load_checkpoint as load_matching_weights
from mmdet.models import build_detector
from torch import nn

from ..config_errors import config_errors
from ..run.files import load_checkpoint
from ..run.log import muted
from .acceleration import Acceleration


@dataclass(frozen=True)
class ModelSettings:
    """How the detector is built.

    Attributes:
        detector: as MMDetection's ``model`` key.
        load_from: checkpoint whose fitting weights the model begins with, None for those of ``init_cfg``.
        acceleration: options that change no result.
    """

    detector: Mapping[str, Any]
    load_from: str | None
    acceleration: Acceleration

    @property
    def num_classes(self) -> int:
        """Foreground classes of the head."""
        return self.detector['bbox_head']['num_classes']

    def without_initial_weights(self) -> 'ModelSettings':
        """Return the same model for weights of a checkpoint: no others are asked for."""
        detector = deepcopy(self.detector)
        detector['backbone']['init_cfg'] = None
        return replace(self, detector=detector, load_from=None)


def build_model(settings: ModelSettings, classes: Sequence[str]) -> nn.Module:
    """Build a detector with its initial weights, on the CPU, and set PyTorch's switches as its settings say.

    Args:
        settings: the detector, its initial weights and its acceleration.
        classes: class names, kept as ``model.CLASSES``.

    Raises:
        ConnectionError: when pretrained weights cannot be downloaded.
        FileNotFoundError, ValueError: when ``load_from`` is no usable checkpoint.
    """
    with config_errors('model'):
        model = build_detector(deepcopy(settings.detector))
    with config_errors('model'), muted(logging.getLogger('mmdet')), muted(logging.getLogger('mmcv')):
        try:
            model.init_weights()
        except OSError as error:
            initial = settings.detector['backbone'].get('init_cfg')
            raise ConnectionError(
                f'the pretrained weights {initial} cannot be had ({error}); give model.'
                'backbone.init_cfg.checkpoint a file, or set model.backbone.init_cfg=None to train from '
                'scratch'
            ) from error
    model.CLASSES = tuple(classes)
    settings.acceleration.apply_to_backends()
    settings.acceleration.apply_to_model(model)
    if settings.load_from:
        load_checkpoint(settings.load_from)  # says clearly what is wrong with the file
        with config_errors('load_from'):
            load_matching_weights(
                model, settings.load_from, map_location='cpu', logger=logging.getLogger('mmdet')
            )
    return model


def load_weights(model: nn.Module, path: str | Path) -> dict:
    """Load a checkpoint's weights, every one of them, and return the checkpoint.

    Raises:
        FileNotFoundError: when it is not there.
        ValueError: when it is damaged or belongs to another model, naming the differences.
    """
    checkpoint = load_checkpoint(path)
    weights = checkpoint.get('state_dict', checkpoint)
    try:
        model.load_state_dict(_without_wrapper(weights))
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(f'{path}: does not fit the model of the config ({error})') from error
    return checkpoint


def _without_wrapper(weights: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take 'module.' off the names of weights that were saved out of a wrapper for several GPUs."""
    prefix = 'module.'
    if weights and all(name.startswith(prefix) for name in weights):
        return {name[len(prefix) :]: value for name, value in weights.items()}
    return weights


def load_detector(
    settings: ModelSettings, checkpoint: str | Path, classes: Sequence[str] | None = None
) -> nn.Module:
    """Build a detector, on the CPU, with the weights of a checkpoint and no others.

    Args:
        settings: the detector; initial weights that it names are not asked for.
        checkpoint: a cycle's ``model.pth``, an ``epoch_{n}.pth`` or a checkpoint of the published code.
        classes: class names of the data; None: those of the checkpoint.

    Returns:
        The detector, with ``CLASSES``; empty where neither says them.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        ValueError: it is damaged, belongs to another model or was trained on other classes.
    """
    model = build_model(settings.without_initial_weights(), ())
    trained_on = _classes_of(load_weights(model, checkpoint))
    if classes is None:
        classes = trained_on
    elif trained_on and trained_on != tuple(classes):
        raise ValueError(
            f'{checkpoint}: was trained on the classes {trained_on}, but the data set has '
            f'{tuple(classes)}: set classes to those of the checkpoint, in its order'
        )
    model.CLASSES = tuple(classes)
    return model


def _classes_of(checkpoint: Mapping[str, Any]) -> tuple[str, ...]:
    """Class names that a checkpoint states; none where it states nothing that can be."""
    meta = checkpoint.get('meta')
    names = meta.get('CLASSES') if isinstance(meta, Mapping) else None
    good = isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)
    return tuple(names) if good else ()
