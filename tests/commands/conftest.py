"""A tiny model, a tiny run, and ways to run a command in this process and in one of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mmdet_miaod.commands.__main__ import load_command
from tests.apis.conftest import _leave_the_process_as_it_was  # noqa: F401 (a fixture for these tests, too)
from tests.tiny_run import REPOSITORY, tiny_train, write_tiny_model


@pytest.fixture(scope='session')
def tiny_model(tmp_path_factory, tiny_data) -> list[str]:
    """Paths of the config and the checkpoint of a tiny model."""
    return [str(path) for path in write_tiny_model(tmp_path_factory.mktemp('tiny_model'), tiny_data)]


@pytest.fixture(scope='session')
def finished_run(tmp_path_factory, tiny_data) -> Path:
    """The directory of a tiny run of two cycles; never change it."""
    return tiny_train(tiny_data, tmp_path_factory.mktemp('finished'))


@pytest.fixture
def photos(tiny_data) -> Path:
    """A folder of 28 images."""
    return tiny_data / 'VOC2007' / 'JPEGImages'


def call(name: str, *arguments: str | Path) -> int:
    """Run a command in this process; returns its exit code."""
    try:
        return load_command(name).run(f'miaod {name}', [str(argument) for argument in arguments])
    except SystemExit as error:
        return error.code


def command(name: str, *arguments: str | Path) -> list[str]:
    """The command line of a tool of the checkout."""
    return [sys.executable, str(REPOSITORY / 'tools' / f'{name}.py'), *map(str, arguments)]


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess:
    """Run such a tool in a process of its own, its streams being pipes."""
    return subprocess.run(command(name, *arguments), capture_output=True, text=True, timeout=120)
