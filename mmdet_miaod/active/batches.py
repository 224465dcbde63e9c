"""The annotator that is a person: images go out in batches, and labels come in by import."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import distributed
from ..annotation.batch import BATCHES_FOLDER, Batch, PreBox, read_batch
from ..annotation.folder import write_batch_folder
from ..annotation.importing import LABELS
from ..annotation.labels import read_labels
from ..datasets.photographs import PersonLabeledDataset
from ..datasets.pool import ImagePoolDataset
from ..run.files import load_array
from ..run.manifest import RunState
from ..run.step import FinishedStep
from .annotator import Annotator, LabelsWanted
from .cycle_scoring import scores_name
from .cycle_training import model_name
from .proposals import ProposalSettings, describe_images, propose_boxes
from .split import split_names
from .taken_labels import TEST, TRAIN, Objects, imported_labels, read_objects

# Kind of the steps by which images went out.
BATCH = 'batch'
# By purpose, so that a cycle may have a batch of each.
_BATCH_KINDS = {TRAIN: BATCH, TEST: 'test_batch'}


@dataclass(frozen=True)
class BatchSettings:
    """How people are asked.

    Attributes:
        tool: the annotation tool whose files are written.
        test_size: images that are drawn at random for the test set.
        first: how the first batch is chosen: ``'random'`` or ``'coreset'``.
        skipped: what becomes of skipped images: ``'leave_out'`` for the rest of the run, or ``'ask_again'``.
        proposals: which boxes the model proposes.
    """

    tool: str = 'label-studio'
    test_size: int = 0
    first: str = 'random'
    skipped: str = 'leave_out'
    proposals: ProposalSettings = field(default_factory=ProposalSettings)


class BatchAnnotator(Annotator):
    """Writes batches, and answers with the labels that were imported.

    Args:
        dataset: the labeled data set, which is given the labels.
        pool: the pool.
        settings: how people are asked.
        state: the run's manifest.
        detect: runs a cycle's model over ``(n,)`` pool indices: per image one ``(m, 5)`` array per class; for
            all processes to call.
    """

    def __init__(
        self,
        dataset: PersonLabeledDataset,
        pool: ImagePoolDataset,
        *,
        settings: BatchSettings,
        state: RunState,
        detect: Callable[[int, np.ndarray], list[list[np.ndarray]]],
    ) -> None:
        super().__init__(dataset)
        self._pool = pool
        self._settings = settings
        self._state = state
        self._detect = detect
        self._given: set[int] = set()
        self.test_objects: dict[int, Objects] = {}

    def ask(self, cycle: int, choose: Callable[[], np.ndarray]) -> np.ndarray:
        """Write a batch of the chosen images, or return those of it that people have labeled since."""
        self.write(TRAIN, cycle, choose)
        return self.collect(cycle)

    def write(self, purpose: str, cycle: int, choose: Callable[[], np.ndarray], count: int = 1) -> None:
        """Write a batch, unless a cycle has it; for all processes to call.

        Args:
            purpose: ``'train'`` or ``'test'``.
            cycle: number of the cycle.
            choose: returns the ``(n,)`` int64 pool indices to label.
            count: how many batches the cycle is to have.
        """
        if len(self._sent(cycle, [_BATCH_KINDS[purpose]])) < count:
            self._state.record(self._write(purpose, cycle, choose()))

    def collect(self, cycle: int) -> np.ndarray:
        """Return the labeled images of a cycle's batches, ``(m,)`` int64, and unlock what was imported.

        Raises:
            LabelsWanted: the import of one of them, or of a test batch, is not complete.
        """
        waiting = [step for step in self._sent(cycle) if not self._take_in(step)]
        if waiting:
            raise self._labels_wanted(waiting)
        self._give()
        indices: list[int] = []
        for step in self._sent(cycle, [BATCH]):
            labels = self._state.find(LABELS, cycle, step.number).values
            reviewed = set(labels['reviewed'])
            indices += [i for i in step.values['images'] if i in reviewed]
            logging.getLogger('mmdet').info(
                'Batch %d: %d of %d images are labeled, %d are skipped.',
                *(step.number, len(reviewed), len(step.values['images']), len(labels['skipped'])),
            )
        return np.array(indices, dtype=np.int64)

    def asked(self, cycle: int) -> list[int]:
        """Pool indices of the images of a cycle's batches for training."""
        return [i for step in self._sent(cycle, [BATCH]) for i in step.values['images']]

    def boxes_given(self) -> int:
        """Number of boxes in all batches for training that were collected."""
        steps = [step for step in self._state.of_kind(LABELS) if step.values['purpose'] == TRAIN]
        return sum(step.values['counts']['boxes'] for step in steps)

    def label(self, indices: np.ndarray) -> None:
        """Unlock the labels of images that were imported before."""
        self._give()
        super().label(indices)

    def left_out(self, cycle: int) -> Sequence[int]:
        """Images that people skipped, where they are not to be asked again."""
        if self._settings.skipped == 'ask_again':
            return ()
        steps = [step for step in self._state.of_kind(LABELS) if step.cycle <= cycle]
        return [i for step in steps for i in step.values['skipped']]

    def _sent(self, cycle: int, kinds: Sequence[str] = tuple(_BATCH_KINDS.values())) -> list[FinishedStep]:
        return [step for step in self._state.steps if step.kind in kinds and step.cycle == cycle]

    def _write(self, purpose: str, cycle: int, indices: np.ndarray) -> FinishedStep:
        models = self._state.of_kind('model')
        previous = models[-1].cycle if models and purpose == TRAIN else None
        detections = None if previous is None else self._detect(previous, indices)
        index, classes = self._pool.index, tuple(self._dataset.CLASSES)

        def propose(position: int, size: tuple[int, int]) -> tuple[PreBox, ...]:
            if detections is None:
                return ()
            return propose_boxes(detections[position], classes, size, self._settings.proposals)

        def write(heartbeat: Callable[[], None]) -> FinishedStep:
            number = 1 + sum(len(self._state.of_kind(kind)) for kind in _BATCH_KINDS.values())
            images = describe_images(
                indices,
                index,
                run=self._state.id,
                number=number,
                scores=self._scores(previous, indices),
                propose=propose,
                heartbeat=heartbeat,
            )
            model = None if previous is None else models[-1].files[model_name(previous)][1]
            batch = Batch(number, self._state.directory.name, cycle, purpose, model, classes, tuple(images))
            folder = self._state.path(f'{BATCHES_FOLDER}/{number}')
            sources = {image.uid: Path(index.image_path(image.index)) for image in images}
            record = write_batch_folder(folder, batch, sources, self._settings.tool, heartbeat)
            files = self._state.relative([record])
            needs = [*files, *(() if previous is None else split_names(previous))]
            kind, values = _BATCH_KINDS[purpose], dict(images=indices.tolist())
            return FinishedStep(kind, cycle, number, files=files, needs=needs, values=values)

        return distributed.on_main_for_long(write)

    def _scores(self, previous: int | None, indices: np.ndarray) -> np.ndarray:
        if previous is None or self._state.find('scores', previous) is None:
            return np.full(len(indices), np.nan)
        return load_array(self._state.directory / scores_name(previous))[indices].astype(float)

    def _take_in(self, step: FinishedStep) -> bool:
        """Record the labels of a batch once its import is complete; tells whether they are recorded."""
        if self._state.find(LABELS, step.cycle, step.number) is not None:
            return True
        labels = distributed.on_main(lambda: imported_labels(self._state, step))
        if labels is not None:
            self._state.record(labels)
        return labels is not None

    def _labels_wanted(self, waiting: Sequence[FinishedStep]) -> LabelsWanted:
        def count_open() -> int:
            number = 0
            for step in waiting:
                folder = self._state.path(f'{BATCHES_FOLDER}/{step.number}')
                batch = read_batch(folder)
                number += len(read_labels(folder, batch).open_uids(batch))
            return number

        images = sum(len(step.values['images']) for step in waiting)
        numbers = [step.number for step in waiting]
        return LabelsWanted(self._state.directory, numbers, images, distributed.on_main(count_open))

    def _give(self) -> None:
        """Hand the labels that the run has taken in to the data set."""
        for step in self._state.of_kind(LABELS):
            if step.number not in self._given:
                objects = distributed.on_main(lambda step=step: read_objects(self._state, step))
                if step.values['purpose'] == TEST:
                    self.test_objects = objects
                else:
                    self._dataset.give(objects)
                self._given.add(step.number)
