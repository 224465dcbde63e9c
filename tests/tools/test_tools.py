"""Every tool of a checkout: its help and its usage errors come at once, in a process of its own."""

import re
import subprocess
import sys

import pytest

from tests.tiny_run import REPOSITORY

TOOLS = sorted(path.stem for path in (REPOSITORY / 'tools').glob('[!_]*.py'))
COMMANDS = [['visualize', name] for name in ('uncertainty', 'split', 'browse')]
# Runs a tool by its path and tells on stdout which parts of the stack it imported.
WATCHED = """
import runpy, sys
try:
    runpy.run_path(sys.argv[0], run_name='__main__')
finally:
    stack = ['torch', 'torchvision', 'mmcv', 'mmdet', 'numpy', 'matplotlib', 'PIL', 'rich']
    print('imported:', *[name for name in stack if name in sys.modules])
"""


def run(name: str, *arguments: str) -> subprocess.CompletedProcess:
    code = f'import sys; sys.argv = sys.argv[1:]\n{WATCHED}'
    command = [sys.executable, '-c', code, f'tools/{name}.py', *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=REPOSITORY)


@pytest.mark.parametrize('arguments', [*([name] for name in TOOLS), *COMMANDS], ids='-'.join)
def test_help_has_an_example_and_the_exit_codes_and_waits_for_no_library(arguments) -> None:
    done = run(*arguments, '--help')
    assert (done.returncode, done.stderr) == (0, '')
    assert f'example: python {" ".join([f"tools/{arguments[0]}.py", *arguments[1:]])} ' in done.stdout
    assert re.search('exit codes: 0 .*, 1 .*, 2 wrong usage', done.stdout)
    assert '-q, --quiet' in done.stdout and '-v, --verbose' in done.stdout
    assert done.stdout.splitlines()[-1] == 'imported:'


@pytest.mark.parametrize('name', TOOLS)
def test_wrong_usage_is_said_without_waiting_for_a_library(name) -> None:
    done = run(name, '--no-such')
    assert done.returncode == 2
    assert done.stderr.startswith(f'usage: python tools/{name}.py ')
    assert done.stdout.splitlines() == ['imported:']


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--cfg-options', 'seed'], "argument --cfg-options: 'seed' is no KEY=VALUE"),
        (['--cfg-options', 'seed=1', 'cycles=[0,1'], "argument --cfg-options: 'cycles=[0,1': a bracket"),
        (['--load-from', 'a.pth'], '--load-from needs --init-split'),
        (['--resume', 'a', '--init-split', 'b', 'c'], '--resume is for a run that was stopped'),
    ],
)
def test_options_that_do_not_fit_are_found_without_it_too(arguments, message) -> None:
    done = run('train', 'config.py', *arguments)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f'python tools/train.py: error: {message}')
    assert done.stdout.splitlines() == ['imported:']


def test_without_the_stack_it_is_said_in_a_line() -> None:
    # -S leaves out site-packages: the state of a Python where nothing is installed yet
    command = [sys.executable, '-I', '-S', str(REPOSITORY / 'tools' / 'doctor.py'), 'config.py']
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith('error: mmdet_miaod cannot run here: torch is not installed')
