"""A run put together from its settings."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from mmcv.runner import Hook

from .. import distributed
from ..active.cycle_evaluation import CycleEvaluator
from ..active.cycle_scoring import CycleScorer
from ..active.cycle_training import CheckpointSettings, CycleTrainer
from ..active.loop import ActiveLearningLoop, LoopSettings
from ..engine.detector import build_model
from ..engine.label_losses import label_losses
from ..engine.progress import RunClock, RunProgress, stage_steps, stage_weight
from ..engine.run_log import RunLog
from ..run.manifest import RunState
from ..run.metrics import cycle_metrics, cycle_table
from ..version import __version__
from .data import LoaderFactory
from .labeling import build_labeling
from .preflight import Prepared
from .run_options import RunOptions
from .run_report import refresh_report
from .settings import RunSettings


@dataclass(frozen=True)
class Run:
    """A run that is ready to go.

    Attributes:
        loop: runs the cycles.
        trainer: trains their models.
        progress: shows how far they are.
        state: the run's manifest.
        report: writes the run's report anew; ``last=True`` when the run is finished.
        log: its loss log and TensorBoard file.
    """

    loop: ActiveLearningLoop
    trainer: CycleTrainer
    progress: RunProgress
    state: RunState
    report: Callable[..., None]
    log: RunLog


def assemble_run(
    settings: RunSettings,
    options: RunOptions,
    *,
    prepared: Prepared,
    state: RunState,
    timestamp: str,
    logger: logging.Logger,
    log: RunLog,
) -> Run:
    """Put a run together.

    Args:
        settings: what to run.
        options: how to run it.
        prepared: from the checks before the start.
        state: the run's manifest.
        timestamp: first part of the log files' names.
        logger: for the text log.
        log: the run's loss log and TensorBoard file.
    """
    first_cycle = state.options.get('first_cycle', settings.labeling.cycles[0])
    cycles = [cycle for cycle in settings.labeling.cycles if cycle >= first_cycle]
    data, scoring = prepared.data, prepared.scoring
    loaders = LoaderFactory(data, settings.loaders, prepared.device)
    progress = RunProgress(_clock(settings, prepared, cycles, state), options.progress, cycles)
    trainer = _build_trainer(
        settings,
        prepared,
        state=state,
        timestamp=timestamp,
        stage_hook=progress.stage_hook,
        logger=logger,
        log=log,
    )
    labeling = build_labeling(settings, prepared, trainer=trainer, state=state, logger=logger)
    evaluator = CycleEvaluator(
        labeling.test_set if settings.validate else lambda: None,
        data.pool,
        scoring,
        settings.evaluation,
        state=state,
        live=progress.images,
    )

    report = partial(refresh_report, state.directory, data, labeling.test_set, logger=logger)

    def end_of_cycle(cycle: int) -> None:
        entries, epochs = cycle_metrics(state), state.of_kind('epoch')
        logger.info('\n%s', cycle_table(entries))
        iterations = sum(step.values.get('iterations', 0) for step in epochs)
        log.evaluation(entries[-1], len(epochs), iterations)
        if options.report:
            report()

    shared = dict(pool=data.pool, strategy=prepared.strategy, state=state, logger=logger)
    query = json.dumps(settings.query)
    loop = ActiveLearningLoop(
        LoopSettings(cycles, prepared.selection, settings.seed),
        first_split=labeling.first_split,
        annotator=labeling.annotator,
        build_loaders=loaders,
        trainer=trainer,
        evaluate=evaluator.evaluate,
        look_at=evaluator.look_at,
        label_losses=partial(label_losses, dataset=data.labeled, device=prepared.device),
        scorer=CycleScorer(
            settings=scoring,
            query=query,
            annotations=data.labeled.get_ann_info,
            live=progress.images,
            **shared,
        ),
        on_cycle_end=end_of_cycle,
        **shared,
    )
    return Run(loop, trainer, progress, state, report, log)


def _clock(settings: RunSettings, prepared: Prepared, cycles: list[int], state: RunState) -> RunClock:
    """Make the clock of a run from the work that no earlier sitting has done."""
    pool_size, work = len(prepared.data.pool), Counter()
    batch = settings.loaders.batch_size * distributed.world_size()
    for cycle, size in zip(settings.labeling.cycles, settings.labeling.sizes(pool_size)):
        if cycle not in cycles:
            continue
        if state.find('model', cycle) is None:
            batches = [-(-size * repeat // batch) for repeat in settings.loaders.repeats]
            for number, stage in enumerate(settings.schedule):
                epoch = state.find('epoch', cycle, number)
                done = epoch.epoch if epoch is not None else 0
                work[stage.name] += stage_steps(stage, *batches) * (1 - done / stage.epochs)
        if prepared.data.test is not None and state.find('evaluation', cycle) is None:
            work['evaluation'] += len(prepared.data.test)
        if prepared.strategy.needs_model and cycle != cycles[-1] and state.find('scores', cycle) is None:
            work['scoring'] += (pool_size - size) * prepared.selection.fraction
    weights = {stage.name: stage_weight(stage) for stage in settings.schedule}
    # An image that is only looked at, relative to a step on a batch.
    weights |= dict.fromkeys(('evaluation', 'scoring'), 0.4 / settings.loaders.batch_size)
    return RunClock(work, weights)


def _build_trainer(
    settings: RunSettings,
    prepared: Prepared,
    *,
    state: RunState,
    timestamp: str,
    stage_hook: Callable[[], Hook],
    logger: logging.Logger,
    log: RunLog,
) -> CycleTrainer:
    classes = prepared.data.labeled.CLASSES
    training = replace(
        settings.training,
        custom_hooks=(*settings.training.custom_hooks, stage_hook),
        device=prepared.device,
        work_dir=str(state.directory),
        timestamp=timestamp,
        run_log=log,
    )
    meta = dict(CLASSES=list(classes), config=settings.text, mmdet_miaod=__version__)
    return CycleTrainer(
        settings.schedule,
        lambda: build_model(settings.model, classes),
        settings=training,
        state=state,
        checkpoints=CheckpointSettings(settings.max_keep_checkpoints, meta),
        logger=logger,
    )
