"""Nothing outside of a run directory is deleted or overwritten because something in it is a symbolic link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmdet_miaod.annotation.batch import batch_folder
from mmdet_miaod.engine.run_log import RunLog
from mmdet_miaod.run.file_record import verify
from mmdet_miaod.run.files import link_file, remove_temporary_files, write_text
from mmdet_miaod.run.identity import RunIdentity
from mmdet_miaod.run.lock import LOCK_NAME, lock_run
from mmdet_miaod.run.log import run_logger
from mmdet_miaod.run.manifest import MANIFEST_NAME, RunState
from mmdet_miaod.run.own_paths import open_to_append
from mmdet_miaod.run.step import FinishedStep
from mmdet_miaod.visualization.report import write_report
from tests.tiny_run import tiny_train
from tests.visualization.recorded_run import write_run

NAMES = [
    'cycle0_stage0_epoch1.pth',
    'scores_part_00000.npy',
    'features_f_part_00001.npy',
    'trainval_L_07.txt',
    'scores.npy',
    'model.pth',
    '.writing-12-0123456789abcdef',
]


@pytest.fixture
def outside(tmp_path) -> Path:
    """A folder of somebody else with files that have the names of a run's."""
    folder = tmp_path / 'outside'
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text('mine')
    return folder


@pytest.fixture
def state(tmp_path) -> RunState:
    """A run directory, reached by way of a link, as one on another disk may be."""
    (tmp_path / 'disk').mkdir()
    (tmp_path / 'run').symlink_to(tmp_path / 'disk')
    return RunState(tmp_path / 'run', RunIdentity({}, 'abc', 10, 666), {})


def fail(record: object) -> None:
    """There are no images."""
    raise ValueError('no data here')


def untouched(folder: Path) -> bool:
    return {path.name: path.read_text() for path in folder.iterdir()} == dict.fromkeys(NAMES, 'mine')


def test_orphans_are_deleted_in_the_run_directory_alone(state, outside) -> None:
    (state.directory / 'checkpoints').symlink_to(outside)
    (state.directory / 'cycle0').symlink_to('../outside')
    for name in ('cycle1/scores_part_00000.npy', 'cycle1/features_f_part_00000.npy', 'cycle1/scores.npy'):
        write_text(state.path(name), 'orphan')
    state.remove_orphans()
    assert untouched(outside)
    assert [path.name for path in (state.directory / 'cycle1').iterdir()] == ['scores.npy']


@pytest.mark.parametrize('name', ['checkpoints/cycle0_stage0_epoch1.pth', 'cycle0/scores_part_00000.npy'])
def test_forgotten_files_behind_a_link_are_not_deleted(state, outside, name) -> None:
    (state.directory / name).parent.symlink_to(outside)
    state.record(FinishedStep('epoch', 0, files={name: [4, '0' * 64]}))
    with pytest.raises(OSError, match=f'symbolic link.*{Path(name).parent}'):
        state.drop(state.forget_files('epoch', 0))
    assert untouched(outside)


def test_a_link_in_place_of_a_file_is_deleted_and_not_what_it_leads_to(state, outside) -> None:
    path = state.path('checkpoints/cycle0_stage0_epoch1.pth')
    path.parent.mkdir()
    path.symlink_to(outside / path.name)
    state.record(FinishedStep('epoch', 0, files={'checkpoints/cycle0_stage0_epoch1.pth': [4, '0' * 64]}))
    state.drop(state.forget_files('epoch', 0))
    assert untouched(outside)
    assert not path.is_symlink()


def test_writing_replaces_links_and_does_not_follow_them(tmp_path, outside) -> None:
    (tmp_path / 'model.pth').symlink_to(outside / 'model.pth')
    record = write_text(tmp_path / 'model.pth', 'new')
    assert untouched(outside)
    verify(record)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['model.pth', 'outside']
    assert not (tmp_path / 'model.pth').is_symlink()


def test_a_second_name_replaces_links_and_does_not_follow_them(tmp_path, outside) -> None:
    source = write_text(tmp_path / 'epoch_1.pth', 'new').path
    (tmp_path / 'latest.pth').symlink_to(outside / 'model.pth')
    link_file(source, tmp_path / 'latest.pth')
    assert untouched(outside)
    assert (tmp_path / 'latest.pth').read_text() == 'new'


def test_the_manifest_may_be_no_way_out(state, outside) -> None:
    (state.directory / MANIFEST_NAME).symlink_to(outside / 'scores.npy')
    state.save()
    state.save()
    assert untouched(outside)
    assert RunState.load(state.directory).steps == []


