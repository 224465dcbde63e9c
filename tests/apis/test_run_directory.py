"""Which folders are runs, which were begun in vain, and which run is the newest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmdet_miaod.active.run_state import MANIFEST_NAME, PREVIOUS_NAME, RunIdentity, RunState
from mmdet_miaod.apis.run_directory import (
    check_run_directory,
    create_run,
    is_begun_in_vain,
    newest_run,
)
from tests.tiny_run import tiny_config

IDENTITY = RunIdentity('lr = 1', 'pool', 3, 0)


@pytest.fixture
def config(tmp_path):
    return tiny_config(tmp_path / 'data', tmp_path / 'work')


def damage(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def test_a_run_without_a_manifest_was_begun_in_vain_and_may_begin_again(config) -> None:
    directory = create_run(config, 'run')
    assert is_begun_in_vain(directory)
    with pytest.raises(FileNotFoundError, match='start it again with --run-name run in place of --resume'):
        check_run_directory(directory)
    assert create_run(config, 'run') == directory


def test_so_was_one_whose_first_manifest_is_damaged(config) -> None:
    directory = create_run(config, 'run')
    RunState(directory, IDENTITY, {}).save()
    assert not is_begun_in_vain(directory)
    check_run_directory(directory)
    damage(directory / MANIFEST_NAME)
    with pytest.raises(FileNotFoundError, match='stopped before it began'):
        check_run_directory(directory)
    assert create_run(config, 'run') == directory


@pytest.mark.parametrize('name', [PREVIOUS_NAME, 'X_L_0.npy', 'mine.txt', 'checkpoints'])
def test_but_not_one_that_has_anything_else(config, name) -> None:
    directory = create_run(config, 'run')
    RunState(directory, IDENTITY, {}).save()
    damage(directory / MANIFEST_NAME)
    (directory / name).mkdir() if name == 'checkpoints' else (directory / name).touch()
    assert not is_begun_in_vain(directory)
    check_run_directory(directory)
    with pytest.raises(FileExistsError, match='choose another --run-name'):
        create_run(config, 'run')


def test_the_newest_run_is_the_one_whose_manifest_was_written_last(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match='there is no run to resume here'):
        newest_run(tmp_path)
    for age, name in enumerate(('b', 'a', 'c')):
        RunState(tmp_path / name, IDENTITY, {}).save()
        os.utime(tmp_path / name / MANIFEST_NAME, (1000 - age, 1000 - age))
    assert newest_run(tmp_path) == tmp_path / 'b'
