"""Gains and changes of each acceleration option: the config's model on drawn images, option by option."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from mmdet_miaod.engine.acceleration import Acceleration, backends_restored
from mmdet_miaod.engine.gradient_step import MixedPrecision, build_stage_step
from mmdet_miaod.engine.inference import move_batch
from mmdet_miaod.engine.stage import frozen_parameter_names
from mmdet_miaod.stopwatch import stopwatch
from tools.benchmarks.data import BenchmarkSettings, training_loader
from tools.benchmarks.tasks import STAGES, Inference, StageSteps, build_miaod, training_task

_TF32 = Acceleration(tf32=True)
_TF32_LAST = Acceleration(tf32=True, channels_last=True)
# Options by name: acceleration, and the dtype of mixed precision, the most promising first. The others are
# compared with the first of all.
OPTIONS: dict[str, tuple[Acceleration, str | None]] = {
    'float32': (Acceleration(), None),
    'bfloat16 channels_last': (_TF32_LAST, 'bfloat16'),
    'tf32': (_TF32, None),
    'float16 channels_last': (_TF32_LAST, 'float16'),
    'bfloat16': (_TF32, 'bfloat16'),
    'float16': (_TF32, 'float16'),
    'tf32 channels_last': (_TF32_LAST, None),
    'channels_last': (Acceleration(channels_last=True), None),
    'cudnn_benchmark': (Acceleration(cudnn_benchmark=True), None),
    'cudnn_benchmark bfloat16 channels_last': (replace(_TF32_LAST, cudnn_benchmark=True), 'bfloat16'),
    'compile_towers': (Acceleration(compile_towers=True), None),
    'compile_towers bfloat16 channels_last': (replace(_TF32_LAST, compile_towers=True), 'bfloat16'),
}
# The precisions with and without channels_last; the others are trials.
BASIC = tuple(OPTIONS)[:8]
SERIES, SERIES_IMAGES = 50, 20  # steps of a run whose losses are compared, and its images
DEVICE_TOLERANCE = 1e-3


def check_option(
    name: str, settings: BenchmarkSettings, batches: dict[str, dict], steps: int, k: int = 10000
) -> dict[str, Any]:
    """Measure one option.

    Args:
        name: from ``OPTIONS``.
        settings: model, image size, batch size, device.
        batches: from ``draw_batches``.
        steps: executions that are timed, after two that are not.
        k: instances averaged in an image's score.

    Returns:
        ``milliseconds`` of each stage's iteration and of a stock step with the same options, ``busy``, the
        share of a label step's time in which the GPU computes (None on a CPU), its ``memory`` in bytes (0 on
        a CPU), ``score`` in images per second, ``losses`` of the first batch by term and stage, its images'
        ``scores``, and ``series``, the losses of the first steps of a run.
    """
    acceleration, dtype = OPTIONS[name]
    settings = replace(settings, amp_dtype=dtype)
    with backends_restored():
        acceleration.apply_to_backends()
        model = acceleration.apply_to_model(build_disagreeing(settings))
        precision = MixedPrecision(settings.device, dtype)
        frozen = frozen_parameter_names(model)
        losses, milliseconds, found = {}, {}, {}
        for stage_name, stage in STAGES.items():
            task = StageSteps(model, frozen, stage(1), batches, precision)
            task.prepare()
            values = task()
            losses.update({f'{stage_name}: {term}': float(value) for term, value in values.items()})
            milliseconds[stage_name] = 1000 * seconds_per_call(task, settings.device, steps)
            if stage_name == 'label step':
                found = dict(busy=_busy_share(task, settings.device), memory=_peak(task, settings.device))
            task.finish()
        stock = training_task('stock step', settings, batches, acceleration)
        stock.prepare()
        milliseconds['stock step'] = 1000 * seconds_per_call(stock, settings.device, steps)
        stock.finish()
        images = batches['unlabeled']['img']
        # In float32, as runs score, whatever they train in.
        scoring = Inference(model, lambda: model.bbox_head.uncertainty(model.extract_feat(images), k))
        scoring.prepare()
        scores = scoring().float().cpu().tolist()
        score = settings.batch_size / seconds_per_call(scoring, settings.device, steps)
        series = loss_series(settings, model, precision)
    return found | dict(milliseconds=milliseconds, score=score, losses=losses, scores=scores, series=series)


def build_disagreeing(settings: BenchmarkSettings) -> nn.Module:
    """Build the model with other biases in each classifier, always the same ones.

    The classifiers of a fresh model agree: their discrepancy and the scores are 0 but for rounding, and a
    comparison of two dtypes or devices would compare rounding errors.
    """
    model = build_miaod(settings)
    random = torch.Generator().manual_seed(0)
    for name, parameter in model.bbox_head.named_parameters():
        if name.startswith(('f_1_', 'f_2_')) and name.endswith('bias'):
            shift = torch.randn(parameter.shape, generator=random)
            parameter.data += shift.to(parameter.device)
    return model


def loss_series(settings: BenchmarkSettings, model: nn.Module, precision: MixedPrecision) -> list[float]:
    """Train a model with the config's optimizer on drawn images; the loss of each of the first steps."""
    stage = STAGES['label step'](1)
    optimizer = settings.config.optimizer
    step = build_stage_step(
        model.train(), stage, frozen_parameter_names(model), optimizer=optimizer, precision=precision
    )
    drawn = replace(settings, data_root=settings.data_root.with_name('series'))
    losses = []
    for batch in training_loader(drawn, SERIES_IMAGES).batches(SERIES, 0):
        with precision.autocast():
            outputs = model.train_step(move_batch(batch, settings.device), loss_terms=stage.losses('labeled'))
        step(outputs['loss'])
        losses.append(outputs['log_vars']['loss'])
    return [float(loss) for loss in losses]


