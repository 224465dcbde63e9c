"""A changed manifest is an intact one or damage, never anything else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdet_miaod.run.checked_json import content_sha256
from mmdet_miaod.run.file_record import DamagedFileError
from mmdet_miaod.run.identity import RunIdentity
from mmdet_miaod.run.manifest import MANIFEST_NAME, RunState
from mmdet_miaod.run.step import FinishedStep

IDENTITY = RunIdentity({'k': 3, 'lr': 0.1}, 'abc', 10, 666)
STEPS = [
    FinishedStep('split', 0, files={'X_L_0.npy': [9, '0' * 64]}, needs=['X_L_0.npy'], values={'labeled': 4}),
    FinishedStep(
        'epoch', 0, 2, 1, {'checkpoints/a.pth': [7, 'f' * 64]}, [], {'seconds': 0.5, 'stage': 'label'}
    ),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MANY = settings(max_examples=200, deadline=None)


@pytest.fixture(scope='module')
def run(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp('run')
    RunState(directory, IDENTITY, {'torch': '2'}, {'first_cycle': 1}, STEPS).save()
    shutil.copy(directory / MANIFEST_NAME, directory / 'good.json')
    return directory


def load(directory: Path) -> RunState | None:
    """The state, or None for damage; whatever else is raised fails the test."""
    try:
        return RunState.load(directory)
    except DamagedFileError:
        return None


def is_intact(state: RunState) -> bool:
    found = (state.identity, state.steps, state.options, state.environment)
    return found == (IDENTITY, STEPS, {'first_cycle': 1}, {'torch': '2'})


@MANY
@given(st.data())
def test_changed_bytes_are_noticed(run, data) -> None:
    content = bytearray((run / 'good.json').read_bytes())
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, min(len(content), start + 20)))
    content[start:stop] = data.draw(st.binary(max_size=20))
    (run / MANIFEST_NAME).write_bytes(content)
    state = load(run)
    assert state is None or is_intact(state)


@MANY
@given(st.data())
def test_changed_values_with_a_fitting_checksum_load_or_are_damage(run, data) -> None:
    manifest = json.loads((run / 'good.json').read_text())
    del manifest['manifest_sha256']
    place, key = manifest, data.draw(st.sampled_from(sorted(manifest)))
    while isinstance(place[key], (dict, list)) and place[key] and data.draw(st.booleans()):
        place = place[key]
        key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
    place[key] = data.draw(JSON)
    try:
        manifest['manifest_sha256'] = content_sha256(manifest)
    except ValueError:  # NaN, which no checksum can be computed of
        manifest['manifest_sha256'] = '0'
    (run / MANIFEST_NAME).write_text(json.dumps(manifest))
    state = load(run)
    if state is not None:
        assert all(isinstance(step, FinishedStep) and type(step.cycle) is int for step in state.steps)
        assert isinstance(state.options, dict) and isinstance(state.environment, dict)
        names = [name for step in state.steps for name in (*step.files, *step.needs)]
        assert all((run / name).resolve().is_relative_to(run.resolve()) for name in names)


@settings(max_examples=50, deadline=None)
@given(JSON)
def test_any_json_is_damage(run, value) -> None:
    (run / MANIFEST_NAME).write_text(json.dumps(value))
    assert load(run) is None


@pytest.mark.parametrize('content', [b'[' * 100_000, b'\xff\xfe{', b'9' * 5000, b'{"format": NaN}', b'\x00'])
def test_what_breaks_json_readers_is_damage(run, content) -> None:
    (run / MANIFEST_NAME).write_bytes(content)
    assert load(run) is None


FINITE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
PARTS = st.text('ab.é ', min_size=1, max_size=4).filter(lambda part: part not in ('.', '..'))
PATHS = st.lists(PARTS, min_size=1, max_size=3).map('/'.join)
HASHES = st.text('0123456789abcdef', min_size=64, max_size=64)
FILES = st.dictionaries(PATHS, st.tuples(st.integers(0), HASHES).map(list), max_size=2)
VALUES = st.dictionaries(st.text(), FINITE, max_size=3)
STEP = st.builds(
    FinishedStep,
    st.text(),
    st.integers(),
    st.integers(),
    st.integers(),
    FILES,
    st.lists(PATHS, max_size=2),
    VALUES,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.builds(RunIdentity, st.text(), HASHES, st.integers(0), st.integers()),
    st.dictionaries(st.text(), st.text(), max_size=2),
    VALUES,
    st.lists(STEP, max_size=3),
)
def test_what_was_saved_is_loaded(tmp_path_factory, identity, environment, options, steps) -> None:
    directory = tmp_path_factory.mktemp('saved')
    RunState(directory, identity, environment, options, steps).save()
    loaded = RunState.load(directory)
    # By their text, since 1 == 1.0 == True.
    assert repr((loaded.identity, loaded.environment, loaded.options, loaded.steps)) == repr(
        (identity, environment, options, steps)
    )


def test_a_flip_in_any_byte_and_any_truncation_are_damage(run) -> None:
    content = (run / 'good.json').read_bytes()
    end = len(content.rstrip())
    for position in range(end):
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        (run / MANIFEST_NAME).write_bytes(changed)
        state = load(run)
        # Some white space and the case of an exponent do not count.
        assert state is None or is_intact(state)
        (run / MANIFEST_NAME).write_bytes(content[:position])
        assert load(run) is None
    (run / MANIFEST_NAME).write_bytes(content[:end])
    assert is_intact(load(run))
