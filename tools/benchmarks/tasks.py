"""Tasks that the benchmark times: steps of each stage, scoring, evaluation, and MMDetection's RetinaNet."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
from mmcv import ConfigDict
from mmdet.models import build_detector
from torch import nn

from mmdet_miaod.engine.acceleration import Acceleration
from mmdet_miaod.engine.gradient_step import (
    GradientStep,
    MixedPrecision,
    build_stage_optimizer,
    build_stage_step,
)
from mmdet_miaod.engine.stage import (
    Stage,
    frozen_parameter_names,
    label_set_stage,
    maximize_uncertainty_stage,
    minimize_uncertainty_stage,
)
from mmdet_miaod.models.detectors.miaod_detector import MIAODDetectorMixin
from mmdet_miaod.run.log import muted
from tools.benchmarks.data import BenchmarkSettings

STAGES: dict[str, Callable[[int], Stage]] = {
    'label step': label_set_stage,
    'minimize pair': minimize_uncertainty_stage,
    'maximize pair': maximize_uncertainty_stage,
}
# Its steps are so small that a model with random weights stays as it is.
OPTIMIZER = dict(type='SGD', lr=1e-9, momentum=0.9, weight_decay=5e-4)


def build_miaod(settings: BenchmarkSettings) -> nn.Module:
    """Build the config's model with random weights, always the same ones."""
    return _build(settings.config.model, settings.device)


def build_stock(settings: BenchmarkSettings) -> nn.Module:
    """Build MMDetection's RetinaNet of the same backbone, neck, anchors and targets."""
    config = deepcopy(settings.config.model)
    config.type = 'RetinaNet'
    config.bbox_head.type = 'RetinaHead'
    for key in ('loss_mil', 'loss_dis', 'mil_activation'):
        config.bbox_head.pop(key, None)
    if settings.device.type == 'cpu':
        # On a GPU MMDetection's own needs an mmcv that was compiled for it; there both models take ours.
        config.bbox_head.loss_cls.type = 'FocalLoss'
    return _build(config, settings.device)


def accelerate(
    model: nn.Module, settings: BenchmarkSettings, acceleration: Acceleration | None = None
) -> nn.Module:
    """Apply options for GPUs, the config's by default, to a model; the stock one has no towers to compile."""
    acceleration = acceleration or Acceleration.from_config(settings.config)
    if not isinstance(model, MIAODDetectorMixin):
        acceleration = replace(acceleration, compile_towers=False)
    return acceleration.apply_to_model(model)


def _build(config: ConfigDict, device: torch.device) -> nn.Module:
    torch.manual_seed(0)
    model = build_detector(deepcopy(config))
    with muted(logging.getLogger('mmcv')), muted(logging.getLogger('mmdet')):
        model.init_weights()
    return model.to(device)


class StageSteps:
    """The optimizer steps of one iteration of a stage.

    Args:
        model: an MI-AOD detector.
        frozen: names of the parameters that no stage trains.
        stage: the stage.
        batches: by tag.
        precision: of the forward pass.
    """

    def __init__(
        self,
        model: nn.Module,
        frozen: frozenset[str],
        stage: Stage,
        batches: Mapping[str, dict],
        precision: MixedPrecision,
    ) -> None:
        self._model, self._frozen, self._stage = model, frozen, stage
        self._batches, self._precision = batches, precision
        self._step: GradientStep | None = None

    def prepare(self) -> None:
        """Begin the stage: its trainable parameters, a new optimizer."""
        self._model.train()
        self._step = build_stage_step(
            self._model, self._stage, self._frozen, optimizer=OPTIMIZER, precision=self._precision
        )

    def __call__(self) -> dict[str, torch.Tensor]:
        """Take the steps; returns the last batch's losses."""
        for tag in self._stage.tags:
            with self._precision.autocast():
                outputs = self._model.train_step(self._batches[tag], loss_terms=self._stage.losses(tag))
            self._step(outputs['loss'])
        return outputs['log_vars']

    def finish(self) -> None:
        """Give the memory of gradients and momentum back."""
        self._step = None
        self._model.zero_grad(set_to_none=True)


class StockSteps:
    """A training step of MMDetection's detector, as its runner takes it."""

    def __init__(self, model: nn.Module, batch: dict, precision: MixedPrecision) -> None:
        self._model, self._batch, self._precision = model, batch, precision
        self._step: GradientStep | None = None

    def prepare(self) -> None:
        self._model.train()
        self._step = GradientStep(build_stage_optimizer(self._model, OPTIMIZER), self._precision)

    def __call__(self) -> None:
        with self._precision.autocast():
            loss = self._model.train_step(self._batch, None)['loss']
        self._step(loss)

    def finish(self) -> None:
        self._step = None
        self._model.zero_grad(set_to_none=True)


class Inference:
    """A call of a model in evaluation mode."""

    def __init__(self, model: nn.Module, call: Callable[[], Any]) -> None:
        self._model, self._call = model, call

    def prepare(self) -> None:
        self._model.eval()

    def __call__(self) -> Any:
        with torch.inference_mode():
            return self._call()

    def finish(self) -> None:
        pass


def training_task(
    name: str,
    settings: BenchmarkSettings,
    batches: Mapping[str, dict],
    acceleration: Acceleration | None = None,
) -> Any:
    """Return one training task with a model of its own: ``'stock step'`` or a key of ``STAGES``."""
    precision = MixedPrecision(settings.device, settings.amp_dtype)
    if name == 'stock step':
        stock = accelerate(build_stock(settings), settings, acceleration)
        return StockSteps(stock, batches['labeled'], precision)
    model = accelerate(build_miaod(settings), settings, acceleration)
    return StageSteps(model, frozen_parameter_names(model), STAGES[name](1), batches, precision)


def all_tasks(settings: BenchmarkSettings, batches: Mapping[str, dict], k: int = 10000) -> dict[str, Any]:
    """Return every task by name, the stock model's first; they share two models.

    Args:
        settings: what is measured.
        batches: from :func:`draw_batches`.
        k: instances averaged in an image's score.
    """
    stock, model = (accelerate(build(settings), settings) for build in (build_stock, build_miaod))
    precision = MixedPrecision(settings.device, settings.amp_dtype)
    frozen = frozen_parameter_names(model)
    image, metas = batches['test']['img'], batches['test']['img_metas']
    tasks: dict[str, Any] = {'stock step': StockSteps(stock, batches['labeled'], precision)}
    for name, stage in STAGES.items():
        tasks[name] = StageSteps(model, frozen, stage(1), batches, precision)
    tasks['stock inference'] = Inference(
        stock, lambda: stock(img=[image], img_metas=[metas], return_loss=False, rescale=True)
    )
    tasks['scoring'] = Inference(model, lambda: model.bbox_head.uncertainty(model.extract_feat(image), k))
    tasks['evaluation'] = Inference(
        model, lambda: model(img=image, img_metas=metas, return_loss=False, rescale=True)
    )
    return tasks
