"""Which folders are runs, which were begun in vain, and which run is the newest."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mmdet_miaod.run.directory import create_run, device_name, environment_versions, resume_run
from mmdet_miaod.run.identity import RunIdentity
from mmdet_miaod.run.lock import LOCK_NAME
from mmdet_miaod.run.lookup import check_run_directory, never_started
from mmdet_miaod.run.manifest import MANIFEST_NAME, PREVIOUS_NAME, RunState
from mmdet_miaod.run.step import FinishedStep
from tests.tiny_run import REPOSITORY

IDENTITY = RunIdentity({'lr': 1}, 'pool', 3, 0)


@pytest.fixture
def work(tmp_path) -> Path:
    return tmp_path / 'work'


def damage(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def test_a_run_without_a_manifest_was_begun_in_vain_and_may_begin_again(work) -> None:
    directory = create_run(work, 'run')
    assert never_started(directory)
    with pytest.raises(FileNotFoundError, match='start it again with --run-name run in place of --resume'):
        check_run_directory(directory)
    assert create_run(work, 'run') == directory


def test_so_was_one_whose_first_manifest_is_damaged(work) -> None:
    directory = create_run(work, 'run')
    RunState(directory, IDENTITY, {}).save()
    assert not never_started(directory)
    check_run_directory(directory)
    damage(directory / MANIFEST_NAME)
    assert not never_started(directory)  # a file of that name may be anybody's
    for name in (
        LOCK_NAME,
        '.writing-12-0123456789abcdef',
        '20261124_120000.log',
        '20261124_120000.log.json',
    ):
        (directory / name).touch()
    with pytest.raises(FileNotFoundError, match='stopped before it began'):
        check_run_directory(directory)
    assert create_run(work, 'run') == directory


@pytest.mark.parametrize(
    'name', [PREVIOUS_NAME, 'X_L_0.npy', 'mine.txt', 'checkpoints', 'bccd.py', 'mine.log']
)
def test_but_not_one_that_has_anything_else(work, name) -> None:
    directory = create_run(work, 'run')
    RunState(directory, IDENTITY, {}).save()
    damage(directory / MANIFEST_NAME)
    (directory / LOCK_NAME).touch()
    (directory / name).mkdir() if name == 'checkpoints' else (directory / name).touch()
    assert not never_started(directory)
    check_run_directory(directory)
    with pytest.raises(FileExistsError, match='choose another --run-name'):
        create_run(work, 'run')


@pytest.mark.parametrize(
    'name', ['bccd.py', MANIFEST_NAME, '.writing-mine', 'mine.log', '20200101_000000.log']
)
def test_a_folder_with_a_file_of_somebody_is_no_new_run(work, name) -> None:
    (work / 'examples').mkdir(parents=True)
    (work / 'examples' / name).write_text('mine')
    with pytest.raises(FileExistsError, match='examples: exists already and is not empty; choose another'):
        create_run(work, 'examples')
    assert [path.read_text() for path in (work / 'examples').iterdir()] == ['mine']


def test_a_link_is_no_file_of_a_run_that_was_begun_in_vain(work, tmp_path) -> None:
    (tmp_path / 'outside').write_text('mine')
    directory = create_run(work, 'run')
    (directory / LOCK_NAME).touch()
    assert never_started(directory)
    (directory / '20261124_120000.log').symlink_to(tmp_path / 'outside')
    assert not never_started(directory)


def test_an_empty_folder_is_taken_for_a_new_run(work) -> None:
    (work / 'examples').mkdir(parents=True)
    assert create_run(work, 'examples') == work / 'examples'


def test_runs_without_a_name_that_begin_in_the_same_second_are_two(work) -> None:
    names = [create_run(work, None, '20261124_120000').name for _ in range(3)]
    assert names == ['20261124_120000', '20261124_120000_2', '20261124_120000_3']


@pytest.mark.skipif(
    shutil.which('git') is None or not (REPOSITORY / '.git').exists(), reason='no git checkout'
)
def test_the_commit_is_among_the_versions() -> None:
    assert re.fullmatch(r'\S*[0-9a-f]{7,}(-dirty)?', environment_versions()['commit'])


def test_a_device_says_what_it_is() -> None:
    assert device_name(torch.device('cpu')).startswith('cpu (')


def heads(names: list[str]) -> Callable[[int], str]:
    """Fingerprints of the first images of a pool, as short as tests can be."""
    return lambda count: ' '.join(names[:count])


def resumed(directory: Path, names: list[str], force: bool) -> RunState:
    identity = replace(IDENTITY, pool_fingerprint=heads(names)(len(names)), pool_size=len(names))
    options = dict(config=('a.py', ''), options={})
    return resume_run(directory, identity, pool_head=heads(names), force=force, **options)


@pytest.mark.parametrize('force', [False, True])
@pytest.mark.parametrize('letters', ['ac', 'axbc', 'xabc', 'abd', 'cba'])
def test_a_pool_in_which_numbers_mean_other_images_is_never_resumed(tmp_path, letters, force) -> None:
    split = FinishedStep('split', 1, files={}, needs=(), values={})
    RunState(tmp_path, replace(IDENTITY, pool_fingerprint='a b c'), {}, {}, [split]).save()
    told = 'with --force neither.*as they were.*--init-split .*cycle1 --start-cycle 1'
    with pytest.raises(ValueError, match=told):
        resumed(tmp_path, list(letters), force)
    assert RunState.load(tmp_path).identity.pool_fingerprint == 'a b c'


def test_images_at_the_end_of_a_pool_are_taken_with_force(tmp_path) -> None:
    RunState(tmp_path, replace(IDENTITY, pool_fingerprint='a b c'), {}).save()
    with pytest.raises(ValueError, match='resume with the old one, or with --force'):
        resumed(tmp_path, ['a', 'b', 'c', 'd'], force=False)
    assert resumed(tmp_path, ['a', 'b', 'c', 'd'], force=True).identity.pool_size == 4
    assert resumed(tmp_path, ['a', 'b', 'c', 'd'], force=False).identity.pool_size == 4


@pytest.mark.parametrize('name', ['a\udcff', 'a\x1b[2J', 'a\nb', '\ud800'])
def test_names_that_cannot_be_shown_are_refused(tmp_path, name) -> None:
    with pytest.raises(ValueError, match=r'--run-name .* in letters that can be shown'):
        create_run(tmp_path, name)
    assert list(tmp_path.iterdir()) == []
