"""Kills a tiny run at random moments, resumes it each time, and compares its end with an undisturbed run's.

example: python -m tests.reliability.kill_run --kills 20      (--all: 200)
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.reliability import processes
from tests.reliability.tiny_job import BEGINS, begin_or_resume, draw_data, ledger

FINISHED = 'The run is finished'
EXIT_CODES = {signal.SIGKILL: -signal.SIGKILL, signal.SIGINT: 130, signal.SIGTERM: 143}


def session(log: Path, data: Path, folder: Path, delay: float, number: int, workers: int = 0) -> int:
    """Begin or resume the run, and send it a signal after some seconds; returns its exit code."""
    overrides = dict(data__workers_per_gpu=workers)
    begun_before = log.read_text().count(BEGINS) if log.exists() else 0
    process = processes.start(log, begin_or_resume, str(data), str(folder), None, overrides)
    if number != signal.SIGKILL:
        # Before that nobody listens: Python itself ends the process, and there is no run yet.
        processes.wait_for(log, BEGINS, begun_before + 1)
    process.join(delay)
    if process.is_alive():
        process._popen._send_signal(number)
    process.join(120)
    if process.is_alive():
        process.kill()
        raise TimeoutError(f'the run did not end after signal {number}:\n{log.read_text()}')
    return process.exitcode


def kill_and_compare(
    root: Path,
    data: Path,
    expected: dict[str, Any],
    kills: int,
    seed: int = 0,
    signals: Sequence[int] = (signal.SIGKILL,),
    workers: int = 0,
    seconds: float = 4.0,
) -> int:
    """Kill runs until a number of kills is reached, and finish the last one.

    Args:
        root: where the runs go, one folder each.
        data: root of the data.
        expected: the undisturbed run's ledger.
        kills: how many to reach.
        seed: of the moments.
        signals: to choose from.
        workers: loader processes of the run.
        seconds: longest time to wait before a kill.

    Returns:
        The number of runs that were compared.

    Raises:
        AssertionError: when a run ends otherwise, or with another exit code than its signal's.
    """
    choose = random.Random(seed)
    done = runs = 0
    while True:
        folder = root / f'killed_{runs}'
        folder.mkdir()
        code = None
        while code != 0:
            number = choose.choice(list(signals))
            delay = choose.uniform(0.05, seconds) if done < kills else 1e6
            log = folder / 'output'
            before = len(log.read_text()) if log.exists() else 0
            code = session(log, data, folder, delay, number, workers)
            said = log.read_text()[before:]
            if FINISHED not in said:  # after that the process is on its way out, as Python goes
                assert code in (0, EXIT_CODES[number]), f'exit code {code} after signal {number}:\n{said}'
                assert 'Traceback' not in said, said
            done += code != 0
        runs += 1
        assert ledger(folder / 'run') == expected, f'{folder}: another result after being killed'
        if done >= kills:
            return runs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--kills', type=int, default=20, help='how many (default: 20)')
    parser.add_argument('--all', action='store_true', help='200 kills')
    parser.add_argument('--seed', type=int, help='of the moments (default: the time)')
    parser.add_argument('--signals', nargs='+', default=['SIGKILL'], choices=['SIGKILL', 'SIGINT', 'SIGTERM'])
    parser.add_argument('--workers', type=int, default=0, help='loader processes of the run')
    arguments = parser.parse_args()
    seed = time.time_ns() % 2**32 if arguments.seed is None else arguments.seed
    sys.stdout.write(f'seed {seed}\n')
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        data = draw_data(root / 'data')
        code = session(root / 'output', data, root, 1e6, signal.SIGKILL)
        assert code == 0, (root / 'output').read_text()
        started = time.monotonic()
        (root / 'timed').mkdir()
        session(root / 'output', data, root / 'timed', 1e6, signal.SIGKILL)
        seconds = time.monotonic() - started
        kills = 200 if arguments.all else arguments.kills
        numbers = [getattr(signal, name) for name in arguments.signals]
        runs = kill_and_compare(
            root, data, ledger(root / 'run'), kills, seed, numbers, arguments.workers, seconds
        )
        sys.stdout.write(f'{kills} kills, {runs} runs that ended as the undisturbed one\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
