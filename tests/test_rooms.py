"""The rooms of the package: who may import whom, and that each says what it is."""

import importlib
import pkgutil

import pytest
from importlinter.cli import lint_imports

import mmdet_miaod
from tests.tiny_run import REPOSITORY

ROOMS = [module.name for module in pkgutil.iter_modules(mmdet_miaod.__path__) if module.ispkg]


def test_rooms_import_downwards_only(monkeypatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert lint_imports(no_cache=True) == 0


@pytest.mark.parametrize('room', ROOMS)
def test_each_room_says_in_a_sentence_what_it_is(room: str) -> None:
    text = importlib.import_module(f'mmdet_miaod.{room}').__doc__
    assert text.count('\n') == 0 and text.endswith('.')
