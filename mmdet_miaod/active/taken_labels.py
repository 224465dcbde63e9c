"""Labels of people that a run has taken from its batches."""

from collections.abc import Sequence
from dataclasses import asdict

from ..annotation.batch import BATCHES_FOLDER, read_batch
from ..annotation.importing import LABELS
from ..annotation.labels import LABELS_NAME, read_labels
from ..annotation.statistics import count_labels
from ..run.file_record import DamagedFileError, hash_file, verify
from ..run.manifest import RunState
from ..run.step import FinishedStep

TRAIN, TEST = 'train', 'test'

# Corners (x1, y1, x2, y2), class name and whether it is ignored, per box of an image.
Objects = list[tuple[Sequence[float], str, bool]]


def imported_labels(state: RunState, step: FinishedStep) -> FinishedStep | None:
    """Return the step by which a run takes the labels of a batch; None where the import is not complete.

    Args:
        state: the run's manifest.
        step: by which the batch was written.

    Raises:
        DamagedFileError: the batch or its labels are not what was written.
    """
    folder = state.path(f'{BATCHES_FOLDER}/{step.number}')
    batch = read_batch(folder)
    labels = read_labels(folder, batch)
    if not labels.is_complete(batch):
        return None
    states: dict[str, list[int]] = dict(reviewed=[], skipped=[], untouched=[])
    for image in batch.images:
        answer = labels.answers.get(image.uid)
        states['untouched' if answer is None else answer.state.value].append(image.index)
    name = f'{BATCHES_FOLDER}/{step.number}/{LABELS_NAME}'
    files = {name: list(hash_file(folder / LABELS_NAME))}
    values = dict(purpose=batch.purpose, **states, counts=asdict(count_labels(batch, labels)))
    needs = [*step.needs, name]
    return FinishedStep(LABELS, step.cycle, step.number, files=files, needs=needs, values=values)


def read_objects(state: RunState, step: FinishedStep) -> dict[int, Objects]:
    """Read the labels of a batch that a run has taken in: by pool index, of the reviewed images.

    Args:
        state: the run's manifest.
        step: of kind ``'labels'``.

    Raises:
        ValueError: they are not there any more, or not what they were.
    """
    folder = state.path(f'{BATCHES_FOLDER}/{step.number}')
    try:
        verify(state.file_record(f'{BATCHES_FOLDER}/{step.number}/{LABELS_NAME}'))
        batch = read_batch(folder)
        labels = read_labels(folder, batch)
    except (DamagedFileError, FileNotFoundError) as error:
        raise ValueError(
            f'the labels of batch {step.number} are not what the run has trained on ({error}): import '
            'the same files into the run again'
        ) from error
    return {
        image.index: [(box.corners, box.name, box.ignored) for box in labels.answers[image.uid].boxes]
        for image in batch.images
        if image.uid in labels.answers and labels.answers[image.uid].is_reviewed
    }
