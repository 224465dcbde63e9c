"""miaod test: a checkpoint in, a table out."""

import json
import pickle

import pytest

from tests.commands.conftest import call
from tests.tiny_run import CLASSES, NUM_TEST, write_tiny_model


@pytest.fixture
def arguments(tmp_path, tiny_data) -> list[str]:
    return [*map(str, write_tiny_model(tmp_path, tiny_data)), '--device', 'cpu']


def test_table_files_and_images(arguments, tmp_path, capsys):
    out, show = tmp_path / 'out.pkl', tmp_path / 'show'
    options = ['--eval', 'mAP', '--out', str(out), '--show-dir', str(show), '--show-score-thr', '0']
    assert call('test', *arguments, *options) == 0
    heads, _, *lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in (heads, *lines)]
    assert rows[0] == ['class', 'boxes', 'detections', 'AP (%)']
    assert [row[0] for row in rows[1:]] == [*CLASSES, 'mAP']
    assert sum(int(row[2]) for row in rows[1:-1]) == 5 * NUM_TEST
    detections = pickle.loads(out.read_bytes())
    assert [len(by_class) for by_class in detections] == [len(CLASSES)] * NUM_TEST
    assert len(list(show.glob('*.jpg'))) == NUM_TEST


def test_json(arguments, capsys):
    assert call('test', *arguments, '--json') == 0
    metrics = json.loads(capsys.readouterr().out)
    assert set(metrics) == {'mAP', 'AP', 'AP50'}
    assert set(metrics['AP']) == set(CLASSES)


def test_images_go_into_a_used_folder_too(arguments, tmp_path):
    (tmp_path / 'mine.jpg').write_text('mine')
    for _ in range(2):
        assert call('test', *arguments, '--show-dir', tmp_path) == 0
        assert len(list(tmp_path.glob('*.jpg'))) == NUM_TEST + 1
    assert (tmp_path / 'mine.jpg').read_text() == 'mine'


@pytest.mark.parametrize(('option', 'name'), [('--out', 'out.pkl'), ('--show-dir', 'show')])
def test_a_file_is_not_overwritten(arguments, tmp_path, capsys, option, name):
    target = tmp_path / name
    target.write_text('mine')
    assert call('test', *arguments, option, tmp_path / name) == 1
    assert f'error: {tmp_path / name}' in capsys.readouterr().err
    assert target.read_text() == 'mine'


def test_what_is_missing_is_said(arguments, capsys):
    arguments[1] += 'x'
    assert call('test', *arguments) == 1
    assert f'{arguments[1]}: no such checkpoint' in capsys.readouterr().err
