"""miaod: every command by its name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mmdet_miaod import commands
from mmdet_miaod.commands import __main__ as miaod
from mmdet_miaod.version import __version__
from tests.tiny_run import REPOSITORY


def test_every_command_has_a_tool_of_the_checkout_and_a_line_in_the_help(capsys) -> None:
    files = Path(commands.__file__).parent.glob('[!_]*.py')
    modules = {path.stem for path in files if '\nCOMMAND = ' in path.read_text(encoding='utf-8')}
    assert {name.replace('-', '_') for name in miaod.NAMES} == modules
    assert modules <= {path.stem for path in (REPOSITORY / 'tools').glob('[!_]*.py')}
    with pytest.raises(SystemExit, match='0'):
        miaod.main(['--help'])
    lines = capsys.readouterr().out.splitlines()
    for name in miaod.NAMES:
        assert f'  {name:12}{miaod.load_command(name).description.splitlines()[0]}' in lines


@pytest.mark.parametrize(
    'words, message',
    [
        ([], 'required: COMMAND'),
        (['nothing'], "invalid choice: 'nothing'"),
        (['train'], 'a config is needed'),
    ],
)
def test_wrong_usage(capsys, words, message) -> None:
    with pytest.raises(SystemExit, match='2'):
        miaod.main(words)
    assert message in capsys.readouterr().err


def test_a_command_gets_the_words_after_it_and_says_how_it_was_called(capsys) -> None:
    with pytest.raises(SystemExit, match='0'):
        miaod.main(['draw-data', '--help'])
    text = capsys.readouterr().out
    assert text.startswith('usage: miaod draw-data ') and 'example: miaod draw-data data/drawn ' in text
    assert miaod.main(['train', 'no.py', '--device', 'cpu']) == 1
    assert capsys.readouterr().err == 'error: no.py: no such config file\n'


@pytest.mark.parametrize('words', [['-m', 'mmdet_miaod.commands'], [miaod.__file__]])
def test_it_runs_by_its_name_and_by_its_path_without_waiting_for_a_library(words) -> None:
    command = [sys.executable, '-X', 'importtime', *words, '--version']
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, f'mmdet_miaod {__version__}\n')
    assert ' torch\n' not in done.stderr and ' numpy\n' not in done.stderr
