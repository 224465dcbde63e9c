"""Look-up of runs: which folders are runs, which never started, and what a run was begun with."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import distributed
from .file_record import DamagedFileError
from .files import TEMPORARY_PREFIX
from .lock import LOCK_NAME
from .manifest import MANIFEST_NAME, PREVIOUS_NAME, RunState

# What a run has before its first manifest; with it there is more than these.
_FIRST_FILES = re.compile(
    rf'{re.escape(LOCK_NAME)}|{re.escape(MANIFEST_NAME)}|{re.escape(TEMPORARY_PREFIX)}.*|'
    r'\d{8}_\d{6}(_\d+)?\.log(\.json)?'
)


def never_started(directory: Path) -> bool:
    """Tell whether a run was stopped here before its first manifest was whole: there is nothing to lose."""
    if not directory.is_dir():
        return False
    found = {path.name for path in directory.iterdir() if path.is_file() and not path.is_symlink()}
    if not found:
        return not any(directory.iterdir())
    ours = LOCK_NAME in found and all(_FIRST_FILES.fullmatch(name) for name in found)
    if not ours or len(found) < len(list(directory.iterdir())):
        return False
    try:
        RunState.load(directory)
    except (FileNotFoundError, DamagedFileError):
        return True
    return False


def check_run_directory(directory: Path) -> None:
    """Check that there is a run to resume.

    Raises:
        FileNotFoundError: when there is none.
    """
    if never_started(directory):
        raise FileNotFoundError(
            f'{directory}: this run was stopped before it began; start it again with --run-name '
            f'{directory.name} in place of --resume'
        )
    if not has_manifest(directory):
        raise FileNotFoundError(f'{directory}: there is no run to resume here (no {MANIFEST_NAME})')


def has_manifest(directory: Path) -> bool:
    """Tell whether a folder has the manifest of a run, or the one before it."""
    return any((directory / name).exists() for name in (MANIFEST_NAME, PREVIOUS_NAME))


@distributed.main_only
def newest_run(work_directory: str | Path) -> Path:
    """Return the run directory of a work directory whose manifest was written last.

    Raises:
        FileNotFoundError: when there is none.
    """
    names = (MANIFEST_NAME, PREVIOUS_NAME)
    manifests = [path for name in names for path in Path(work_directory).glob(f'*/{name}')]
    if not manifests:
        raise FileNotFoundError(f'{work_directory}: there is no run to resume here')
    return max(manifests, key=lambda path: path.stat().st_mtime).parent


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
