"""The manifest: what it remembers, what it notices, how far it goes back."""

from __future__ import annotations

import hashlib
import json

import pytest

from mmdet_miaod.run.file_record import DamagedFileError, FileRecord, hash_file
from mmdet_miaod.run.files import write_text
from mmdet_miaod.run.identity import RunIdentity
from mmdet_miaod.run.lock import lock_run
from mmdet_miaod.run.manifest import MANIFEST_NAME, RunState
from mmdet_miaod.run.step import FinishedStep

IDENTITY = RunIdentity({'k': 3, 'lr': 0.1}, 'abc', 10, 666)


def new_state(folder) -> RunState:
    return RunState(folder, IDENTITY, {'torch': '2'}, {'first_cycle': 1})


def step_with_file(
    state: RunState, name: str, kind='epoch', cycle=0, number=0, epoch=1, needs=()
) -> FinishedStep:
    files = state.relative([write_text(state.directory / name, name)])
    return FinishedStep(kind, cycle, number, epoch, files, [*needs, name])


def test_the_manifest_comes_back_as_it_was(tmp_path) -> None:
    state = new_state(tmp_path)
    state.record(FinishedStep('evaluation', 0, values={'mAP': 0.5, 'AP': {'cat': None}}))
    state.record(step_with_file(state, 'cycle0/a'))
    loaded = RunState.load(tmp_path)
    assert loaded.identity == IDENTITY
    assert loaded.options == {'first_cycle': 1}
    assert loaded.environment == {'torch': '2'}
    assert loaded.steps == state.steps
    assert loaded.file_record('cycle0/a') == FileRecord(
        tmp_path / 'cycle0/a', 8, hash_file(tmp_path / 'cycle0/a')[1]
    )
    assert loaded.file_record('cycle0/b') is None


def test_find_returns_the_newest_of_its_kind(tmp_path) -> None:
    state = new_state(tmp_path)
    for epoch in (1, 2):
        state.record(FinishedStep('epoch', 0, number=4, epoch=epoch))
    state.record(FinishedStep('epoch', 1, number=0, epoch=1))
    assert state.find('epoch', 0).epoch == 2
    assert state.find('epoch', 0, 4).epoch == 2
    assert state.find('epoch', 0, 3) is None
    assert state.find('model', 0) is None
    assert [step.cycle for step in state.of_kind('epoch')] == [0, 0, 1]


@pytest.mark.parametrize('damage', ['', '{', '[]', '{"format": 1}'])
def test_a_damaged_manifest_is_an_error_that_names_it(tmp_path, damage) -> None:
    new_state(tmp_path).save()
    (tmp_path / MANIFEST_NAME).write_text(damage)
    with pytest.raises(DamagedFileError, match=r'run_state\.json: the manifest is damaged'):
        RunState.load(tmp_path)


def test_an_edited_manifest_is_noticed(tmp_path) -> None:
    new_state(tmp_path).save()
    manifest = json.loads((tmp_path / MANIFEST_NAME).read_text())
    manifest['seed'] = 1
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(manifest))
    with pytest.raises(DamagedFileError, match='checksum'):
        RunState.load(tmp_path)


def test_a_folder_without_manifest_is_no_run(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match='no run directory'):
        RunState.load(tmp_path)


def test_differences_say_what_changed() -> None:
    assert IDENTITY.differences(IDENTITY) == ''
    other = RunIdentity({'k': 4, 'lr': 0.1}, 'abd', 11, 1)
    text = IDENTITY.differences(other)
    assert 'seed: 666 -> 1' in text
    assert 'images in the pool: 10 -> 11' in text
    assert 'fingerprint of the pool: abc -> abd' in text
    assert '-k = 3\n+k = 4' in text


def test_a_manifest_of_version_0_1_reads_as_the_same_run(tmp_path) -> None:
    state = new_state(tmp_path)
    state.record(step_with_file(state, 'split', kind='split'))
    manifest = json.loads((tmp_path / MANIFEST_NAME).read_text())
    # What version 0.1 wrote: the config as lines, tuples and objects of Python among them.
    text = "hook = <function>\nimg_scale = (64, 48)\nlists = ['a', 'b']\nlr = 0.1\nname = 'x = y'\nstep = {}"
    manifest.update(format=1, config=text, config_sha256=hashlib.sha256(text.encode()).hexdigest())
    del manifest['manifest_sha256']
    content = json.dumps(manifest, sort_keys=True).encode()
    manifest['manifest_sha256'] = hashlib.sha256(content).hexdigest()
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(manifest))
    old = RunState.load(tmp_path)
    assert old.identity.config == {
        'hook': '<function>',
        'img_scale': [64, 48],
        'lists': ['a', 'b'],
        'lr': 0.1,
        'name': 'x = y',
        'step': {},
    }
    assert [step.kind for step in old.steps] == ['split']


def test_a_step_is_done_once(tmp_path) -> None:
    state = new_state(tmp_path)
    done = []

    def do() -> FinishedStep:
        done.append(1)
        return FinishedStep('model', 3)

    assert state.once('model', 3, do) and not state.once('model', 3, do)
    assert len(done) == 1 and state.find('model', 3) == FinishedStep('model', 3)
    assert state.once('model', 3, do, still_valid=lambda step: False)
    assert len(done) == 2


def test_going_back_stops_at_the_newest_intact_step(tmp_path) -> None:
    state = new_state(tmp_path)
    state.record(step_with_file(state, 'split', kind='split'))
    for epoch in (1, 2, 3):
        state.record(step_with_file(state, f'e{epoch}', epoch=epoch, needs=['split']))
    assert state.rewind_to_intact() == []
    (tmp_path / 'e3').write_text('')
    (tmp_path / 'e1').unlink()
    problems = state.rewind_to_intact()
    assert state.find('epoch', 0).epoch == 2
    assert len(problems) == 2 and 'e3: has 0 bytes' in problems[0] and 'e1: cannot be read' in problems[1]
    (tmp_path / 'split').write_text('other')
    state.rewind_to_intact()
    assert state.steps == []


def test_forgotten_files_are_no_damage_but_no_way_back(tmp_path) -> None:
    state = new_state(tmp_path)
    for epoch in (1, 2, 3):
        state.record(step_with_file(state, f'e{epoch}', epoch=epoch))
    assert [path.name for path in state.forget_files('epoch', 0, keep=2)] == ['e1']
    (tmp_path / 'e1').unlink()
    assert state.rewind_to_intact() == []
    assert len(state.steps) == 3
    for name in ('e2', 'e3'):
        (tmp_path / name).unlink()
    assert len(state.rewind_to_intact()) == 2
    assert state.steps == []


def test_one_process_at_a_time(tmp_path) -> None:
    lock = lock_run(tmp_path)
    with pytest.raises(BlockingIOError, match='another process'):
        lock_run(tmp_path)
    lock.release()
    lock_run(tmp_path).release()
