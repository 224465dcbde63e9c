"""Imports of annotation files into the batches of a run."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..run.file_record import DamagedFileError, hash_file
from ..run.lock import lock_run
from ..run.manifest import RunState
from .answers import Answers, compare
from .batch import BATCHES_FOLDER, Batch, batch_folder, read_batch
from .folder import write_tool_files
from .formats import read_annotation_file
from .found import FoundFile, ReviewState, base_name
from .labels import LABELS_NAME, BatchLabels, ImportedFile, merge, no_labels, read_labels, write_labels
from .statistics import count_labels

# Kind of the step by which a run takes the labels of a batch.
LABELS = 'labels'
_SHOWN = 10


@dataclass(frozen=True)
class Import:
    """Outcome of an import for one batch.

    Attributes:
        batch: the batch.
        answers: what the file says.
        labels: what all imports together say.
        changes: what was changed about images that were imported before, one line per image.
    """

    batch: Batch
    answers: Answers
    labels: BatchLabels
    changes: tuple[str, ...]


def run_batches(directory: str | Path) -> list[Batch]:
    """Read the manifests of a run's batches, in order.

    Raises:
        FileNotFoundError: there is no batch.
        DamagedFileError: a manifest is damaged.
    """
    folders = [path for path in (Path(directory) / BATCHES_FOLDER).glob('*') if path.name.isdigit()]
    # A folder without a manifest is of a batch that was not finished.
    folders = [path for path in folders if (path / 'manifest.json').is_file()]
    if not folders:
        raise FileNotFoundError(f'{directory}: has no batch; a run writes one when it wants labels')
    return [read_batch(path) for path in sorted(folders, key=lambda path: int(path.name))]


def import_file(
    directory: str | Path,
    path: str | Path,
    *,
    all_reviewed: bool = False,
    first_pixel: int | None = None,
    accept_partial: bool = False,
) -> list[Import]:
    """Import an annotation file into the batches whose images it has; all of it or nothing.

    Args:
        directory: the run directory.
        path: a file, folder or archive of an annotation tool.
        all_reviewed: see :func:`~mmdet_miaod.annotation.answers.compare`.
        first_pixel: see :func:`~mmdet_miaod.annotation.voc_folder.read_voc`.
        accept_partial: see :func:`~mmdet_miaod.annotation.labels.merge`.

    Returns:
        What was done, by batch.

    Raises:
        FileNotFoundError: there is no such file, or the run has no batch.
        ValueError: the file cannot be used, or the run has trained on other labels of its images already.
        BlockingIOError: the run is running.
    """
    with locked_run(directory) as state:
        batches = run_batches(directory)
        everything = replace(batches[-1], images=tuple(image for batch in batches for image in batch.images))
        found = read_annotation_file(path, everything, first_pixel)
        file = ImportedFile(Path(path).name, hash_file(path)[1] if Path(path).is_file() else '', found.kind)
        done = []
        for batch, part in _by_batch(batches, found, str(path)):
            answers = compare(batch, part, str(path), all_reviewed)
            before = _labels_before(directory, batch)
            labels, changes = merge(batch, before, answers, file, accept_partial)
            _refuse_late_change(state, batch, before, labels, str(path))
            done.append(Import(batch, answers, labels, tuple(changes)))
        for entry in done:
            write_labels(batch_folder(directory, entry.batch.number), entry.labels)
        return done


@contextmanager
def locked_run(directory: str | Path) -> Iterator[RunState]:
    """Hold the lock of a run and give its manifest, for as long as the context lasts.

    Raises:
        FileNotFoundError: there is no run; nothing is written there.
        BlockingIOError: the run is running.
    """
    RunState.recover(directory)
    lock = lock_run(directory)
    if lock.warning:
        logging.getLogger('mmdet').warning(lock.warning)
    try:
        yield RunState.recover(directory)[0]
    finally:
        lock.release()


def _by_batch(batches: Sequence[Batch], found: FoundFile, source: str) -> list[tuple[Batch, FoundFile]]:
    """Give each batch its images; those of no batch stay with the newest one, which refuses them."""
    owners: Mapping[str, Batch] = {name: batch for batch in batches for name in batch.by_name}
    parts: dict[int, list] = {}
    for image in found.images:
        owner = owners.get(base_name(image.name), batches[-1])
        parts.setdefault(owner.number, []).append(image)
    if not parts:
        raise ValueError(f'{source}: has no image of any batch of the run')
    chosen = [batch for batch in batches if batch.number in parts]
    return [(batch, replace(found, images=tuple(parts[batch.number]))) for batch in chosen]


def _labels_before(directory: str | Path, batch: Batch) -> BatchLabels:
    try:
        return read_labels(batch_folder(directory, batch.number), batch)
    except DamagedFileError:
        return no_labels(batch)  # this import is what mends it


def _refuse_late_change(
    state: RunState, batch: Batch, before: BatchLabels, after: BatchLabels, source: str
) -> None:
    """Refuse other labels than those that the run has trained on; the same once more mend a lost file."""
    taken = [step for step in state.of_kind(LABELS) if step.number == batch.number]
    name = f'{BATCHES_FOLDER}/{batch.number}/{LABELS_NAME}'
    if taken and after != before and not state.damaged([name]):
        raise ValueError(
            f'{source}: the run has trained on the labels of batch {batch.number} already, and these are '
            'others; labels of a batch can be changed until the run is resumed'
        )


def waiting_batches(directory: str | Path) -> list[int]:
    """Numbers of the batches whose labels the run has not taken yet.

    Raises:
        FileNotFoundError: there is no run, or it has no batch.
    """
    state, _ = RunState.recover(directory)
    taken = {step.number for step in state.of_kind(LABELS)}
    return [batch.number for batch in run_batches(directory) if batch.number not in taken]


def describe_import(done: Import) -> list[str]:
    """What an import found in a batch and changed, one line per finding, for people."""
    answers, counts = done.answers, count_labels(done.batch, done.labels)
    states = [answer.state for answer in answers.by_uid.values()]
    reviewed = [answer for answer in answers.by_uid.values() if answer.is_reviewed]
    lines = [
        f'reviewed with boxes: {sum(bool(answer.boxes) for answer in reviewed)} '
        f'({sum(len(answer.boxes) for answer in reviewed)} boxes)',
        f'reviewed, nothing there: {sum(not answer.boxes for answer in reviewed)}',
        f'untouched: {states.count(ReviewState.UNTOUCHED)}',
        f'skipped: {states.count(ReviewState.SKIPPED)}',
        f'not in the file: {len(answers.missing)}',
        f'clipped boxes: {len(answers.clipped)}',
        f'boxes without area, left out: {len(answers.degenerate)}',
    ]
    lines += [f'{kind}, left out: {number}' for kind, number in sorted(answers.other_shapes.items())]
    proposed = counts.proposed
    if proposed.share_kept is not None:
        lines.append(
            f'proposed boxes: {proposed.kept} kept ({proposed.share_kept:.0%}), {proposed.moved} moved, '
            f'{proposed.deleted} deleted; {proposed.added} added'
        )
    if counts.minutes is not None:
        lines.append(f'minutes: {counts.minutes:.1f}')
    lines += [*answers.clipped[:_SHOWN], *answers.degenerate[:_SHOWN], *answers.remarks, *done.changes]
    left = done.labels.open_uids(done.batch)
    if not done.labels.is_complete(done.batch):
        names = ', '.join(left[:_SHOWN]) + (' ...' if len(left) > _SHOWN else '')
        advice = 'label them and import again, or use --accept-partial'
        lines.append(f'{len(left)} images are not decided ({names}): {advice}')
    return lines


def status_rows(directory: str | Path) -> list[list[str]]:
    """A table of a run's batches: a heading, a row per batch, and the sums."""
    waiting = waiting_batches(directory)
    heading = ['batch', 'for', 'images', 'with boxes', 'empty', 'untouched', 'skipped', 'not imported']
    rows = [[*heading, 'conflicts', 'boxes', 'minutes', 'state']]
    sums = [0] * 8
    minutes = 0.0
    for batch in run_batches(directory):
        labels = read_labels(batch_folder(directory, batch.number), batch)
        counts = count_labels(batch, labels)
        numbers = [counts.images, counts.with_boxes, counts.empty, counts.untouched, counts.skipped]
        numbers += [counts.missing, counts.conflicts, counts.boxes]
        sums = [a + b for a, b in zip(sums, numbers, strict=True)]
        minutes += counts.minutes or 0
        state = 'used' if batch.number not in waiting else 'waits'
        if state == 'waits' and labels.is_complete(batch):
            state = 'ready'
        purpose = 'test set' if batch.purpose == 'test' else f'cycle {batch.cycle}'
        told = '-' if counts.minutes is None else f'{counts.minutes:.1f}'
        rows.append([str(batch.number), purpose, *map(str, numbers), told, state])
    rows.append(['sum', '', *map(str, sums), f'{minutes:.1f}', ''])
    return rows


def export_batches(
    directory: str | Path, tool: str, number: int | None = None
) -> tuple[list[int], list[Path]]:
    """Write the files of an annotation tool into the folders of batches.

    Args:
        directory: the run directory.
        tool: see :data:`~mmdet_miaod.annotation.folder.TOOLS`.
        number: of the batch; None: all that wait for labels, or the newest where none does.

    Returns:
        The numbers and the folders.

    Raises:
        FileNotFoundError: there is no run, or it has no batch.
        ValueError: there is no such batch or tool.
    """
    with locked_run(directory):
        batches = {batch.number: batch for batch in run_batches(directory)}
        numbers = (waiting_batches(directory) or [max(batches)]) if number is None else [number]
        if unknown := set(numbers) - batches.keys():
            raise ValueError(f'batch {min(unknown)}: the run has the batches {sorted(batches)}')
        folders = [batch_folder(directory, number) for number in numbers]
        for folder, number in zip(folders, numbers, strict=True):
            write_tool_files(folder, batches[number], tool)
    return numbers, folders
