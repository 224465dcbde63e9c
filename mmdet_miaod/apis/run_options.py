"""How a config is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..run.file_record import FileRecord, hash_file, verify


@dataclass(frozen=True)
class StartingPoint:
    """A split, and perhaps a model, of an earlier run to go on from.

    Attributes:
        labeled_path: its ``X_L_{c}.npy``.
        unlabeled_path: its ``X_U_{c}.npy``.
        cycle: the number that cycle gets in the new run.
        model_path: the model that was trained on this split; without one the cycle is trained again.
    """

    labeled_path: str
    unlabeled_path: str
    cycle: int
    model_path: str | None = None

    def to_manifest(self) -> dict[str, Any]:
        """Return what the manifest keeps, so that a resumed run knows where it began, and with what."""
        paths = [self.labeled_path, self.unlabeled_path]
        paths += [] if self.model_path is None else [self.model_path]
        given = [[str(Path(path).resolve()), *hash_file(path)] for path in paths]
        return dict(first_cycle=self.cycle, first_model_given=self.model_path is not None, given_files=given)

    @classmethod
    def from_manifest(cls, options: Mapping[str, Any]) -> StartingPoint:
        """Return the starting point of :meth:`to_manifest`.

        Raises:
            DamagedFileError: when one of its files is not what it was.
        """
        paths = []
        for path, size, sha256 in options['given_files']:
            verify(FileRecord(Path(path), size, sha256))
            paths.append(path)
        return cls(paths[0], paths[1], options['first_cycle'], *paths[2:])


@dataclass(frozen=True)
class RunOptions:
    """How to run a config; none of it changes the numbers but the starting point.

    Attributes:
        device: ``'cpu'`` or ``'cuda:N'``.
        run_name: name of the new run's folder in the work directory; a timestamp by default.
        resume: run directory to go on with.
        force: go on even though the config or the pool changed.
        deterministic: ask PyTorch for deterministic algorithms.
        start: a split to begin with.
        console_level: what the terminal shows of the log.
        progress: draw the progress bar when there is a terminal.
        report: write ``report.html`` after each cycle and at the end.
        on_directory: called with the run directory as soon as there is one to resume.
    """

    device: str = 'cpu'
    run_name: str | None = None
    resume: str | None = None
    force: bool = False
    deterministic: bool = False
    start: StartingPoint | None = None
    console_level: str | None = None
    progress: bool = True
    report: bool = True
    on_directory: Callable[[Path], None] = lambda directory: None
