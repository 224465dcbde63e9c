"""--help of every tool: an example, the exit codes, nothing on stderr."""

import re

import pytest

from tests.tiny_run import REPOSITORY
from tests.tools.conftest import call, run

TOOLS = sorted(path.stem for path in (REPOSITORY / 'tools').glob('*.py'))
COMMANDS = [['visualize', 'uncertainty'], ['visualize', 'split']]


@pytest.mark.parametrize('arguments', [*([name] for name in TOOLS), *COMMANDS], ids='-'.join)
def test_help_has_an_example_and_the_exit_codes(arguments, capsys) -> None:
    assert call(*arguments, '--help') == 0
    captured = capsys.readouterr()
    assert f'example: python {" ".join([f"tools/{arguments[0]}.py", *arguments[1:]])} ' in f'{captured.out} '
    assert re.search('exit codes: 0 .*, 1 .*, 2 wrong usage', captured.out)
    assert captured.err == ''


@pytest.mark.parametrize('name', ['test', 'score'])
def test_no_warning_of_a_library_comes_before_it(name) -> None:
    done = run(name, '--help')
    assert (done.returncode, done.stderr) == (0, '')
