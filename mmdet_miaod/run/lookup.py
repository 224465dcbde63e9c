"""Look-up of a run to resume, and of the options that it was begun with."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from .directory import check_run_directory, newest_run
from .file_record import DamagedFileError
from .manifest import MANIFEST_NAME, PREVIOUS_NAME, RunState


def begun_run(work_directory: str | Path, name: str | None) -> str | None:
    """Return the run directory of that name, or the newest one; None where there is no run to resume."""
    try:
        directory = newest_run(work_directory) if name is None else Path(work_directory) / name
        check_run_directory(directory)
    except FileNotFoundError:
        return None
    return str(directory)


def options_of_run(directory: str | Path) -> dict[str, Any]:
    """Return the options in a run's manifest, or in the one before it; empty when neither is intact."""
    for name in (MANIFEST_NAME, PREVIOUS_NAME):
        with suppress(FileNotFoundError, DamagedFileError):
            return RunState.load(directory, name).options
    return {}
