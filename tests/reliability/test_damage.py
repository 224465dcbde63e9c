"""Damaged files are named, and the newest intact state is used, or the run refuses."""

from __future__ import annotations

import json
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmdet_miaod.run import files
from mmdet_miaod.run.manifest import RunState
from tests.reliability import processes
from tests.reliability.tiny_job import begin_or_resume, ledger


def resume(undisturbed, folder: Path) -> tuple[int, str]:
    """Go on with a run; returns the exit code and what was said, without what earlier sessions said."""
    output = folder / 'output'
    before = len(output.read_text()) if output.exists() else 0
    code = processes.run(output, begin_or_resume, str(undisturbed.data), str(folder))
    return code, output.read_text()[before:]


@pytest.fixture
def finished(undisturbed, tmp_path) -> Path:
    """A copy of the finished run."""
    shutil.copytree(undisturbed.directory, tmp_path / 'run')
    return tmp_path


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path) -> None:
    """Change one byte in the middle, so that only a checksum tells."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)


# The file, what happens to it, and whether the run can end as one that nothing disturbed.
DAMAGE = [
    ('cycle1/model.pth', flip, True),
    ('run_state.json', truncate, True),
    ('metrics.json', truncate, True),
    ('cycle0/trainval_L_07.txt', Path.unlink, True),
    ('X_L_1.npy', flip, True),
]
MORE_DAMAGE = [
    ('cycle1/model.pth', truncate, True),
    ('cycle1/model.pth', Path.unlink, True),
    ('run_state.json', flip, True),
    ('run_state.json', Path.unlink, True),
    ('run_state.previous.json', truncate, True),
    ('X_U_1.npy', truncate, True),
    ('X_L_1.npy', Path.unlink, True),
    ('X_L_0.npy', flip, False),
    ('cycle0/model.pth', truncate, False),
    ('cycle0/scores.npy', flip, False),
    ('cycle1/trainval_U_07.txt', truncate, True),
]


@pytest.mark.parametrize(
    'name, damage, restored',
    [*DAMAGE, *(pytest.param(*case, marks=pytest.mark.slow) for case in MORE_DAMAGE)],
)
def test_damage_is_named_and_what_can_be_restored_is(undisturbed, finished, name, damage, restored) -> None:
    damage(finished / 'run' / name)
    code, text = resume(undisturbed, finished)
    assert code == 0, text
    if name not in ('metrics.json', 'run_state.previous.json'):
        assert 'Damaged' in text and name in text
    expected = dict(undisturbed.ledger)
    if not restored:  # nothing that the run could go on from needs the file any more
        expected.pop(name)
        (finished / 'run' / name).unlink(missing_ok=True)
    assert ledger(finished / 'run') == expected


@pytest.mark.parametrize('in_place', [False, True])
def test_a_damaged_checkpoint_that_nothing_needs_is_vouched_for_no_more(
    undisturbed, finished, in_place
) -> None:
    name, shown = 'checkpoints/cycle1_stage1_epoch2.pth', ['epoch_2.pth', 'latest.pth']
    path = finished / 'run' / name
    (path.unlink if not in_place else lambda: path.write_bytes(b'damaged'))()
    if in_place:  # copying the run made files of the second names
        for other in shown:
            (finished / 'run' / other).unlink()
            (finished / 'run' / other).hardlink_to(path)
    code, text = resume(undisturbed, finished)
    assert code == 0, text
    assert 'Damaged' in text and name in text
    found, expected = ledger(finished / 'run'), dict(undisturbed.ledger)
    for gone in (name, *shown) if in_place else (name,):
        expected.pop(gone)
    assert found.pop('run_state.json') != expected.pop('run_state.json')
    assert found == expected
    assert RunState.load(finished / 'run').file_record(name) is None
    assert 'Damaged' not in resume(undisturbed, finished)[1]


def test_a_run_without_an_intact_manifest_is_refused(undisturbed, finished) -> None:
    for name in ('run_state.json', 'run_state.previous.json'):
        truncate(finished / 'run' / name)
    before = {path: path.stat().st_mtime_ns for path in (finished / 'run').rglob('*.npy')}
    code, text = resume(undisturbed, finished)
    assert code == 1
    assert 'run_state.json: the manifest is damaged' in text
    assert {path: path.stat().st_mtime_ns for path in (finished / 'run').rglob('*.npy')} == before


def test_damage_to_the_newest_checkpoint_goes_back_one_epoch(undisturbed, tmp_path) -> None:
    begin_until(undisturbed, tmp_path, 'cycle0_stage1_epoch1.pth')
    newest = sorted((tmp_path / 'run' / 'checkpoints').iterdir())[-1]
    assert newest.name == 'cycle0_stage1_epoch1.pth'
    flip(newest)
    code, text = resume(undisturbed, tmp_path)
    assert code == 0, text
    assert 'cycle0_stage1_epoch1.pth: its content changed' in text
    assert 'Cycle 0 resumes after epoch 1 of stage 0' in text
    assert ledger(tmp_path / 'run') == undisturbed.ledger


def test_a_damaged_chunk_of_scores_is_scored_again(undisturbed, tmp_path) -> None:
    begin_until(undisturbed, tmp_path, 'scores_part_00001.npy')
    truncate(tmp_path / 'run' / 'cycle0' / 'scores_part_00000.npy')
    code, text = resume(undisturbed, tmp_path)
    assert code == 0, text
    assert 'scores_part_00000.npy: has' in text and 'it is scored again' in text
    assert ledger(tmp_path / 'run') == undisturbed.ledger


def begin_until(undisturbed, folder: Path, name: str) -> None:
    """Run until the manifest vouches for a file, and die."""
    code = processes.run(folder / 'output', _die_after, str(undisturbed.data), str(folder), name)
    assert code == 77, (folder / 'output').read_text()


def _die_after(data: str, work: str, name: str) -> int:
    from mmdet_miaod.run.manifest import RunState

    record = RunState.record

    def record_and_die(self, step) -> None:
        record(self, step)
        if any(file.endswith(name) for file in step.files):
            os._exit(77)

    RunState.record = record_and_die
    return begin_or_resume(data, work)


def _with_small_files(data: str, work: str) -> int:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
    return begin_or_resume(data, work)


def test_a_full_disk_ends_the_run_and_loses_nothing(undisturbed, tmp_path) -> None:
    places = (str(undisturbed.data), str(tmp_path))
    code = processes.run(tmp_path / 'output', _with_small_files, *places)
    text = (tmp_path / 'output').read_text()
    assert code == 1
    assert 'File too large' in text and 'cycle0_stage0_epoch1.pth' in text
    assert 'Nothing that was finished is lost' in text and f'--resume {tmp_path / "run"}' in text
    assert 'Traceback' not in text
    assert not list((tmp_path / 'run').rglob('.writing-*'))
    assert processes.run(tmp_path / 'output', begin_or_resume, *places) == 0
    assert ledger(tmp_path / 'run') == undisturbed.ledger


def test_leftovers_of_interrupted_steps_are_deleted(undisturbed, finished) -> None:
    run = finished / 'run'
    leftovers = [
        run / 'checkpoints' / 'cycle1_stage0_epoch1.pth',
        run / 'cycle1' / 'scores_part_00007.npy',
        run / 'cycle0' / '.writing-12-0123456789abcdef',
    ]
    for path in leftovers:
        path.write_bytes(b'half')
    (run / 'notes.txt').write_text('mine')
    assert resume(undisturbed, finished)[0] == 0
    assert not any(path.exists() for path in leftovers)
    assert (run / 'notes.txt').read_text() == 'mine'


@pytest.mark.parametrize('kept', [pytest.param(1, marks=pytest.mark.slow), 2])
def test_the_number_of_checkpoints_is_bounded(undisturbed, tmp_path, kept) -> None:
    overrides = dict(
        checkpoint_config__max_keep_ckpts=kept, schedule=[dict(name='label', epochs=4)], cycles=[0]
    )
    code = processes.run(
        tmp_path / 'output', _count_checkpoints, str(undisturbed.data), str(tmp_path), overrides
    )
    assert code == 0, (tmp_path / 'output').read_text()
    counts = json.loads((tmp_path / 'counts').read_text())
    # One more while the newest is written and not yet in the manifest; in the end one, next to the model.
    assert max(counts) == kept + 1 and counts[-1] == 1
    shown = sorted(path.name for path in (tmp_path / 'run').glob('epoch_*.pth'))
    assert shown == [f'epoch_{n}.pth' for n in range(5 - kept, 5)]
    sizes = {path.stat().st_ino: path.stat().st_size for path in (tmp_path / 'run').rglob('*.pth')}
    assert len(sizes) == kept + 1  # epochs and model; the second names of a file take no room


def _count_checkpoints(data: str, work: str, overrides: dict) -> int:
    counts = []
    do = files._do

    def count_and_do(operation: str, path: Path, action: Callable[[], Any], *told: Path) -> Any:
        if operation == 'remove':
            counts.append(len(list((Path(work) / 'run' / 'checkpoints').glob('*.pth'))))
        return do(operation, path, action, *told)

    files._do = count_and_do
    code = begin_or_resume(data, work, None, overrides)
    counts.append(len(list((Path(work) / 'run' / 'checkpoints').glob('*.pth'))))
    (Path(work) / 'counts').write_text(json.dumps(counts))
    return code


def test_a_changed_config_or_pool_is_refused_with_a_diff_unless_forced(undisturbed, finished) -> None:
    places = (str(undisturbed.data), str(finished), None, dict(X_S_size=1))
    code = processes.run(finished / 'changed', begin_or_resume, *places)
    text = (finished / 'changed').read_text()
    assert code == 1
    assert '-X_S_size = 2' in text and '+X_S_size = 1' in text and '--force' in text
    code = processes.run(finished / 'forced', begin_or_resume, *places, dict(force=True))
    assert code == 0, (finished / 'forced').read_text()
    assert 'Resuming although this changed' in (finished / 'forced').read_text()
