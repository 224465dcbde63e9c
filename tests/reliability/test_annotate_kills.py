"""start, export and import, stopped at any disk operation and done again, end as if nothing happened."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mmcv import Config

from mmdet_miaod.annotation.importing import export_batches, import_file, status_rows
from mmdet_miaod.run import files
from mmdet_miaod.run.manifest import RunState
from tests.commands.conftest import call
from tests.photograph_run import label_as_person, make_photographs, photograph_options
from tests.reliability.stopped_disk import Killed, StoppedDisk
from tests.tiny_run import CLASSES, REPOSITORY

Action = Callable[[Path], Any]


@pytest.fixture(scope='module')
def begun(tmp_path_factory) -> tuple[Path, dict[str, Any]]:
    """A run that waits for labels of its test set and its first images, and these."""
    root = tmp_path_factory.mktemp('begun')
    photographs, labels = make_photographs(root, 10)
    config = Config.fromfile(str(REPOSITORY / 'configs' / 'MIAOD_photographs.py'))
    config.merge_from_dict(photograph_options(photographs, root))
    (root / 'base.py').write_text(config.pretty_text)
    assert _start(root / 'run') == 0
    return root / 'run', labels


def _start(run: Path) -> int:
    sizes = ['--first-size', '3', '--batch-size', '3', '--test-size', '2', '--device', 'cpu', '-q']
    places = ['--base', run.parent / 'base.py', '--out', run]
    return call('annotate', 'start', run.parent / 'photographs', '--classes', *CLASSES, *places, *sizes)


def _content(run: Path) -> dict[str, Any]:
    """What a command leaves, but for logs: hashes by name, and the steps of the manifest."""
    found: dict[str, Any] = {'steps': [vars(step) for step in RunState.load(run).steps]}
    for path in sorted(path for path in (*run.rglob('*'), run.with_name('run.py')) if path.is_file()):
        if '.log' not in path.name and '.lock' not in path.name and 'run_state' not in path.name:
            found[str(path.relative_to(run.parent))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _stop(action: Action, run: Path, number: int, done: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, '_perform', StoppedDisk(number, done))
        with pytest.raises(Killed):
            action(run)


def _import_all(labels: dict[str, Any]) -> Action:
    def action(run: Path) -> None:
        for number in (1, 2):
            import_file(run, label_as_person(run, number, labels))

    return action


def _import_a_part(labels: dict[str, Any]) -> Action:
    def action(run: Path) -> None:
        export = label_as_person(run, 2, labels, lambda position, boxes: boxes if position else 'leave')
        import_file(run, export, accept_partial=True)

    return action


ACTIONS: dict[str, Callable[[dict[str, Any]], Action]] = {
    'import': _import_all,
    'import of a part': _import_a_part,
    'export': lambda labels: lambda run: export_batches(run, 'cvat'),
}


@pytest.mark.parametrize('name', ACTIONS)
def test_export_and_import_stopped_at_every_operation(begun, name) -> None:
    begun_run, labels = begun
    action, place = ACTIONS[name](labels), begun_run.parent / 'aside'
    shutil.copytree(begun_run, place)
    try:
        disk = StoppedDisk()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files, '_perform', disk)
            action(begun_run)
        expected = _content(begun_run)
        assert disk.count >= 5
        for number in range(1, disk.count + 1):
            for done in (False, True):
                _begin_anew(begun_run, place)
                _stop(action, begun_run, number, done)
                assert len(status_rows(begun_run)) == 4
                action(begun_run)
                assert _content(begun_run) == expected, (number, done)
    finally:
        _begin_anew(begun_run, place)
        shutil.rmtree(place)


def _begin_anew(run: Path, copy: Path) -> None:
    shutil.rmtree(run)
    shutil.copytree(copy, run)


def _stop_start_at(begun, numbers: Callable[[int], list[int]]) -> None:
    run, _ = begun
    place, disk = run.parent / 'aside', StoppedDisk()
    run.rename(place)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files, '_perform', disk)
            assert _start(run) == 0
        expected = _content(run)
        assert disk.count > 50
        for number in numbers(disk.count):
            shutil.rmtree(run)
            run.with_name('run.py').unlink()
            _stop(_start, run, number, done=number % 2 == 0)
            assert _start(run) == 0
            assert _content(run) == expected, number
    finally:
        shutil.rmtree(run, ignore_errors=True)
        place.rename(run)


def test_start_stopped_here_and_there(begun) -> None:
    _stop_start_at(begun, lambda count: [1, 5, 8, count // 3, count // 2 + 1, count - 2])


@pytest.mark.slow
def test_start_stopped_at_every_operation(begun) -> None:
    _stop_start_at(begun, lambda count: list(range(1, count + 1)))
