"""Measurements of a GPU beside its options: loading, inference, selection, cycle, processes, CUDA graphs."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import torch
from torch import multiprocessing, nn

from mmdet_miaod.active.query.base import build_strategy
from mmdet_miaod.active.scoring import look_at, scores_and_features
from mmdet_miaod.apis import RunOptions, load_config, train
from mmdet_miaod.engine.acceleration import Acceleration, backends_restored
from mmdet_miaod.engine.gradient_step import MixedPrecision
from mmdet_miaod.engine.inference import ScoringSettings
from mmdet_miaod.engine.stage import frozen_parameter_names
from mmdet_miaod.stopwatch import stopwatch
from tools.benchmarks.data import BenchmarkSettings, draw_batches, drawn_datasets, training_loader
from tools.benchmarks.options import OPTIONS, build_disagreeing, seconds_per_call
from tools.benchmarks.tasks import STAGES, Inference, StageSteps, build_miaod, training_task

VOC_IMAGE = (500, 375)  # pixels of most of VOC's photographs


def loading_speed(settings: BenchmarkSettings, workers: int, batches: int) -> dict[str, Any]:
    """Load images of VOC's size through the training pipeline; ``images`` a second and ``milliseconds``
    a batch."""
    drawn = replace(settings, image_size=VOC_IMAGE, data_root=settings.data_root.with_name('voc'))
    loader = training_loader(drawn, 64, workers)
    stream = loader.batches(batches + 2 * workers, 0)
    for _ in islice(stream, 2 * workers):
        pass
    with stopwatch() as timing:
        count = sum(1 for _ in stream)
    return dict(
        images=settings.batch_size * count / timing.wall,
        milliseconds=1000 * timing.wall / count,
        workers=workers,
    )


def inference_speed(
    name: str, settings: BenchmarkSettings, batches: dict[str, dict], batch_sizes: tuple[int, ...], steps: int
) -> dict[str, Any]:
    """Images a second that are scored and evaluated with an option of ``OPTIONS``, by batch size; with its
    mixed precision too, which runs leave out."""
    acceleration, dtype = OPTIONS[name]
    precision = MixedPrecision(settings.device, dtype)
    found: dict[str, Any] = {}
    with backends_restored():
        acceleration.apply_to_backends()
        model = acceleration.apply_to_model(build_disagreeing(settings))
        for size in batch_sizes:
            image, metas = batches['test']['img'].repeat(size, 1, 1, 1), batches['test']['img_metas'] * size
            calls: dict[str, Callable[[], Any]] = {
                'score': lambda: model.bbox_head.uncertainty(model.extract_feat(image), 10000),  # noqa: B023
                'evaluate': lambda: model(img=image, img_metas=metas, return_loss=False),  # noqa: B023
            }
            for kind, call in calls.items():
                task = Inference(model, call)
                task.prepare()
                with precision.autocast():
                    found[f'{kind} {size}'] = size / seconds_per_call(task, settings.device, steps)
    return found


def selections(settings: BenchmarkSettings, workers: int, images: int) -> dict[str, Any]:
    """Score drawn images in each precision; the share of the tenth that is selected which float32 selects,
    and images per second, with the loading."""
    drawn = replace(settings, image_size=VOC_IMAGE, data_root=settings.data_root.with_name('pool'))
    view, strategy = drawn_datasets(drawn, images)['test'], build_strategy(settings.config.query.to_dict())
    where = ScoringSettings(batch_size=settings.batch_size, workers=workers, device=settings.device)
    found: dict[str, Any] = {}
    chosen: dict[str, set[int]] = {}
    for name in ('float32', 'tf32', 'bfloat16', 'float16'):
        acceleration, dtype = OPTIONS[name]
        with backends_restored(), MixedPrecision(settings.device, dtype).autocast():
            acceleration.apply_to_backends()
            model = build_disagreeing(settings)
            with stopwatch(settings.device) as timing:
                looked = look_at(
                    model, scores_and_features(strategy), view=view, indices=np.arange(images), settings=where
                )
        order = np.argsort(looked['scores'], kind='stable')
        chosen[name] = set(order[-max(images // 10, 1) :].tolist())
        found[name] = dict(
            same=len(chosen[name] & chosen['float32']) / len(chosen[name]), images=images / timing.wall
        )
    return found


def whole_cycle(name: str, settings: BenchmarkSettings, workers: int, labeled: int) -> dict[str, Any]:
    """Train and evaluate a cycle with an option of ``OPTIONS`` as ``train.py`` does.

    With 100 labeled images and batches of two it is 300 label steps, 50 minimize and 50 maximize pairs.

    Returns:
        ``seconds`` of all, and by stage the median ``milliseconds`` of an iteration and the share of its time
        that it waits for data (``loading``).
    """
    folder = settings.data_root.parent
    drawn = replace(settings, image_size=VOC_IMAGE, data_root=folder / 'cycle')
    drawn_datasets(drawn, 2 * labeled)
    config = load_config(
        settings.config.filename, _cycle_options(settings, labeled, workers), f'{drawn.data_root}/'
    )
    config.model = settings.config.model
    acceleration, dtype = OPTIONS[name]
    config.update({**asdict(acceleration), 'amp': dtype and dict(dtype=dtype), 'work_directory': str(folder)})
    options = RunOptions(str(settings.device), progress=False, report=False, console_level='WARNING')
    with backends_restored(), stopwatch(settings.device) as timing:
        run = train(config, options)
    return dict(seconds=timing.wall, workers=workers, **_times_by_stage(run))


def _cycle_options(settings: BenchmarkSettings, labeled: int, workers: int) -> dict[str, Any]:
    folder, lists = ['VOC2007/'], 'VOC2007/ImageSets/Main/{}.txt'
    return dict(
        pool_lists=[lists.format('trainval')], pool_folders=folder,
        test_lists=[lists.format('test')], test_folders=folder, img_scale=settings.image_size,
        X_L_0_size=labeled, X_S_size=labeled, X_L_repeat=1, X_U_repeat=1,
        cycles=[0], epoch_ratio=[3, 1], epoch=1,
    ) | {'data.workers_per_gpu': workers, 'log_config.interval': 5}  # fmt: skip


def _times_by_stage(run: Path) -> dict[str, Any]:
    lines: dict[str, list[dict]] = defaultdict(list)
    for path in run.glob('*.log.json'):
        for line in map(json.loads, path.read_text().splitlines()):
            if line.get('mode') == 'train' and 'time' in line:
                lines[line['stage']].append(line)
    return dict(
        milliseconds={name: 1000 * median(line['time'] for line in found) for name, found in lines.items()},
        loading={
            name: mean(line['data_time'] for line in found) / mean(line['time'] for line in found)
            for name, found in lines.items()
        },
    )


def side_by_side(settings: BenchmarkSettings, counts: tuple[int, ...], seconds: float) -> dict[str, Any]:
    """Take label steps in several processes at once, a thread each, as the runs of a grid do.

    Args:
        settings: model, image size, batch size, device.
        counts: numbers of processes, one after the other.
        seconds: that each number is measured for.

    Returns:
        ``steps`` per second of all processes together, by number of processes.
    """
    context = multiprocessing.get_context('spawn')
    barrier, rates = context.Barrier(max(counts)), context.SimpleQueue()
    arguments = (settings, counts, seconds, barrier, rates)
    multiprocessing.spawn(_take_label_steps, arguments, nprocs=max(counts))
    steps = dict.fromkeys(counts, 0.0)
    while not rates.empty():
        count, rate = rates.get()
        steps[count] += rate
    return dict(steps={str(count): rate for count, rate in steps.items()})


def _take_label_steps(
    index: int, settings: BenchmarkSettings, counts: tuple[int, ...], seconds: float, barrier: Any, rates: Any
) -> None:
    """Process ``index`` of :func:`side_by_side`: it takes part where there are more processes than that."""
    torch.set_num_threads(1)
    Acceleration.from_config(settings.config).apply_to_backends()
    own = replace(settings, data_root=settings.data_root.with_name(f'process{index}'))
    task = training_task('label step', own, draw_batches(own))
    task.prepare()
    seconds_per_call(task, own.device, 1)  # what is made at the first steps
    for count in counts:
        barrier.wait()
        if index < count:
            taken, end = 0, time.monotonic() + seconds
            with stopwatch(own.device) as timing:
                while time.monotonic() < end:
                    task()
                    taken += 1
            rates.put((count, taken / timing.wall))


def cuda_graphs(settings: BenchmarkSettings, batches: dict[str, dict], steps: int) -> dict[str, Any]:
    """A trial: ``milliseconds`` of a label step with TF32, whose backbone and neck replay CUDA graphs."""
    with backends_restored():
        Acceleration(tf32=True).apply_to_backends()
        model = build_miaod(settings).train()
        task = StageSteps(
            model,
            frozen_parameter_names(model),
            STAGES['label step'](1),
            batches,
            MixedPrecision(settings.device),
        )
        task.prepare()
        features = _Features(model)
        features = torch.cuda.make_graphed_callables(features, (batches['labeled']['img'],))
        model.extract_feat = features
        return dict(milliseconds={'label step': 1000 * seconds_per_call(task, settings.device, steps)})


class _Features(nn.Module):
    """Backbone and neck as a module of their own, as CUDA graphs need it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.backbone, self.neck = model.backbone, model.neck

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.neck(self.backbone(image)))
