"""Reader of run directories for reports; whatever is missing or damaged is noted, not raised."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..active.cycle_evaluation import load_detections, selected_detections_name, test_detections_name
from ..active.label_losses import LabelLoss, label_losses_name, read_label_losses
from ..annotation.importing import LABELS
from ..regular_files import read_json, read_text
from ..run.config_copy import recorded_config
from ..run.manifest import RunState
from ..run.metrics import METRICS_NAME
from .run_checks import checked_array, checked_metrics, is_training_line

# What a record of the loss log holds besides losses.
_NOT_LOSSES = ('mode', 'epoch', 'iter', 'lr', 'cycle', 'stage', 'stage_number', 'step', 'time', 'data_time')


@dataclass
class RunRecord:
    """Content of a run directory.

    Attributes:
        directory: the run directory.
        metrics: entries of ``metrics.json``, one per evaluated cycle.
        labeled: X_L of each cycle, ``(n,)`` int64 pool indices, ascending.
        scores: ``(N,)`` float32 scores of the pool by cycle, NaN where not scored.
        detections: ``(n,)`` detections on the test set by cycle, of dtype
            :data:`~mmdet_miaod.active.cycle_evaluation.DETECTION`.
        selected_detections: the same on the images selected after a cycle.
        labels: what people labeled, a batch each: ``batch`` its number, ``cycle`` whose training it is for,
            ``purpose`` ``'train'`` or ``'test'``, ``counts`` those of
            :class:`~mmdet_miaod.annotation.statistics.BatchCounts`.
        label_losses: of the labeled images by cycle, the largest loss without a box first.
        losses: records of the loss log, in the order of training, each with ``cycle``, ``stage``,
            ``stage_number``, ``step`` (the iteration within its stage, from 1) and the losses.
        environment: versions by package.
        config_text: the dumped config.
        config_file: name of its copy in the run directory; empty as the text when there is none.
        identity: values of the config that a run may not change, by dotted key; empty when the manifest is
            not readable.
        options: further facts of the manifest, such as ``command`` and ``device``.
        pool_size: number of images in the pool, None when not known.
        seed: the run's seed, None when not known.
        loss_jumps: jumps of the classification loss that stayed, oldest first; see
            :meth:`~mmdet_miaod.engine.loss_watch.LossWatch.take_jumps`.
        finished: whether all cycles are done.
        problems: what could not be read, in words.
    """

    directory: Path
    metrics: list[dict[str, Any]] = field(default_factory=list)
    labeled: dict[int, np.ndarray] = field(default_factory=dict)
    scores: dict[int, np.ndarray] = field(default_factory=dict)
    detections: dict[int, np.ndarray] = field(default_factory=dict)
    selected_detections: dict[int, np.ndarray] = field(default_factory=dict)
    labels: list[dict[str, Any]] = field(default_factory=list)
    label_losses: dict[int, list[LabelLoss]] = field(default_factory=dict)
    losses: list[dict[str, Any]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    config_text: str = ''
    config_file: str = ''
    identity: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    pool_size: int | None = None
    seed: int | None = None
    loss_jumps: list[dict[str, Any]] = field(default_factory=list)
    finished: bool = False
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the run directory."""
        return self.directory.resolve().name

    @property
    def cycles(self) -> list[int]:
        """Numbers of the cycles that have a split, ascending."""
        return sorted(self.labeled)

    def selected(self, cycle: int) -> np.ndarray:
        """Return pool indices selected after a cycle, ``(n,)`` int64, most uncertain first; empty: none."""
        following = [number for number in self.cycles if number > cycle]
        if cycle not in self.labeled or not following:
            return np.zeros(0, np.int64)
        chosen = np.setdiff1d(self.labeled[following[0]], self.labeled[cycle])
        scores = self.scores.get(cycle)
        if scores is None or chosen.size == 0 or chosen.max() >= len(scores):
            return chosen
        return chosen[np.argsort(-scores[chosen], kind='stable')]

    def score_of(self, cycle: int, index: int) -> float | None:
        """Return the score of an image in a cycle's query, None when it was not scored."""
        scores = self.scores.get(cycle)
        if scores is None or index >= len(scores) or np.isnan(scores[index]):
            return None
        return float(scores[index])


