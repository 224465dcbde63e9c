"""A run put together from its settings."""

import json
import logging
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property

from .. import distributed
from ..active.annotator import LabelsWanted
from ..active.cycle_evaluation import CycleEvaluator
from ..active.cycle_scoring import CycleScorer
from ..active.cycle_selection import CycleSelector
from ..active.cycle_split import CycleSplits
from ..active.cycle_training import CycleTrainer
from ..active.loop import ActiveLearningLoop
from ..active.named_split import load_given_split
from ..active.seen_inputs import SeenInputs
from ..engine.detector import load_weights
from ..engine.progress import RunClock, RunProgress, stage_steps, stage_weight
from ..engine.run_log import RunLog
from ..run.manifest import RunState
from ..run.metrics import cycle_metrics, cycle_table
from ..run.starting_point import StartingPoint
from ..version import __version__
from .data import LoaderFactory
from .labeling import PersonLabeling, SimulatedLabeling
from .preflight import Prepared
from .run_options import RunOptions
from .run_report import RunReports
from .settings import RunSettings


@dataclass(frozen=True)
class Run:
    """A run that is ready to go; each part of it is made when it is first needed.

    Attributes:
        settings: what to run.
        options: how to run it.
        prepared: from the checks before the start.
        state: the run's manifest.
        timestamp: first part of the log files' names.
        log: its loss log and TensorBoard file.
    """

    settings: RunSettings
    options: RunOptions
    prepared: Prepared
    state: RunState
    timestamp: str
    log: RunLog

    def _begin_with(self, start: StartingPoint) -> None:
        """Take over the split, and perhaps the model, of an earlier run."""
        self.loop.splits.save(start.cycle, load_given_split(start, self.prepared.data.pool.index))
        if start.model_path is not None:
            model = self.trainer.fresh_model()
            load_weights(model, start.model_path)
            self.state.once('model', start.cycle, lambda: self.trainer.save_model(start.cycle, model))

    def run(self, start: StartingPoint | None) -> LabelsWanted | None:
        """Run the cycles that are left; returns what people have to label first, where that stops the run.

        Args:
            start: what is still to be taken over from an earlier run.
        """
        self.inputs.begin()
        if start is not None:
            self._begin_with(start)
        wanted = None
        try:
            self.loop.run()
        except LabelsWanted as labels_wanted:
            wanted = labels_wanted
        finally:
            self.progress.close()
            self.log.close()
        if self.options.report and self.state.of_kind('evaluation'):
            self.reports.write(last=wanted is None)
        return wanted

    @cached_property
    def cycles(self) -> list[int]:
        """Numbers of the run's cycles; a run that was given a split begins with a later one."""
        cycles = self.settings.labeling.cycles
        first = self.state.options.get('first_cycle', cycles[0])
        return [cycle for cycle in cycles if cycle >= first]

    @cached_property
    def inputs(self) -> SeenInputs:
        """Tells whether images and labels changed since they were used."""
        data = self.prepared.data
        test = None if len(self.prepared.test_images) else data.test  # else people label it
        return SeenInputs(self.state, data.pool.index, data.labeled, test=test, force=self.options.force)

    @cached_property
    def progress(self) -> RunProgress:
        """Live lines of what is done."""
        return RunProgress(self._clock(), self.options.progress, self.cycles)

    @cached_property
    def reports(self) -> RunReports:
        """Writes the report."""
        return RunReports(self.state.directory, self.prepared.data, self.labeling.test_set)

    @cached_property
    def trainer(self) -> CycleTrainer:
        """Trains the models."""
        settings, prepared = self.settings, self.prepared
        classes = prepared.data.labeled.CLASSES
        return CycleTrainer(
            schedule=settings.schedule,
            build_model=lambda: prepared.new_model(settings.model),
            settings=replace(
                settings.training,
                custom_hooks=(*settings.training.custom_hooks, lambda: self.progress),
                device=prepared.device,
                work_dir=str(self.state.directory),
                timestamp=self.timestamp,
                run_log=self.log,
            ),
            state=self.state,
            max_keep=settings.max_keep_checkpoints,
            meta=dict(CLASSES=list(classes), config=settings.text, mmdet_miaod=__version__),
        )

    @cached_property
    def labeling(self) -> SimulatedLabeling:
        """Who labels the images, and the test set."""
        if self.settings.annotator is None:
            return SimulatedLabeling(self.settings, self.prepared)
        return PersonLabeling(self.settings, self.prepared, self.trainer, self.state)

    @cached_property
    def loop(self) -> ActiveLearningLoop:
        """Runs the cycles."""
        settings, prepared, annotator = self.settings, self.prepared, self.labeling.annotator
        data, selection = prepared.data, prepared.selection
        of_run = dict(state=self.state, settings=prepared.scoring, pool=data.pool, live=self.progress.images)
        scorer = CycleScorer(
            strategy=prepared.strategy,
            query=json.dumps(settings.query),
            annotations=data.labeled.get_ann_info,
            **of_run,
        )
        return ActiveLearningLoop(
            cycles=self.cycles,
            selection=selection,
            seed=settings.seed,
            first_split=self.labeling.first_split,
            annotator=annotator,
            splits=CycleSplits(data.pool, annotator, self.state),
            build_loaders=LoaderFactory(data, settings.loaders, prepared.device),
            trainer=self.trainer,
            evaluator=CycleEvaluator(
                test=self.labeling.test_set if settings.validate else lambda: None,
                labeled=data.labeled,
                evaluation=settings.evaluation,
                **of_run,
            ),
            scorer=scorer,
            selector=CycleSelector(
                strategy=prepared.strategy,
                scorer=scorer,
                settings=selection,
                seed=settings.seed,
                annotator=annotator,
                state=self.state,
            ),
            state=self.state,
            on_labeled=self.inputs.label,
            on_cycle_end=self._end_cycle,
        )

    def _end_cycle(self, cycle: int) -> None:
        entries, epochs = cycle_metrics(self.state), self.state.of_kind('epoch')
        logging.getLogger('mmdet').info('\n%s', cycle_table(entries))
        iterations = sum(step.values.get('iterations', 0) for step in epochs)
        self.log.evaluation(entries[-1], len(epochs), iterations)
        if self.options.report and cycle != self.cycles[-1]:  # the last one is followed by the run's own
            self.reports.after_cycle()

    def _clock(self) -> RunClock:
        """Make the clock of the run from the work that no earlier session has done."""
        settings, prepared, state = self.settings, self.prepared, self.state
        pool_size, work = len(prepared.data.pool), Counter()
        batch = settings.loaders.batch_size * distributed.world_size()
        for cycle, size in zip(settings.labeling.cycles, settings.labeling.sizes(pool_size)):
            if cycle not in self.cycles:
                continue
            if state.find('model', cycle) is None:
                batches = [-(-size * repeat // batch) for repeat in settings.loaders.repeats]
                for number, stage in enumerate(settings.schedule):
                    epoch = state.find('epoch', cycle, number)
                    done = epoch.epoch if epoch is not None else 0
                    work[stage.name] += stage_steps(stage, *batches) * (1 - done / stage.epochs)
            if prepared.data.test is not None and state.find('evaluation', cycle) is None:
                work['evaluation'] += len(prepared.data.test)
            last = cycle == self.cycles[-1]
            if prepared.strategy.needs_model and not last and state.find('scores', cycle) is None:
                work['scoring'] += (pool_size - size) * prepared.selection.fraction
        weights = {stage.name: stage_weight(stage) for stage in settings.schedule}
        # An image that is only looked at, relative to a step on a batch.
        weights |= dict.fromkeys(('evaluation', 'scoring'), 0.4 / settings.loaders.batch_size)
        return RunClock(work, weights)
