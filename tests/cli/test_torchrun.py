"""Real torchrun around scripts that do next to nothing."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from mmdet_miaod.cli import torchrun
from tests.reliability import processes

SCRIPT = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
rank = int(os.environ['RANK'])
pathlib.Path(sys.argv[1], f'here_{rank}').touch()
if sys.argv[2] == 'wait':
    time.sleep(60)
sys.exit(7 if sys.argv[2] == 'fail' and rank == 1 else 0)
"""


def launch(folder: str, action: str) -> int:
    return torchrun.main(['--standalone', '--nproc-per-node', '2', f'{folder}/script.py', folder, action])


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / 'script.py').write_text(SCRIPT)
    return tmp_path


@pytest.mark.parametrize('action, code', [('end', 0), ('fail', 1)])
def test_the_exit_code_tells_how_the_processes_ended(folder, action, code) -> None:
    assert processes.run(folder / 'output', launch, str(folder), action) == code
    assert all((folder / f'here_{rank}').exists() for rank in range(2))
    text = (folder / 'output').read_text()
    assert 'Traceback' not in text
    assert ('error: process 1 was the first to end, with exit code 7' in text) == (action == 'fail')


@pytest.mark.parametrize('number, code', [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_all_processes(folder, number, code) -> None:
    process = processes.start(folder / 'output', launch, str(folder), 'wait')
    while not all((folder / f'here_{rank}').exists() for rank in range(2)):
        process.join(0.05)
        assert process.is_alive(), (folder / 'output').read_text()
    process._popen._send_signal(number)
    process.join(40)
    text = (folder / 'output').read_text()
    assert process.exitcode == code, text
    assert 'Traceback' not in text
