"""The rooms of the package: who may import whom, and that each says what it is."""

import importlib
import pkgutil
import re
import subprocess
import sys

import pytest

import mmdet_miaod
from tests.tiny_run import REPOSITORY

ROOMS = [module.name for module in pkgutil.iter_modules(mmdet_miaod.__path__) if module.ispkg]


def test_rooms_import_downwards_only() -> None:
    # In a process of its own: import-linter disables the loggers that there are.
    code = 'import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))'
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=REPOSITORY, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout


def test_the_documented_layers_are_those_that_are_checked() -> None:
    text = (REPOSITORY / 'pyproject.toml').read_text(encoding='utf-8')
    layers = re.findall(r'"([^"]+)"', re.search(r'layers = \[(.*?)\]', text, re.DOTALL)[1])
    (block,) = re.findall(
        r'```text\n(.*?)```', (REPOSITORY / 'CONTRIBUTING.md').read_text(encoding='utf-8'), re.DOTALL
    )
    assert [re.split(' {2,}', line)[0] for line in block.splitlines()] == layers
    index = (REPOSITORY / 'docs' / 'index.md').read_text(encoding='utf-8')
    assert re.findall(r'^\| \[?`(\w+)/`', index.split('## Rooms')[1].split('Around it')[0], re.MULTILINE) == [
        room for layer in layers for room in layer.split(' | ') if room in ROOMS
    ]


@pytest.mark.parametrize('room', ROOMS)
def test_each_room_says_in_a_sentence_what_it_is(room: str) -> None:
    text = importlib.import_module(f'mmdet_miaod.{room}').__doc__
    assert text.count('\n') == 0 and text.endswith('.')
