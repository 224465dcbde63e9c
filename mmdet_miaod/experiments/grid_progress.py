"""How far a grid of runs is, and the time that is left."""

import datetime
import threading
import time
from statistics import fmean

from .grid import GridRun


class GridProgress:
    """Counts the runs of a grid as they begin and end, in any thread.

    Args:
        total: number of runs.
        ended: number of those that ended before.
        devices: number of runs at a time.
    """

    def __init__(self, total: int, ended: int, devices: int) -> None:
        self._total = total
        self._ended = ended
        self._devices = devices
        self._began: dict[GridRun, float] = {}
        self._seconds: list[float] = []
        self._lock = threading.Lock()

    def begin(self, run: GridRun) -> None:
        """Note that a run begins."""
        with self._lock:
            self._began[run] = time.monotonic()

    def end(self, run: GridRun) -> str:
        """Note that a run ended, well or not; returns how many have, and the time left for the others."""
        with self._lock:
            self._ended += 1
            self._seconds.append(time.monotonic() - self._began.pop(run))
            count = f'{self._ended} of {self._total} runs'
            return f'{count}, about {self._time_left()} left' if self._ended < self._total else count

    def _time_left(self) -> str:
        """Estimate as hours:minutes:seconds, from the mean time of the runs of this session."""
        mean, now = fmean(self._seconds), time.monotonic()
        running = [max(mean - (now - began), 0) for began in self._began.values()]
        left = self._total - self._ended
        work = mean * (left - len(running)) + sum(running)
        return str(datetime.timedelta(seconds=round(work / min(self._devices, left))))
