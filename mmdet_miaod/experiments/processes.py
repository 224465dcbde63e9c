"""Runs of a grid as processes, one at a time per device."""

import logging
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..config.files import weights_content
from ..regular_files import read_json
from ..run.files import make_directory
from ..run.lookup import never_started
from ..run.manifest import MANIFEST_NAME, RunState
from ..run.metrics import METRICS_NAME
from ..run.own_paths import open_to_append, own_path
from .first_cycle import shared_first_cycle
from .grid import Grid, GridRun
from .grid_progress import GridProgress
from .records import record_run, write_records

_STOP_SECONDS = 60
_POLL_SECONDS = 1.0
_LOGGER = logging.getLogger('mmdet')


@dataclass
class GridRunner:
    """Runs what is not finished of a grid.

    Args:
        grid: the grid.
        train: command line that trains a config, without the config and its options.
        devices: each takes one run at a time; name a device twice to share it.
    """

    grid: Grid
    train: Sequence[str]
    devices: Sequence[str]
    failed: list[GridRun] = field(default_factory=list)
    _running: list[GridRun] = field(default_factory=list)
    _processes: set[subprocess.Popen] = field(default_factory=set)
    _stopping: bool = False
    # Runs are taken, records written and configs read in turn; MMCV's reader changes sys.path.
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> list[GridRun]:
        """Run everything that is not finished; a failed run does not stop the others.

        Returns:
            The runs that failed.
        """
        waiting: list[GridRun] = []
        recorded = {name for name, record in self.grid.read_records().items() if record.finished}
        for run in self.grid.runs:
            if run.name in recorded:
                _LOGGER.info('%s: finished before, as recorded in %s.', run.name, self.grid.records)
            elif is_finished(self.grid.work_directory / run.name):
                _LOGGER.info('%s: finished before.', run.name)
                self._record(run)
            else:
                waiting.append(run)
        total = len(self.grid.runs)
        progress = GridProgress(total, total - len(waiting), len(self.devices))
        workers = [
            threading.Thread(target=self._work, args=(device, waiting, progress)) for device in self.devices
        ]
        try:
            for worker in workers:
                worker.start()
            for worker in workers:
                while worker.is_alive():
                    worker.join(timeout=0.2)
        except BaseException:
            self._stop(workers)
            raise
        return self.failed

    def _work(self, device: str, waiting: list[GridRun], progress: GridProgress) -> None:
        while (run := self._take(device, waiting)) is not None:
            _LOGGER.info('%s: begins on %s.', run.name, device)
            progress.begin(run)
            try:
                code = self._run_one(run, device)
                self._record(run)
            except Exception as error:  # whatever it is, the other runs continue
                self.failed.append(run)
                _LOGGER.error('%s: could not be started or recorded: %s', run.name, error)
                progress.end(run)
                continue
            finally:
                with self._turn:
                    self._running.remove(run)
            state = progress.end(run)
            if code and not self._stopping:
                self.failed.append(run)
                where = self._output(run)
                _LOGGER.error('%s: failed (exit code %d); see %s (%s)', run.name, code, where, state)
            elif not code:
                _LOGGER.info('%s: done, mAP %s (%s).', run.name, self._precision(run), state)

    def _take(self, device: str, waiting: list[GridRun]) -> GridRun | None:
        """Wait for the next run that can begin and take it; None when none is left."""
        told = False
        while not self._stopping:
            with self._turn:
                if not waiting:
                    return None
                run = self._next(waiting)
                if run is not None:
                    waiting.remove(run)
                    self._running.append(run)
                    return run
            if not told:
                _LOGGER.info('%s: free until a first cycle is trained that the next runs share.', device)
                told = True
            time.sleep(_POLL_SECONDS)
        return None

    def _next(self, waiting: Sequence[GridRun]) -> GridRun | None:
        """Find the first run that is not to begin with a first cycle which another one is training now."""
        beside = {(run.schedule, run.seed) for run in self._running}
        asked = set()
        for run in waiting:
            common = (run.schedule, run.seed)
            if common not in beside or self._begun(run):
                return run
            # Asked once for all runs that have it in common: it reads the manifests of the others.
            if common not in asked and self._may_share(run):
                return run
            asked.add(common)
        return None

    def _may_share(self, run: GridRun) -> bool:
        try:
            return bool(shared_first_cycle(self.grid, run))
        except Exception:  # whatever it is, the command that begins the run tells it
            return True

    def _begun(self, run: GridRun) -> bool:
        directory = self.grid.work_directory / run.name
        return directory.is_dir() and not never_started(directory)

    def _run_one(self, run: GridRun, device: str) -> int:
        with self._turn:
            command = self.command(run, device)
        with open_to_append(self._output(run)) as output:
            # A session of its own: Ctrl-C reaches the runs through _stop, once, and not twice.
            process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
            self._processes.add(process)
            if self._stopping:  # between the look at it and now
                process.terminate()
            try:
                return process.wait()
            finally:
                self._processes.discard(process)

    def _record(self, run: GridRun) -> None:
        """Add a run that ended to the grid's records, where it has an evaluated cycle."""
        if self.grid.records is None or self._stopping:
            return
        with self._turn, suppress(FileNotFoundError):
            record = record_run(self.grid.work_directory / run.name)
            write_records(self.grid.records, {**self.grid.read_records(), run.name: record})

    def _precision(self, run: GridRun) -> str:
        """Return the mAP of each cycle of a finished run, for people."""
        try:
            path = self.grid.work_directory / run.name / METRICS_NAME
            values = [entry['mAP'] for entry in read_json(path)]
        except (OSError, ValueError, KeyError):
            return '?'
        return ', '.join('–' if value is None else f'{100 * value:.1f}' for value in values) + ' %'

    def command(self, run: GridRun, device: str) -> list[str]:
        """Write the run's config and return the command that begins or resumes the run."""
        folder = self.grid.work_directory
        config = self.grid.write_config(run)
        command = [*self.train, str(config), '--work-dir', str(folder)]
        if self._begun(run):
            command += ['--resume', str(folder / run.name)]
        else:
            command += ['--run-name', run.name, *shared_first_cycle(self.grid, run)]
        if self.grid.data_root is not None:
            command += ['--data-root', self.grid.data_root]
        return [*command, '--device', device, '--quiet']

    def _output(self, run: GridRun) -> Path:
        make_directory(own_path(self.grid.work_directory, 'output'))
        return self.grid.work_directory / 'output' / f'{run.name}.txt'

    def _stop(self, workers: Sequence[threading.Thread]) -> None:
        self._stopping = True
        for process in list(self._processes):
            if process.poll() is None:
                process.terminate()
        for worker in workers:
            worker.join(timeout=_STOP_SECONDS)


def changed_runs(grid: Grid) -> dict[GridRun, str]:
    """Find finished runs that were made with another config than the grid gives them now.

    Returns:
        The differences by run.
    """
    changed, records = {}, grid.read_records()
    for run in grid.runs:
        directory, record = grid.work_directory / run.name, records.get(run.name)
        if record is not None and record.finished:
            before = record.identity
        elif is_finished(directory):
            before = RunState.recover(directory)[0].identity
        else:
            continue
        config = grid.run_settings(run).identity
        now = replace(before, config=config, data={**before.data, **weights_content(config)})
        if differences := before.differences(now):
            changed[run] = differences
    return changed


def is_finished(directory: Path) -> bool:
    """Tell whether a run directory holds a finished run."""
    try:
        steps = read_json(directory / MANIFEST_NAME)['steps']
    except (OSError, ValueError, KeyError):
        return False
    return bool(steps) and steps[-1]['kind'] == 'end'
