"""What each acceleration option gains and changes: the config's model on drawn images, option by option."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from mmdet_miaod.engine.acceleration import Acceleration, backends_restored
from mmdet_miaod.engine.gradient_step import MixedPrecision
from mmdet_miaod.engine.stage import frozen_parameter_names
from mmdet_miaod.stopwatch import stopwatch
from tools.benchmarks.tasks import STAGES, BenchmarkSettings, Inference, StageSteps, build_miaod, draw_batches

# Options by name: acceleration, and the dtype of mixed precision. The others are compared with the first.
OPTIONS: dict[str, tuple[Acceleration, str | None]] = {
    'float32': (Acceleration(), None),
    'cudnn_benchmark': (Acceleration(cudnn_benchmark=True), None),
    'tf32': (Acceleration(tf32=True), None),
    'channels_last': (Acceleration(channels_last=True), None),
    'compile_towers': (Acceleration(compile_towers=True), None),
    'amp float16': (Acceleration(), 'float16'),
    'amp bfloat16': (Acceleration(), 'bfloat16'),
    'all but compile_towers, bfloat16': (
        Acceleration(cudnn_benchmark=True, tf32=True, channels_last=True),
        'bfloat16',
    ),
}
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
        ``train`` and ``score`` in images a second, ``memory`` of a label step in bytes (0 on a CPU),
        ``losses`` of the first batch by term and stage, and its images' ``scores``.
    """
    acceleration, dtype = OPTIONS[name]
    settings = replace(settings, amp_dtype=dtype)
    with backends_restored():
        acceleration.apply_to_backends()
        model = acceleration.apply_to_model(build_disagreeing(settings))
        precision = MixedPrecision(settings.device, dtype)
        frozen = frozen_parameter_names(model)
        losses = {}
        for stage_name, stage in STAGES.items():
            task = StageSteps(model, frozen, stage(1), batches, precision)
            task.prepare()
            values = task()
            losses.update({f'{stage_name}: {term}': float(value) for term, value in values.items()})
            task.finish()
        train, memory = _label_speed(model, frozen, batches, precision, settings, steps)
        images = batches['unlabeled']['img']
        # In float32, as runs score, whatever they train in.
        scoring = Inference(model, lambda: model.bbox_head.uncertainty(model.extract_feat(images), k))
        scoring.prepare()
        scores = scoring().float().cpu().tolist()
        score = settings.batch_size / _seconds(scoring, settings.device, steps)
    return dict(train=train, score=score, memory=memory, losses=losses, scores=scores)


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


def _label_speed(
    model: nn.Module,
    frozen: frozenset[str],
    batches: dict[str, dict],
    precision: MixedPrecision,
    settings: BenchmarkSettings,
    steps: int,
) -> tuple[float, int]:
    task = StageSteps(model, frozen, STAGES['label step'](1), batches, precision)
    task.prepare()
    cuda = settings.device.type == 'cuda'
    if cuda:
        gc.collect()  # a compiled head refers to itself
        torch.cuda.reset_peak_memory_stats(settings.device)
    seconds = _seconds(task, settings.device, steps)
    task.finish()
    return settings.batch_size / seconds, torch.cuda.max_memory_allocated(settings.device) if cuda else 0


def _seconds(task: Callable[[], Any], device: torch.device, steps: int) -> float:
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


def run_gpu_check(
    settings: BenchmarkSettings,
    steps: int,
    options: list[str],
    on_option: Callable[[str], None] = lambda name: None,
) -> dict[str, Any]:
    """Measure options, ``'float32'`` first, and compare the device with the CPU.

    An option that does not work here is reported with its ``error`` and does not stop the others.

    Args:
        settings: model, image size, batch size, device.
        steps: executions that are timed.
        options: names from ``OPTIONS``.
        on_option: called with each name before it is measured.

    Returns:
        ``options`` by name (:func:`check_option`, with ``difference``, the largest relative difference of a
        loss or score to float32) and ``devices`` (:func:`compare_devices`).
    """
    batches = draw_batches(settings)
    found: dict[str, Any] = {}
    for name in ['float32', *(option for option in options if option != 'float32')]:
        on_option(name)
        try:
            result = check_option(name, settings, batches, steps)
        except Exception as error:  # whatever a compiler, driver or kernel raises
            found[name] = dict(error=f'{type(error).__name__}: {error}'.splitlines()[0])
            if name == 'float32':
                raise
            continue
        reference = found.get('float32', result)
        pairs = [(result['losses'][key], value) for key, value in reference['losses'].items()]
        pairs += list(zip(result['scores'], reference['scores'], strict=True))
        result['difference'] = max(relative_difference(*pair) for pair in pairs)
        found[name] = result
    return dict(options=found, devices=compare_devices(settings, batches))
