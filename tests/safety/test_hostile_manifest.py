"""Manifests that name files outside of their run directory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmdet_miaod.run.checked_json import content_sha256
from mmdet_miaod.run.file_record import DamagedFileError
from mmdet_miaod.run.identity import RunIdentity
from mmdet_miaod.run.manifest import MANIFEST_NAME, RunState
from mmdet_miaod.run.step import FinishedStep


def write_manifest(directory: Path, steps: list[dict]) -> None:
    """A manifest as an attacker would write it: its checksum fits."""
    state = RunState(directory, RunIdentity({}, 'abc', 10, 666), {})
    state.save()
    manifest = json.loads((directory / MANIFEST_NAME).read_text())
    del manifest['manifest_sha256']
    manifest['steps'] = steps
    manifest['manifest_sha256'] = content_sha256(manifest)
    (directory / MANIFEST_NAME).write_text(json.dumps(manifest))


@pytest.fixture
def run(tmp_path) -> Path:
    (tmp_path / 'secret').write_text('swordfish')
    directory = tmp_path / 'work' / 'run'
    directory.mkdir(parents=True)
    return directory


@pytest.mark.parametrize('name', ['../../secret', '{}/secret', 'cycle0/../../../secret', '..', '', 'a\0b'])
@pytest.mark.parametrize('key', ['files', 'needs'])
def test_files_outside_the_run_directory_are_refused(run, tmp_path, name, key) -> None:
    name = name.format(tmp_path)
    files, needs = ({name: [9, '0' * 64]}, []) if key == 'files' else ({}, [name])
    write_manifest(run, [dict(kind='epoch', cycle=0, files=files, needs=needs)])
    with pytest.raises(DamagedFileError, match='is no file of the run directory'):
        RunState.recover(run)
    assert (tmp_path / 'secret').read_text() == 'swordfish'


def test_steps_of_wrong_types_are_damage(run) -> None:
    good = dict(kind='epoch', cycle=0, files={}, needs=[])
    bad = [
        dict(good, cycle='0'), dict(good, files=[]), dict(good, files={'a': 1}), dict(good, files={'a': [1]}),
        dict(good, needs=[1]), dict(good, values=None), dict(good, more=1), {}, [], None, 'step',
        dict(good, files={'a': ['1', 'b']}), dict(good, cycle=True), dict(good, files={'a': None}),
    ]  # fmt: skip
    for step in bad:
        write_manifest(run, [step])
        with pytest.raises(DamagedFileError):
            RunState.load(run)
    write_manifest(run, [good])
    assert RunState.load(run).steps == [FinishedStep('epoch', 0)]
