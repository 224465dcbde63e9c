"""What each of many gloo processes does in the tests of distributed runs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed as dist
from torch import nn

from mmdet_miaod.active.annotator import Annotator
from mmdet_miaod.active.cycle_scoring import CycleScorer, scores_name
from mmdet_miaod.active.cycle_selection import CycleSelector
from mmdet_miaod.active.query import QUERY_STRATEGIES
from mmdet_miaod.active.query.base import Query
from mmdet_miaod.active.query.miaod import DiscrepancyQuery
from mmdet_miaod.active.selection import SelectionSettings
from mmdet_miaod.active.split import Split
from mmdet_miaod.apis.data import LoaderFactory, load_data
from mmdet_miaod.apis.settings import RunSettings
from mmdet_miaod.engine.detector import build_model
from mmdet_miaod.engine.inference import detect, evaluate_detections
from mmdet_miaod.engine.runner import AlternatingEpochRunner
from mmdet_miaod.engine.stage import Stage, StagePosition, frozen_parameter_names
from mmdet_miaod.engine.trainer import train_stage
from mmdet_miaod.randomness import seed_everything
from mmdet_miaod.run.identity import RunIdentity
from mmdet_miaod.run.manifest import RunState
from tests.reliability.tiny_job import begin_or_resume
from tests.tiny_run import tiny_settings

DEVICE = torch.device('cpu')


def join(folder: str, rank: int, world_size: int) -> None:
    """Join the process group that meets in a folder; nothing to join for one process."""
    torch.set_num_threads(1)
    if world_size > 1:
        meeting = f'file://{folder}/meeting_{world_size}'
        dist.init_process_group('gloo', init_method=meeting, rank=rank, world_size=world_size)


def detector(settings: RunSettings, data: Any, spread: bool) -> nn.Module:
    """The same detector in every process; ``spread`` makes its scores differ from image to image."""
    seed_everything(settings.seed)
    model = build_model(settings.model, data.labeled.CLASSES)
    if spread:
        torch.manual_seed(0)
        for branch in ('f_1', 'f_2', 'f_mil'):
            layer = getattr(model.bbox_head, f'{branch}_retina')
            nn.init.normal_(layer.weight, std=1.0)
            if branch != 'f_mil':
                nn.init.constant_(layer.bias, -0.5)  # drawn images get pseudo-labels, blank ones none
    return model


def gradients(
    rank: int,
    world_size: int,
    folder: str,
    data_root: str,
    batch: int,
    stage: dict,
    indices: list,
    blank: list,
) -> None:
    """Train one epoch of a stage through the real runner; process 0 saves the last step's gradients.

    Args:
        rank: number of this process.
        world_size: number of processes.
        folder: where they meet and where ``gradients_{world_size}.pth`` goes.
        data_root: of the data.
        batch: images in a batch of one process.
        stage: fields of the stage.
        indices: pool images that are labeled and, as well, X_U.
        blank: pool images that are made all zero.
    """
    join(folder, rank, world_size)
    settings = tiny_settings(Path(data_root), Path(folder), data__samples_per_gpu=batch)
    data = load_data(settings.data, settings.model.num_classes)
    data.labeled.label(indices)
    data.pool.__class__ = type('Blanked', (type(data.pool),), {'__getitem__': _blanked(set(blank))})
    model = detector(settings, data, spread=True)
    frozen = frozen_parameter_names(model)
    loaders = LoaderFactory(data, settings.loaders, DEVICE)(Split(np.array(indices), np.array(indices)))
    training = replace(settings.training, work_dir=folder, timestamp=f'log_{rank}')
    losses = []

    def keep(runner: AlternatingEpochRunner) -> None:
        losses.append(dict(runner.log_buffer.val_history))
        if rank == 0:
            named = runner.model.module.named_parameters()
            found = {name: p.grad for name, p in named if p.requires_grad}
            torch.save((found, losses[-1]), f'{folder}/gradients_{world_size}.pth')

    position = StagePosition(0, 0, Stage(**stage))
    train_stage(
        model,
        position,
        loaders=loaders,
        settings=training,
        frozen=frozen,
        on_epoch_end=keep,
    )


def _blanked(blank: set[int]) -> Any:
    def get(self: Any, draw: Any) -> dict:
        sample = super(type(self), self).__getitem__(draw)
        if getattr(draw, 'index', draw) in blank:
            sample['img'].data.zero_()
        return sample

    return get


def scores(rank: int, world_size: int, folder: str, data_root: str, candidates: list) -> None:
    """Score and query the pool, evaluate the test set; process 0 saves what came of it."""
    join(folder, rank, world_size)
    work = Path(folder) / f'scores_{world_size}'
    settings = tiny_settings(Path(data_root), Path(folder), score_chunk_size=3, data__samples_per_gpu=2)
    data = load_data(settings.data, settings.model.num_classes)
    model = detector(settings, data, spread=True)
    state = RunState(work, RunIdentity({}, '', len(data.pool), 0), {})
    strategy = DiscrepancyQuery()
    scorer = CycleScorer(
        pool=data.pool,
        strategy=strategy,
        settings=settings.scoring,
        state=state,
        query='',
    )
    scorer.score(0, lambda cycle: model, np.array(candidates), np.array([0]))
    found = np.load(work / scores_name(0))
    query = Query(candidates=np.array(candidates), labeled=np.array([0]), scores=found, seed=0)
    selected = strategy.rank(query, 3)
    detections = detect(model, data.test, settings.scoring)
    metrics = evaluate_detections(detections, data.test, settings.evaluation)
    torch.save((torch.from_numpy(found), selected.tolist(), metrics), work / f'found_{rank}.pth')


def whole_run(
    rank: int, world_size: int, folder: str, data_root: str, overrides: dict, fault: str | None = None
) -> int:
    """The tiny run on many processes; process 1 dies or meets a loss that is not finite, if asked to."""
    if fault is not None and rank == 1:
        _spoil(fault)
    begun = (Path(folder) / 'run' / 'run_state.json').exists()
    place = dict(resume=f'{folder}/run', run_name=None) if begun else dict(run_name='run', resume=None)
    join(folder, rank, world_size)
    return begin_or_resume(data_root, folder, None, overrides, place)


def differently(rank: int, world_size: int, folder: str, data_root: str, overrides: dict, place: dict) -> int:
    """The tiny run on many processes, of which process 1 is started with other values and options."""
    join(folder, rank, world_size)
    values, options = (overrides, place) if rank == 1 else ({}, {})
    return begin_or_resume(data_root, folder, None, values, {'run_name': 'run', 'resume': None, **options})


def _spoil(fault: str) -> None:
    original = AlternatingEpochRunner.train_batch
    calls = []

    def spoiled(self: AlternatingEpochRunner, tag: str, batch: dict, losses: Any) -> None:
        calls.append(tag)
        if len(calls) == 4 and fault == 'death':
            os._exit(77)
        if len(calls) == 4 and fault == 'nan':
            batch['img'].data[0].fill_(float('nan'))
        original(self, tag, batch, losses)

    AlternatingEpochRunner.train_batch = spoiled


def selections(rank: int, world_size: int, folder: str, data_root: str, queries: list) -> None:
    """Score, measure, look again and select by each query; process 0 saves what came of them."""
    join(folder, rank, world_size)
    # In batches of one, numbers do not depend on how the images are shared out.
    options = dict(score_chunk_size=2, data__test_samples_per_gpu=1)
    settings = tiny_settings(Path(data_root), Path(folder), **options)
    data = load_data(settings.data, settings.model.num_classes)
    model = detector(settings, data, spread=True)
    labeled, candidates = np.array([0, 4]), np.array([1, 2, 3, 5, 6, 7, 9])
    data.labeled.label(labeled)
    found = []
    for number, query in enumerate(queries):
        work = Path(folder) / f'selections_{world_size}_{number}'
        state = RunState(work, RunIdentity({}, '', len(data.pool), 0), {})
        strategy = QUERY_STRATEGIES.build(query)
        shared = dict(strategy=strategy, state=state)
        scorer = CycleScorer(
            pool=data.pool,
            settings=settings.scoring,
            query='',
            annotations=data.labeled.get_ann_info,
            **shared,
        )
        scorer.score(0, lambda cycle: model, candidates, labeled)
        selector = CycleSelector(
            scorer=scorer,
            settings=SelectionSettings(2),
            seed=0,
            annotator=Annotator(data.labeled),
            **shared,
        )
        selected = selector.select(0, labeled, candidates, lambda cycle: model)
        files = {path.name: torch.from_numpy(np.load(path)) for path in sorted(work.glob('cycle0/*.npy'))}
        found.append((selected.tolist(), files))
    torch.save(found, Path(folder) / f'selections_{world_size}_{rank}.pth')
