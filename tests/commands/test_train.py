"""A run that is stopped, and resumed by nothing but its directory."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from mmdet_miaod.run.manifest import RunState
from tests.commands.conftest import call, command, run
from tests.reliability.tiny_job import ledger
from tests.tiny_run import REPOSITORY, write_tiny_config


@pytest.fixture(scope='module')
def config(tmp_path_factory, tiny_data) -> Path:
    folder = tmp_path_factory.mktemp('config')
    return write_tiny_config(folder / 'mine.py', tiny_data, folder / 'not_here')


@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory, config) -> dict:
    """What an uninterrupted run of it ends with."""
    work = tmp_path_factory.mktemp('undisturbed')
    assert run('train', config, *_options(work)).returncode == 0
    return ledger(work / 'run')


def _options(work: Path) -> list[str]:
    """Options that a resume has to know and is not told."""
    where = ['--work-dir', str(work), '--run-name', 'run', '--device', 'cpu']
    return [*where, '--deterministic', '--no-report', '--seed', '7', '-q']


def _stopped(config: Path, work: Path, number: int) -> tuple[int, str]:
    """Stop a run after its first epoch; returns its exit code and what it said."""
    words = command('train', config, *_options(work))
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    for _ in range(1200):
        if list(work.glob('run/checkpoints/*.pth')):
            break
        time.sleep(0.1)
    process.send_signal(number)
    errors = process.communicate(timeout=120)[1]
    return process.returncode, errors


def test_after_ctrl_c_the_line_that_is_said_ends_the_run_as_if_nothing_happened(
    tmp_path, config, undisturbed
) -> None:
    directory = tmp_path / 'run'
    code, errors = _stopped(config, tmp_path, signal.SIGINT)
    said = errors.splitlines()[-1]
    assert code == 130, errors
    assert said == f'interrupted. Resume with: python {REPOSITORY}/tools/train.py --resume {directory}'
    words = said.split('/tools/train.py ')[1].split()
    assert run('train', *words).returncode == 0
    assert ledger(directory) == undisturbed
    assert not (directory / 'report.html').exists()


def test_a_killed_run_too(tmp_path, config, undisturbed) -> None:
    directory = tmp_path / 'run'
    _stopped(config, tmp_path, signal.SIGKILL)
    assert call('train', '--resume', directory, '-q') == 0
    assert ledger(directory) == undisturbed
    session = RunState.load(directory).options['session']
    assert session == dict(device='cpu', deterministic=True, report=False)


def test_what_is_given_again_wins_and_is_kept(tmp_path, config, capsys) -> None:
    assert call('train', config, *_options(tmp_path)) == 0
    more = ['--cfg-options', 'cycles=[0,1,2]']
    assert call('train', '--resume', tmp_path / 'run', '-q', *more) == 1
    assert 'the config or the data is not what this run began with' in capsys.readouterr().err
    assert call('train', '--resume', tmp_path / 'run', '-q', '--force', *more) == 0
    assert RunState.load(tmp_path / 'run').find('end', 2) is not None
    assert call('train', '--resume', '--work-dir', tmp_path, '-q') == 0  # the newest there
    assert [path.name for path in (tmp_path / 'run').glob('*.py')] == ['mine.py']


def test_without_a_config_there_has_to_be_a_run(tmp_path, capsys) -> None:
    assert call('train') == 2
    assert call('train', '--resume') == 2
    assert 'a config is needed, or --resume RUN_DIR' in capsys.readouterr().err
    assert call('train', '--resume', tmp_path / 'gone') == 1
    assert 'gone: there is no run to resume here' in capsys.readouterr().err


def test_options_of_mmdetection(tmp_path, config) -> None:
    where = ['--work-dir', tmp_path, '--run-name', 'run', '--device', 'cpu', '-q']
    cycle = ['--no-validate', '--cfg-options', 'cycles=[0]']
    assert call('train', config, '--auto-resume', *where, *cycle) == 0  # there is none: it begins
    assert json.loads((tmp_path / 'run/metrics.json').read_text())[0]['mAP'] is None
    steps = len(RunState.load(tmp_path / 'run').steps)
    assert call('train', config, '--auto-resume', *where, *cycle) == 0
    assert call('train', '--resume-from', tmp_path / 'run/latest.pth', '-q') == 0
    assert len(RunState.load(tmp_path / 'run').steps) == steps


@pytest.mark.parametrize(
    'wrong',
    [['--gpu-id', 'x'], ['--auto-resume', '--resume', 'a'], ['--auto-resume', '--init-split', 'a', 'b']],
)
def test_options_of_mmdetection_that_do_not_fit(config, wrong) -> None:
    assert call('train', config, *wrong) == 2


def test_gpu_id_is_a_device(config, capsys) -> None:
    assert call('train', config, '--gpu-id', '99') == 1
    assert 'cuda:99' in capsys.readouterr().err


def test_a_folder_of_photographs_is_no_config(tmp_path, capsys) -> None:
    assert call('train', tmp_path) == 2
    assert f'miaod annotate start {tmp_path} --classes NAME ... --out RUN' in capsys.readouterr().err