def read_run(directory: str | Path) -> RunRecord:
    """Read a run directory.

    Raises:
        FileNotFoundError: when there is no run in it at all.
    """
    directory = Path(directory)
    if not (directory / 'run_state.json').is_file() and not (directory / METRICS_NAME).is_file():
        raise FileNotFoundError(
            f'{directory}: this is no run directory (it has neither run_state.json nor {METRICS_NAME})'
        )
    record = RunRecord(directory)
    for read in _READERS:
        try:
            read(record)
        except Exception as error:  # files may hold anything
            record.problems.append(f'{error}' or type(error).__name__)
    return record


def loss_names(records: Iterable[dict[str, Any]]) -> list[str]:
    """Return the names of the loss terms of some records, in order of appearance; sums come last."""
    names = dict.fromkeys(
        name
        for record in records
        for name, value in record.items()
        if name not in _NOT_LOSSES and name.startswith('loss') and isinstance(value, (int, float))
    )
    return sorted(names, key=lambda name: name in ('loss', 'loss_unlabeled'))


def _read_manifest(record: RunRecord) -> None:
    state = RunState.load(record.directory)
    record.environment = dict(state.environment)
    record.identity = state.identity.config
    record.options = state.options
    record.pool_size, record.seed = state.identity.pool_size, state.identity.seed
    record.finished = state.is_finished
    record.labels = [
        dict(
            batch=step.number, cycle=step.cycle, purpose=step.values['purpose'], counts=step.values['counts']
        )
        for step in state.of_kind(LABELS)
    ]
    record.loss_jumps = [
        jump for step in state.of_kind('epoch') for jump in step.values.get('loss_jumps', ())
    ]


def _read_metrics(record: RunRecord) -> None:
    path = record.directory / METRICS_NAME
    if not path.exists():
        record.problems.append('No cycle is evaluated yet.')
        return
    record.metrics = checked_metrics(path, read_json(path))


def _read_splits(record: RunRecord) -> None:
    for path in record.directory.glob('X_L_*.npy'):
        found = re.fullmatch(r'X_L_(\d+)\.npy', path.name)
        if found:
            record.labeled[int(found[1])] = np.unique(checked_array(path, 'iu').astype(np.int64))


def _read_scores(record: RunRecord) -> None:
    for cycle in record.cycles:
        path = record.directory / f'cycle{cycle}' / 'scores.npy'
        if path.is_file():
            record.scores[cycle] = checked_array(path, 'fiu')


def _read_detections(record: RunRecord) -> None:
    for cycle in record.cycles:
        for name, found in (
            (test_detections_name(cycle), record.detections),
            (selected_detections_name(cycle), record.selected_detections),
        ):
            if (record.directory / name).is_file():
                found[cycle] = load_detections(record.directory / name)


def _read_label_losses(record: RunRecord) -> None:
    for cycle in record.cycles:
        path = record.directory / label_losses_name(cycle)
        if path.is_file():
            record.label_losses[cycle] = read_label_losses(path)


def _read_losses(record: RunRecord) -> None:
    """Read all loss logs in the order of their time stamps; an epoch trained again replaces the first."""
    entries: dict[tuple, dict[str, Any]] = {}
    for path in sorted(record.directory.glob('*.log.json')):
        stage_number = 0
        for line in read_text(path, errors='replace').splitlines():
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):  # the line that was being written when the run was stopped
                continue
            if not isinstance(entry, dict):
                continue
            stage_number = entry.get('stage_number', stage_number)
            entry['stage_number'] = stage_number
            if is_training_line(entry):
                # "epoch" and "iter" count over the run; in version 0.1 over the stage and the epoch.
                epoch = entry.get('stage_epoch', entry.get('epoch', 1))
                iteration = entry.get('epoch_iter', entry.get('iter', 1))
                key = (entry.get('cycle', 0), stage_number, epoch, iteration)
                entries[key] = entry
    lengths: dict[tuple, int] = {}
    for cycle, number, _, iteration in entries:
        lengths[cycle, number] = max(lengths.get((cycle, number), 0), iteration)
    for key in sorted(entries):
        cycle, number, epoch, iteration = key
        step = (epoch - 1) * lengths[cycle, number] + iteration
        record.losses.append(dict(entries[key], step=step))


def _read_config(record: RunRecord) -> None:
    record.config_file, record.config_text = recorded_config(record.directory, record.options)


_READERS = (
    _read_manifest,
    _read_metrics,
    _read_splits,
    _read_scores,
    _read_detections,
    _read_label_losses,
    _read_losses,
    _read_config,
)
