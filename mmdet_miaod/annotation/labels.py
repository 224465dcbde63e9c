"""The labels of a batch on disk: what all imports together said, the later ones winning."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..run.checked_json import content_sha256, read_checked_json, write_checked_json
from ..run.file_record import DamagedFileError, FileRecord
from .answers import Answer, Answers, LabelBox
from .batch import Batch
from .found import ReviewState

LABELS_NAME = 'imported.json'
FORMAT = 1


@dataclass(frozen=True)
class ImportedFile:
    """An annotation file that changed the labels of a batch.

    Attributes:
        name: of the file.
        sha256: of its content.
        kind: its format.
    """

    name: str
    sha256: str
    kind: str


@dataclass(frozen=True)
class BatchLabels:
    """The labels of a batch.

    Attributes:
        number: of the batch.
        batch_sha256: of the batch's manifest.
        answers: by uid, in the batch's order; images that no import had are not there.
        imports: the files that they are from, the oldest first.
        accepted_partial: the person goes on although images are not reviewed.
    """

    number: int
    batch_sha256: str
    answers: Mapping[str, Answer] = field(default_factory=dict)
    imports: tuple[ImportedFile, ...] = ()
    accepted_partial: bool = False

    def open_uids(self, batch: Batch) -> list[str]:
        """Return the images about which nobody decided yet."""
        untouched = Answer(ReviewState.UNTOUCHED)
        states = {image.uid: self.answers.get(image.uid, untouched).state for image in batch.images}
        return [uid for uid, state in states.items() if state is ReviewState.UNTOUCHED]

    def is_complete(self, batch: Batch) -> bool:
        """Tell whether the run can go on: each image is reviewed or skipped, or a part was accepted."""
        return self.accepted_partial or not self.open_uids(batch)


def no_labels(batch: Batch) -> BatchLabels:
    """Return the labels of a batch before the first import."""
    return BatchLabels(batch.number, content_sha256(asdict(batch)))


def merge(
    batch: Batch, labels: BatchLabels, answers: Answers, file: ImportedFile, accept_partial: bool = False
) -> tuple[BatchLabels, list[str]]:
    """Add an import to the labels of a batch.

    Args:
        batch: what was asked.
        labels: what earlier imports said.
        answers: what this import says; it wins, but what is untouched here stays as it was.
        file: what it is from.
        accept_partial: go on although images are not reviewed.

    Returns:
        The labels, and what was changed about images that were imported before, one line per image. The same
        import once more changes nothing.

    Raises:
        ValueError: when the batch's images are not all in this import or those before it, and
            ``accept_partial`` is not set.
    """
    merged, changes = _merged(labels.answers, answers.by_uid, file.name)
    ordered = {image.uid: merged[image.uid] for image in batch.images if image.uid in merged}
    if len(ordered) < len(batch.images) and not accept_partial:
        missing = [image.file_name for image in batch.images if image.uid not in ordered]
        why = f' ({answers.partial})' if answers.partial else ''
        raise ValueError(
            f'{file.name}: {len(missing)} of {len(batch.images)} images of batch {batch.number} are not in '
            f'it{why}, such as {missing[:5]}: export all images of the batch, unlabeled ones too, or use '
            '--accept-partial: what was not reviewed returns to the pool'
        )
    accepted = labels.accepted_partial or accept_partial
    new = ordered != dict(labels.answers) and file not in labels.imports
    imports = (*labels.imports, file) if new else labels.imports
    return replace(labels, answers=ordered, imports=imports, accepted_partial=accepted), changes


def _merged(
    earlier: Mapping[str, Answer], answers: Mapping[str, Answer], file: str
) -> tuple[dict[str, Answer], list[str]]:
    """Return the answers by uid, and what was changed about those of before."""
    merged, changes = dict(earlier), []
    for uid, answer in answers.items():
        before = merged.get(uid)
        if before is None or before.state is ReviewState.UNTOUCHED:
            merged[uid] = answer
        elif answer.state is ReviewState.UNTOUCHED:
            changes.append(f'{uid}: untouched in this file; it stays {before.state.value} as imported before')
        elif (before.state, before.boxes) != (answer.state, answer.boxes):
            difference = f'{_described(before)} before, {_described(answer)} in {file}, which wins'
            changes.append(f'{uid}: {difference}')
            merged[uid] = replace(answer, conflict=difference)
    return merged, changes


def _described(answer: Answer) -> str:
    return f'{len(answer.boxes)} boxes' if answer.is_reviewed else answer.state.value


def write_labels(folder: str | Path, labels: BatchLabels) -> FileRecord:
    """Write the labels into a batch's folder."""
    answers = [dict(uid=uid, **asdict(answer)) for uid, answer in labels.answers.items()]
    content = dict(format=FORMAT, **{**asdict(replace(labels, answers={})), 'answers': answers})
    return write_checked_json(Path(folder) / LABELS_NAME, content)


def read_labels(folder: str | Path, batch: Batch) -> BatchLabels:
    """Read the labels of a batch; where nothing was imported yet, none.

    Raises:
        DamagedFileError: when the file is not what was written, or belongs to another batch.
    """
    path, empty = Path(folder) / LABELS_NAME, no_labels(batch)
    if not path.exists():
        return empty
    content = read_checked_json(path)
    try:
        if content.pop('format') != FORMAT:
            raise ValueError(f'this version reads format {FORMAT}')
        if (content['number'], content['batch_sha256']) != (empty.number, empty.batch_sha256):
            raise ValueError('it belongs to another batch')
        answers = {entry.pop('uid'): _read_answer(entry) for entry in content.pop('answers')}
        imports = tuple(ImportedFile(**entry) for entry in content.pop('imports'))
        return BatchLabels(**content, answers=answers, imports=imports)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedFileError(f'{path}: is no file of labels of this batch ({error!r})') from error


def _read_answer(entry: dict[str, Any]) -> Answer:
    boxes = tuple(LabelBox(**{**box, 'corners': tuple(box['corners'])}) for box in entry['boxes'])
    return Answer(**{**entry, 'boxes': boxes, 'state': ReviewState(entry['state'])})