def test_the_lock_is_not_taken_in_another_file(tmp_path, outside) -> None:
    (tmp_path / LOCK_NAME).symlink_to(outside / 'model.pth')
    with pytest.raises(OSError, match=LOCK_NAME):
        lock_run(tmp_path)
    assert untouched(outside)


def test_another_name_of_the_lock_is_not_written_to(tmp_path, outside) -> None:
    (tmp_path / LOCK_NAME).hardlink_to(outside / 'model.pth')
    lock = lock_run(tmp_path)
    with pytest.raises(BlockingIOError, match='another process is running'):
        lock_run(tmp_path)
    lock.release()
    assert untouched(outside)


def test_a_pipe_is_no_lock(tmp_path) -> None:
    os.mkfifo(tmp_path / LOCK_NAME)
    with pytest.raises(OSError, match=r'is no file, and so no lock: .*\.lock'):
        lock_run(tmp_path)


@pytest.mark.parametrize('name', ['20260101_000000.log', '20260101_000000.log.json'])
@pytest.mark.parametrize('kind', ['link', 'way out', 'second name', 'pipe'])
def test_logs_are_not_written_to_other_files(tmp_path, outside, name, kind) -> None:
    path = tmp_path / name
    if kind == 'link':
        path.symlink_to(outside / 'model.pth')
    elif kind == 'way out':
        path.symlink_to(tmp_path / 'elsewhere')
    elif kind == 'second name':
        path.hardlink_to(outside / 'model.pth')
    else:
        os.mkfifo(path)
    begin = RunLog(path).begin if name.endswith('json') else lambda facts: run_logger(path).__enter__()
    reason = dict(pipe='No such device', **{'second name': 'has another name too'})
    with pytest.raises(OSError, match=f'{reason.get(kind, "is a symbolic link, which is not")}.*{name}'):
        begin(dict(seed=1))
    assert untouched(outside)
    assert not (tmp_path / 'elsewhere').exists()


def test_a_log_is_appended_to(tmp_path) -> None:
    for text in (b'a', b'b'):
        with open_to_append(tmp_path / 'log') as file:
            file.write(text)
    assert (tmp_path / 'log').read_bytes() == b'ab'
    assert file.name == str(tmp_path / 'log')


@pytest.mark.parametrize('target', ['outside', 'nowhere'])
def test_plots_are_not_written_through_a_link(tmp_path, outside, target) -> None:
    run = write_run(tmp_path / 'run')
    (outside.parent / 'nowhere').mkdir()
    (run / 'report_plots').symlink_to(outside.parent / target)
    with pytest.raises(OSError, match=r'symbolic link.*report_plots'):
        write_report([run], fail)
    assert untouched(outside)
    assert list((outside.parent / 'nowhere').iterdir()) == []


def test_tensorboard_files_are_not_written_through_a_link(tmp_path, tiny_data, outside) -> None:
    def link(directory: Path) -> None:
        (directory / 'tf_logs').symlink_to(outside)

    hooks = [dict(type='TensorboardLoggerHook')]
    with pytest.raises(OSError, match=r'symbolic link.*tf_logs'):
        tiny_train(
            tiny_data, tmp_path / 'work', options=dict(on_directory=link), log_config__hooks=hooks, cycles=[0]
        )
    assert untouched(outside)


@pytest.mark.parametrize('name', ['batches', 'batches/1'])
def test_batches_are_not_written_through_a_link(tmp_path, outside, name) -> None:
    (tmp_path / 'run' / name).parent.mkdir(parents=True)
    (tmp_path / 'run' / name).symlink_to(outside)
    with pytest.raises(OSError, match=f'symbolic link.*{name}'):
        batch_folder(tmp_path / 'run', 1)


def test_leftover_temporary_files_are_deleted_in_the_run_directory_alone(state, outside) -> None:
    (state.directory / 'cycle0').symlink_to(outside)
    write_text(state.path('cycle1/.writing-12-0123456789abcdef'), 'leftover')
    remove_temporary_files(state.directory)
    assert untouched(outside)
    assert list((state.directory / 'cycle1').iterdir()) == []


@pytest.mark.parametrize('folder', ['cycle0', 'checkpoints', 'cycle1'])
def test_a_run_does_not_write_through_a_link(tmp_path, tiny_data, outside, folder) -> None:
    def link(directory: Path) -> None:
        (directory / folder).symlink_to(outside)

    with pytest.raises(OSError, match=f'symbolic link.*{folder}'):
        tiny_train(tiny_data, tmp_path / 'work', options=dict(on_directory=link))
    assert untouched(outside)
