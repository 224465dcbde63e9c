"""Options of a run, none of which is in its config."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..run.starting_point import StartingPoint


@dataclass(frozen=True)
class RunOptions:
    """How to run a config; none of it changes the numbers but the starting point.

    Attributes:
        device: ``'cpu'`` or ``'cuda:N'``.
        command: the command line that begins the run, for the record.
        run_name: name of the new run's folder in the work directory; a timestamp by default.
        resume: directory of a run to resume.
        force: resume even though the config or the pool changed.
        deterministic: ask PyTorch for deterministic algorithms.
        start: a split to begin with.
        console_level: what the terminal shows of the log.
        progress: draw the progress bar when there is a terminal.
        report: write ``report.html`` after cycles, where it takes little of the time, and at the end.
        on_directory: called with the run directory as soon as there is one to resume.
    """

    device: str = 'cpu'
    command: str = ''
    run_name: str | None = None
    resume: str | None = None
    force: bool = False
    deterministic: bool = False
    start: StartingPoint | None = None
    console_level: str | None = None
    progress: bool = True
    report: bool = True
    on_directory: Callable[[Path], None] = lambda directory: None

    def session(self) -> dict[str, Any]:
        """Return what a resumed run does again unless it is told otherwise, for the manifest."""
        return dict(device=self.device, deterministic=self.deterministic, report=self.report)
