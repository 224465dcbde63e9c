"""The split, and perhaps the model, of an earlier run that a run begins with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .file_record import DamagedFileError, FileRecord, hash_file, verify
from .manifest import RunState

# Lists of the image names of a cycle's split, in its folder.
SPLIT_LISTS = 'trainval_[LU]_*.txt'


@dataclass(frozen=True)
class StartingPoint:
    """A split, and perhaps a model, of an earlier run to start from.

    Attributes:
        labeled_path: its ``X_L_{c}.npy``; or its folder ``cycle{c}``, of whose lists the images are found by
            name, in a pool that may be another one.
        unlabeled_path: its ``X_U_{c}.npy``, or the same folder.
        cycle: the number that cycle gets in the new run.
        model_path: the model that was trained on this split; without one the cycle is trained again.
    """

    labeled_path: str
    unlabeled_path: str
    cycle: int
    model_path: str | None = None

    def to_manifest(self) -> dict[str, Any]:
        """Return what the manifest keeps, so that a resumed run knows where it began, and with what."""
        paths: list[str | Path] = [] if self.model_path is None else [self.model_path]
        folder = {}
        if Path(self.labeled_path).is_dir():
            paths = [*sorted(Path(self.labeled_path).glob(SPLIT_LISTS)), *paths]
            folder = dict(given_folder=str(Path(self.labeled_path).resolve()))
        else:
            paths = [self.labeled_path, self.unlabeled_path, *paths]
        given = [[str(Path(path).resolve()), *hash_file(path)] for path in paths]
        model_given = self.model_path is not None
        return dict(first_cycle=self.cycle, first_model_given=model_given, given_files=given, **folder)

    @classmethod
    def from_manifest(cls, options: Mapping[str, Any]) -> 'StartingPoint':
        """Return the starting point of :meth:`to_manifest`.

        Raises:
            DamagedFileError: when one of its files is not what it was.
        """
        paths = []
        for path, size, sha256 in options['given_files']:
            verify(FileRecord(Path(path), size, sha256))
            paths.append(path)
        model = [paths.pop()] if options['first_model_given'] else []
        labeled, unlabeled = [options['given_folder']] * 2 if 'given_folder' in options else paths
        return cls(labeled, unlabeled, options['first_cycle'], *model)


def lost_beginning(state: RunState) -> StartingPoint | None:
    """Return what a resumed run was given to begin with, where it does not have that (any more).

    Raises:
        ValueError: when the files that it was given are not there any more either.
    """
    first = state.options.get('first_cycle')
    needed = ['split', 'model'] if state.options.get('first_model_given') else ['split']
    if first is None or all(state.find(kind, first) is not None for kind in needed):
        return None
    try:
        return StartingPoint.from_manifest(state.options)
    except DamagedFileError as error:
        raise ValueError(
            f'{state.directory}: the split or model that this run was given is not there, or damaged, and '
            f'cannot be taken from where it came from ({error}); begin a new run with --init-split'
        ) from error
