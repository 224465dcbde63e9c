"""A run that people label, stopped at any disk operation, imports included, ends as if nothing happened."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from mmdet_miaod.active.annotator import LabelsWanted
from mmdet_miaod.annotation.importing import import_file
from mmdet_miaod.apis import RunOptions, train
from mmdet_miaod.run import files
from mmdet_miaod.run.lookup import never_started
from tests.photograph_run import label_as_person, make_photographs, photograph_config
from tests.reliability import photograph_job
from tests.reliability.processes import outputs, run_ranks
from tests.reliability.stopped_disk import Killed, StoppedDisk
from tests.reliability.tiny_job import OVERRIDES, ledger


def _session(photographs: Path, labels: dict, folder: Path) -> bool:
    """Begin or resume, and label what is wanted; returns whether the run is finished."""
    run = folder / 'run'
    begun = run.exists() and not never_started(run)
    place = dict(resume=str(run)) if begun else dict(run_name='run')
    options = RunOptions(progress=False, report=False, deterministic=True, **place)
    config = photograph_config(photographs, folder, annotator__test_size=2, **OVERRIDES)
    try:
        train(config, options)
    except LabelsWanted as wanted:
        for number in wanted.batches:
            import_file(run, label_as_person(run, number, labels))
        return False
    return True


def _to_the_end(photographs: Path, labels: dict, folder: Path) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    for _ in range(6):
        if _session(photographs, labels, folder):
            return ledger(folder / 'run')
    raise AssertionError('the run wants labels for ever')


@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory):
    root = tmp_path_factory.mktemp('undisturbed')
    photographs, labels = make_photographs(root / 'data', 10)
    disk = StoppedDisk()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, '_perform', disk)
        expected = _to_the_end(photographs, labels, root / 'work')
    return photographs, labels, expected, disk.count


def _stop_and_resume(undisturbed, number: int, done: bool) -> None:
    photographs, labels, expected, _ = undisturbed
    # In the same place as the undisturbed run: models and batches tell of it.
    folder = photographs.parent.parent / 'work'
    shutil.rmtree(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, '_perform', StoppedDisk(number, done))
        with pytest.raises(Killed):
            _to_the_end(photographs, labels, folder)
    assert _to_the_end(photographs, labels, folder) == expected, number


@pytest.mark.parametrize('fraction', [0.05, 0.15, 0.3, 0.6, 0.75, 0.9])
def test_a_stop_here_and_there(undisturbed, fraction) -> None:
    number = int(fraction * undisturbed[3])
    _stop_and_resume(undisturbed, number, done=number % 2 == 0)


@pytest.mark.slow
@pytest.mark.parametrize('done', [False, True])
def test_a_stop_at_every_operation(undisturbed, done) -> None:
    for number in range(1, undisturbed[3] + 1):
        _stop_and_resume(undisturbed, number, done)


def test_many_processes_ask_and_go_on_together(tmp_path) -> None:
    photographs, labels = make_photographs(tmp_path, 10)
    wanted = [[1, 2], [3]]
    for numbers in wanted:
        codes = run_ranks(2, tmp_path, photograph_job.session, str(photographs))
        assert codes == [photograph_job.WANTED] * 2, outputs(tmp_path)
        for number in numbers:
            import_file(tmp_path / 'run', label_as_person(tmp_path / 'run', number, labels))
    assert run_ranks(2, tmp_path, photograph_job.session, str(photographs)) == [0, 0], outputs(tmp_path)
