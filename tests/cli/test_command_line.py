"""How a tool ends: exit codes, last words, signals at awkward moments."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import subprocess
import sys

import pytest
from torch.utils.data import DataLoader, Dataset

from mmdet_miaod.cli.arguments import UsageError
from mmdet_miaod.cli.command_line import Command, run_tool
from mmdet_miaod.cli.signals import Terminated, stop_signals
from tests.tiny_run import REPOSITORY

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)


@pytest.fixture(autouse=True)
def _same_handlers_afterwards():
    before = {number: signal.getsignal(number) for number in HANDLED}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def fail_with(error: BaseException):
    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize('result, code', [(None, 0), (0, 0), (3, 3)])
def test_the_exit_code_is_what_main_returns(result, code) -> None:
    before = [signal.getsignal(number) for number in HANDLED]
    assert run_tool(lambda: result) == code
    assert [signal.getsignal(number) for number in HANDLED] == before


@pytest.mark.parametrize(
    'error, said',
    [
        (ValueError('lr is -1'), 'error: lr is -1\nhint\n'),
        (KeyError("no key 'k'"), "error: no key 'k'\nhint\n"),
        (
            OSError(errno.ENOSPC, 'No space left on device', 'x.pth'),
            "error: [Errno 28] No space left on device: 'x.pth'. Nothing that was finished is lost; "
            'make room on the disk first.\nhint\n',
        ),
    ],
)
def test_what_a_user_can_mend_is_said_in_a_line(capsys, error, said) -> None:
    assert run_tool(fail_with(error), lambda: 'hint') == 1
    assert capsys.readouterr() == ('', said)


def test_a_fault_of_the_program_shows_its_traceback(capsys) -> None:
    assert run_tool(fail_with(AssertionError('never')), lambda: '') == 1
    text = capsys.readouterr().err
    assert text.startswith('Traceback') and text.endswith('AssertionError: never\n')


def test_a_verbose_command_shows_where_such_an_error_comes_from_too(capsys) -> None:
    assert run_tool(fail_with(ValueError('lr is -1')), verbose=True) == 1
    text = capsys.readouterr().err
    assert 'Traceback' in text and text.endswith('error: lr is -1\n')


@pytest.mark.parametrize(
    'number, code, word', [(signal.SIGINT, 130, 'interrupted'), (signal.SIGTERM, 143, 'terminated')]
)
def test_a_signal_ends_main_and_later_ones_are_ignored(capsys, number, code, word) -> None:
    def hint() -> str:
        for later in HANDLED:
            os.kill(os.getpid(), later)
        return 'Go on with --resume.'

    assert run_tool(lambda: os.kill(os.getpid(), number), hint) == code
    assert capsys.readouterr().err == f'{word}. Go on with --resume.\n'
    assert signal.getsignal(number) == signal.SIG_IGN


def test_an_error_after_a_signal_is_the_signals(capsys) -> None:
    def main() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            raise RuntimeError('a loader process is gone')

    assert run_tool(main, lambda: 'hint') == 143
    assert capsys.readouterr().err == 'terminated. hint\n'


def test_a_signal_while_an_error_is_told_does_not_cut_it_short(capsys) -> None:
    def hint() -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        return 'hint'

    assert run_tool(fail_with(ValueError('lr is -1')), hint) == 1
    assert capsys.readouterr().err == 'error: lr is -1\nhint\n'


def test_a_signal_that_python_swallows_arrives_later() -> None:
    class Careless:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    def forget_it() -> None:
        with stop_signals():
            Careless()
            signal.pause()

    with pytest.raises(Terminated):
        forget_it()


def test_a_command_is_checked_before_it_imports_what_the_collector_then_leaves_alone() -> None:
    code = """
import gc, sys
from mmdet_miaod.cli.command_line import Command

def check(arguments):
    assert 'mmcv' not in sys.modules

def main(arguments):
    assert 'mmdet_miaod.engine.runner' in sys.modules and gc.isenabled()
    return gc.get_freeze_count()

frozen = Command('Test.', lambda parser: None, main, check=check).run('test', [])
again = Command('Test.', lambda parser: None, main).run('test', [])
assert frozen > 100_000 and abs(again - frozen) < 1000, (frozen, again)
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=REPOSITORY)
    assert (done.returncode, done.stderr) == (0, '')


def test_arguments_that_do_not_go_together_are_wrong_usage(capsys) -> None:
    def refuse(arguments: argparse.Namespace) -> None:
        raise UsageError('a needs b')

    with pytest.raises(SystemExit, match='2'):
        Command('Test.', lambda parser: None, lambda arguments: 0, check=refuse).run('test', [])
    assert capsys.readouterr().err.endswith('test: error: a needs b\n')


def test_a_killed_loader_process_is_told_with_what_helps(capsys) -> None:
    class Killed(Dataset):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, i: int) -> int:
            os.kill(os.getpid(), signal.SIGKILL)

    def load() -> None:
        list(DataLoader(Killed(), num_workers=1))

    assert run_tool(load) == 1
    message = capsys.readouterr().err
    assert 'error: a process that loads images is gone (DataLoader worker (pid' in message
    assert 'set data.workers_per_gpu, data.prefetch_factor or data.samples_per_gpu lower' in message
    assert 'Traceback' not in message


def test_an_error_in_a_loader_process_is_a_line(capsys) -> None:
    class Broken(Dataset):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, i: int) -> int:
            raise ValueError('a.jpg: cannot be read')

    assert run_tool(lambda: list(DataLoader(Broken(), num_workers=1)) and None) == 1
    assert capsys.readouterr().err.strip() == 'error: a.jpg: cannot be read'
