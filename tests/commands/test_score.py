"""miaod score: a ranking of any images, whatever is among them and whatever happens meanwhile."""

import csv
import io
import json
import re
import signal
import subprocess
import sys

import pytest

from mmdet_miaod.datasets import image_files
from tests.commands.conftest import call, command, run
from tests.terminal import run_in_terminal, visible
from tests.tiny_run import REPOSITORY

# Runs the tool, and dies when the third chunk is about to be saved.
KILLED = """
import os, signal, sys
from mmdet_miaod.run.partial_ranking import PartialRanking
from mmdet_miaod.commands.score import COMMAND

save = PartialRanking.add

def save_two(self, entries):
    if self._next == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    save(self, entries)

PartialRanking.add = save_two
COMMAND.run('miaod score')
"""


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_folder_is_ranked(tiny_model, photos, tmp_path, capsys) -> None:
    out = tmp_path / 'ranking.csv'
    assert call('score', *tiny_model, photos, '--out', out, '--device', 'cpu') == 0
    rows = rows_of(out.read_text())
    assert sorted(row['image'] for row in rows) == sorted(map(str, photos.iterdir()))
    assert [int(row['rank']) for row in rows] == list(range(1, 29))
    scores = [float(row['uncertainty']) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert set(rows[0]) == {'rank', 'image', 'uncertainty', 'percentile', 'detections', 'classes'}
    assert int(rows[0]['detections']) == 5
    assert sum(int(count) for count in re.findall(r' (\d+)', rows[0]['classes'])) == 5
    assert [float(row['percentile']) for row in (rows[0], rows[13], rows[27])] == [100, 53.6, 3.6]
    captured = capsys.readouterr()
    assert captured.out == ''
    assert '28 images were ranked, 0 skipped.' in captured.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ['ranking.csv']


def test_the_most_uncertain_are_copied(tiny_model, photos, tmp_path, capsys) -> None:
    (tmp_path / 'labeled.txt').write_text('000001\n000002.jpg\n')
    options = ['--exclude', tmp_path / 'labeled.txt', '--top', '3', '--copy-to', tmp_path / 'next']
    assert call('score', *tiny_model, photos, *options, '--device', 'cpu', '--format', 'json') == 0
    captured = capsys.readouterr()
    ranking = json.loads(captured.out)['ranking']
    assert [entry['rank'] for entry in ranking] == [1, 2, 3]
    assert set(ranking[0]['boxes'][0]) == {'class', 'score', 'box'}
    copies = sorted(path.name for path in (tmp_path / 'next').iterdir())
    assert copies == [f'{e["rank"]}_{e["image"].rpartition("/")[2]}' for e in ranking]
    assert '2 of 28 images are excluded.' in captured.err
    assert '26 images were ranked, 0 skipped.' in captured.err
    assert call('score', *tiny_model, photos, *options, '--device', 'cpu') == 1
    assert f'{tmp_path / "next"}: is not empty' in capsys.readouterr().err


def test_every_file_that_is_not_ranked_is_named(tiny_model, photos, tmp_path, capsys) -> None:
    (tmp_path / 'a.jpg').write_bytes((photos / '000001.jpg').read_bytes())
    for name in ('b.HEIC', 'c.tif', '.hidden/d.jpg', '.e.txt'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('other')
    assert call('score', *tiny_model, tmp_path, '--device', 'cpu') == 0
    errors = capsys.readouterr().err
    assert '1 images were ranked, 2 skipped.' in errors
    assert f"skipped: '{tmp_path}/b.HEIC': only " in errors and f"skipped: '{tmp_path}/c.tif': " in errors


def test_data_goes_to_stdout_and_messages_to_stderr(tiny_model, photos) -> None:
    done = run('score', *tiny_model, photos, '--device', 'cpu')
    assert done.returncode == 0
    assert len(rows_of(done.stdout)) == 28
    assert done.stderr.splitlines() == ['28 images were ranked, 0 skipped.']


def test_a_terminal_shows_a_live_line(tiny_model, photos) -> None:
    code, output, text = run_in_terminal(command('score', *tiny_model, photos, '--device', 'cpu'))
    assert code == 0
    assert len(rows_of(output.decode())) == 28
    checking, scoring, message = visible(text)
    assert re.fullmatch(r'checking ━+ +28/28 \S+ images/s took 0:00:\d\d', checking)
    assert re.fullmatch(r'scoring ━+ +28/28 \S+ images/s took 0:00:\d\d', scoring)
    assert message == '28 images were ranked, 0 skipped.'


def test_quiet(tiny_model, photos, capsys) -> None:
    assert call('score', *tiny_model, photos, '--device', 'cpu', '-q') == 0
    assert capsys.readouterr().err == ''


def test_bad_images_are_listed_and_skipped(tiny_model, photos, tmp_path, capsys) -> None:
    (tmp_path / '<img src=x onerror=alert(1)>.jpg').write_text('no image')
    (tmp_path / 'cut.jpg').write_bytes((photos / '000001.jpg').read_bytes()[:600])
    good = photos / '000001.jpg'
    names = [good, '<img src=x onerror=alert(1)>.jpg', 'cut.jpg', 'missing.jpg']
    (tmp_path / 'list.txt').write_text(''.join(f'{name}\n' for name in names))
    out = tmp_path / 'ranking.json'
    assert call('score', *tiny_model, tmp_path / 'list.txt', '--out', out, '--device', 'cpu') == 0
    written = json.loads(out.read_text())
    assert [entry['image'] for entry in written['ranking']] == [str(good)]
    assert [entry['image'] for entry in written['skipped']] == [str(tmp_path / name) for name in names[1:]]
    messages = capsys.readouterr().err
    assert all(f"skipped: '{tmp_path / name}'" in messages for name in names[1:])
    assert '1 images were ranked, 3 skipped.' in messages


def test_nothing_but_bad_images_is_an_error(tiny_model, tmp_path, capsys) -> None:
    (tmp_path / 'bad.jpg').write_text('no image')
    assert call('score', *tiny_model, tmp_path, '--device', 'cpu') == 1
    captured = capsys.readouterr()
    assert captured.out == ''
    assert "bad.jpg': " in captured.err
    assert captured.err.endswith('error: none of the images can be read\n')


@pytest.mark.parametrize(
    ('position', 'path', 'message'),
    [
        (0, 'no/such/config.py', 'no/such/config.py'),
        (1, 'no/such/model.pth', 'no/such/model.pth: no such checkpoint'),
        (2, 'no/such/folder', 'no/such/folder: no such folder, list or image'),
    ],
)
def test_what_is_missing_is_said(tiny_model, photos, capsys, position, path, message) -> None:
    arguments = [*tiny_model, str(photos)]
    arguments[position] = path
    assert call('score', *arguments, '--device', 'cpu') == 1
    captured = capsys.readouterr()
    assert captured.out == ''
    (line,) = captured.err.splitlines()
    assert line.startswith('error: ') and message in line


@pytest.mark.parametrize(
    'wrong', [['--batch-size', '0'], ['--format', 'xml'], ['-q', '-v'], ['--no-such'], ['--copy-to', 'a']]
)
def test_wrong_usage(tiny_model, photos, capsys, wrong) -> None:
    assert call('score', *tiny_model, photos, *wrong) == 2
    assert 'usage: ' in capsys.readouterr().err


def test_a_killed_ranking_goes_on_and_ends_the_same(
    tiny_model, photos, tmp_path, capsys, monkeypatch
) -> None:
    options = ['--batch-size', '3', '--chunk-size', '5', '--device', 'cpu']
    arguments = [*tiny_model, str(photos), *options]
    out = tmp_path / 'killed.csv'
    killed = subprocess.run(
        [sys.executable, '-c', KILLED, *arguments, '--out', str(out)], cwd=REPOSITORY, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()
    decoded, decode = [], image_files.decode
    monkeypatch.setattr(image_files, 'decode', lambda path: decoded.append(path) or decode(path))
    assert call('score', *arguments, '--out', out) == 0
    assert 'Resuming: 12 images are scored already.' in capsys.readouterr().err
    assert len(decoded) == 28 - 12  # chunks are of whole batches
    assert call('score', *arguments, '--out', tmp_path / 'whole.csv') == 0
    assert out.read_text() == (tmp_path / 'whole.csv').read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ['killed.csv', 'whole.csv']
