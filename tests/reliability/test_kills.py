"""A run that is killed, interrupted or begun twice."""

from __future__ import annotations

import os
import signal

import pytest

from tests.reliability import processes
from tests.reliability.kill_run import kill_and_compare
from tests.reliability.tiny_job import begin_or_resume, ledger


def test_a_run_killed_at_random_moments_ends_as_if_nothing_happened(undisturbed, tmp_path) -> None:
    kill_and_compare(tmp_path, undisturbed.data, undisturbed.ledger, kills=4, seed=1, seconds=2)


@pytest.mark.slow
@pytest.mark.parametrize('workers', [0, 1])
def test_two_hundred_kills(undisturbed, tmp_path, workers) -> None:
    numbers = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
    kill_and_compare(
        tmp_path, undisturbed.data, undisturbed.ledger, 100, seed=2, signals=numbers, workers=workers
    )


def _in_own_group(data: str, folder: str, overrides: dict) -> int:
    os.setsid()
    return begin_or_resume(data, folder, None, overrides)


@pytest.mark.parametrize(
    'number, code, workers',
    [
        (signal.SIGTERM, 143, 1),
        pytest.param(signal.SIGINT, 130, 0, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 130, 1, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_the_run_with_its_code_and_says_how_to_resume(
    undisturbed, tmp_path, number, code, workers
) -> None:
    output = tmp_path / 'output'
    overrides = dict(data__workers_per_gpu=workers)
    process = processes.start(output, _in_own_group, str(undisturbed.data), str(tmp_path), overrides)
    processes.wait_for(output, 'Epoch [1]')
    os.killpg(process.pid, number)  # as Ctrl-C does: to the loader processes as well
    process.join(60)
    text = output.read_text()
    assert process.exitcode == code, text
    word = 'interrupted' if number == signal.SIGINT else 'terminated'
    assert f'{word}. Go on with --resume {tmp_path / "run"}' in text
    assert 'Traceback' not in text
    # Another number of loader processes changes nothing either.
    places = (str(undisturbed.data), str(tmp_path))
    assert processes.run(output, begin_or_resume, *places) == 0, output.read_text()
    assert ledger(tmp_path / 'run') == undisturbed.ledger


def test_a_second_process_on_the_same_run_is_refused(undisturbed, tmp_path) -> None:
    places = (str(undisturbed.data), str(tmp_path))
    first = processes.start(tmp_path / 'output', begin_or_resume, *places)
    processes.wait_for(tmp_path / 'output', 'Epoch [1]')
    os.kill(first.pid, signal.SIGSTOP)
    try:
        code = processes.run(tmp_path / 'second', begin_or_resume, *places)
    finally:
        os.kill(first.pid, signal.SIGCONT)
    text = (tmp_path / 'second').read_text()
    assert code == 1 and f'another process is running in this run directory (process {first.pid} on' in text
    first.join(60)
    assert first.exitcode == 0
    assert ledger(tmp_path / 'run') == undisturbed.ledger


@pytest.mark.slow
@pytest.mark.parametrize('workers', [0, 1, 3])
def test_runs_are_equal_to_the_bit_for_any_number_of_loader_processes(undisturbed, tmp_path, workers) -> None:
    overrides = dict(data__workers_per_gpu=workers)
    places = (str(undisturbed.data), str(tmp_path), None, overrides)
    assert processes.run(tmp_path / 'output', begin_or_resume, *places) == 0
    assert ledger(tmp_path / 'run') == undisturbed.ledger