def _busy_share(task: Callable[[], Any], device: torch.device, steps: int = 5) -> float | None:
    if device.type != 'cuda':
        return None
    kernels = torch.profiler.ProfilerActivity.CUDA
    with torch.profiler.profile(activities=[kernels]) as profiler, stopwatch(device) as timing:
        for _ in range(steps):
            task()
    return sum(event.self_device_time_total for event in profiler.key_averages()) / 1e6 / timing.wall


def _peak(task: Callable[[], Any], device: torch.device) -> int:
    if device.type != 'cuda':
        return 0
    gc.collect()  # a compiled head refers to itself
    torch.cuda.reset_peak_memory_stats(device)
    task()
    return torch.cuda.max_memory_allocated(device)


def seconds_per_call(task: Callable[[], Any], device: torch.device, steps: int) -> float:
    """Seconds per execution of a task that is not waited for in between, as a run does not either."""
    for _ in range(2):
        task()
    with stopwatch(device) as timing:
        for _ in range(steps):
            task()
    return timing.wall / steps


def compare_devices(settings: BenchmarkSettings, batches: dict[str, dict]) -> dict[str, tuple[float, float]]:
    """Compute the first losses of each stage in float32 on the device and on the CPU.

    Returns:
        By stage and term: the value on the device and that on the CPU.
    """
    values = []
    for device in (settings.device, torch.device('cpu')):
        here = replace(settings, device=device, amp_dtype=None)
        local = {tag: _to(batch, device) for tag, batch in batches.items()}
        with backends_restored():
            Acceleration().apply_to_backends()
            model = build_disagreeing(here)
            model.train()
            found = {}
            for stage_name, stage in STAGES.items():
                for tag in stage(1).tags:
                    terms = stage(1).losses(tag)
                    with torch.no_grad():
                        logs = model.train_step(local[tag], loss_terms=terms)['log_vars']
                    found.update({f'{stage_name}: {term}': float(logs[term]) for term in terms})
        values.append(found)
    return {name: (values[0][name], values[1][name]) for name in values[0]}


def _to(batch: dict[str, Any], device: torch.device) -> dict[str, Any]:
    def move(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.to(device)
        return [move(item) for item in value] if isinstance(value, list) else value

    return {name: move(value) for name, value in batch.items()}


def relative_difference(value: float, reference: float) -> float:
    """Return how far a value is from a reference, as a share of it; infinity if the value is not finite."""
    if not math.isfinite(value):
        return math.inf
    return abs(value - reference) / max(abs(reference), 1e-12)


def difference(result: dict[str, Any], reference: dict[str, Any]) -> float:
    """Return the largest relative difference of a loss or score of an option to those of float32."""
    pairs = [(result['losses'][key], value) for key, value in reference['losses'].items()]
    pairs += list(zip(result['scores'], reference['scores'], strict=True))
    return max(relative_difference(*pair) for pair in pairs)


def mean_difference(result: dict[str, Any], reference: dict[str, Any]) -> float:
    """Return the mean relative difference of the losses of a run's first steps to those of float32."""
    pairs = zip(result['series'], reference['series'], strict=True)
    return sum(relative_difference(*pair) for pair in pairs) / len(reference['series'])
