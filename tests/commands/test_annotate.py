"""The commands from a folder of photographs to the second batch, as a person types them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from mmcv import Config

from tests.annotation.label_studio_stub import TOKEN, label_studio_stub
from tests.commands.conftest import call, run
from tests.photograph_run import label_as_person, make_photographs, photograph_options
from tests.tiny_run import CLASSES, REPOSITORY


@pytest.fixture(scope='module')
def drawn(tmp_path_factory):
    return make_photographs(tmp_path_factory.mktemp('photos'), 16)


@pytest.fixture
def base(tmp_path, drawn) -> Path:
    """A config that makes the model of every run here tiny."""
    config = Config.fromfile(str(REPOSITORY / 'configs' / 'MIAOD_photographs.py'))
    config.merge_from_dict(photograph_options(drawn[0], tmp_path))
    (tmp_path / 'base.py').write_text(config.pretty_text)
    return tmp_path / 'base.py'


def _start(base: Path, photographs: Path, *more: str) -> int:
    sizes = ['--first-size', '4', '--batch-size', '3', '--cycles', '2', '--device', 'cpu']
    out = ['--out', base.parent / 'bolts', '--base', base]
    return call('annotate', 'start', photographs, '--classes', *CLASSES, *out, *sizes, *more)


def test_from_a_folder_to_the_second_batch_in_three_commands_of_ours(tmp_path, drawn, base, capsys) -> None:
    photographs, labels = drawn
    assert _start(base, photographs) == 0
    waiting, how, resume = capsys.readouterr().out.splitlines()
    run = tmp_path / 'bolts'
    assert waiting == f'4 images wait for labels in {run}/batches/1 (4 of them undecided).'
    steps = f'(or as {run}/batches/1/README.txt says, then miaod annotate import)'
    assert how == f'Label them with: miaod annotate label {run} {steps}'
    assert resume == f'Resume with: miaod train --resume {run}'
    assert call('annotate', 'import', run, label_as_person(run, 1, labels)) == 0
    assert 'untouched: 0\n' in capsys.readouterr().out
    assert call(*resume.removeprefix('Resume with: miaod ').split(), '--device', 'cpu', '-q') == 4
    waiting = capsys.readouterr().out.splitlines()[0]
    assert waiting == f'3 images wait for labels in {run}/batches/2 (3 of them undecided).'
    tasks = json.loads((run / 'batches/2/tasks.json').read_text())
    assert all('predictions' in task for task in tasks)


def test_status_tells_of_each_batch(tmp_path, drawn, base, capsys) -> None:
    photographs, labels = drawn
    assert _start(base, photographs, '--test-size', '5') == 0
    run = tmp_path / 'bolts'
    decide = {0: 'leave', 1: None, 2: []}
    export = label_as_person(run, 2, labels, lambda i, boxes: decide.get(i, boxes))
    assert call('annotate', 'import', run, export) == 0
    said = capsys.readouterr().out
    assert '1 images are not decided' in said and 'decided (b2-0001-' in said
    assert call('annotate', 'status', run) == 0
    rows = [
        re.split(r'\s*\|\s*', line.strip('| '))
        for line in capsys.readouterr().out.splitlines()
        if '|' in line
    ]
    boxes = rows[3][9]
    assert rows[2] == ['1', 'test set', '5', '0', '0', '0', '0', '5', '0', '0', '-', 'waits']
    assert rows[3] == ['2', 'cycle 0', '4', '1', '1', '1', '1', '0', '0', boxes, '0.3', 'waits']


def test_a_batch_is_written_for_another_tool(tmp_path, drawn, base, capsys) -> None:
    _start(base, drawn[0])
    capsys.readouterr()
    assert call('annotate', 'export', tmp_path / 'bolts', '--to', 'cvat') == 0
    folder = Path(capsys.readouterr().out.strip())
    assert folder == tmp_path / 'bolts/batches/1'
    assert {'annotations.xml', 'labels.json'} <= {path.name for path in folder.iterdir()}
    assert 'CVAT' in (folder / 'README.txt').read_text()
    assert call('annotate', 'export', tmp_path / 'bolts', '--to', 'coco', '--batch', '7') == 1


def test_a_server_gets_the_batch_and_gives_the_labels(tmp_path, drawn, base, capsys, monkeypatch) -> None:
    photographs, labels = drawn
    _start(base, photographs)
    run = tmp_path / 'bolts'
    capsys.readouterr()
    monkeypatch.setenv('LABEL_STUDIO_API_KEY', TOKEN)
    with label_studio_stub() as (stub, url):
        assert call('annotate', 'export', run, '--to', 'label-studio', '--url', url) == 0
        assert capsys.readouterr().out == f'{url}/projects/1/data\n'
        assert len(stub.tasks) == 4
        stub.export = json.loads(label_as_person(run, 1, labels).read_text())
        assert call('annotate', 'import', run, '--from', url) == 0
    assert 'reviewed, nothing there: ' in capsys.readouterr().out
    assert call('annotate', 'import', run) == 2
    assert call('annotate', 'export', run, '--to', 'coco', '--url', url) == 2
    assert TOKEN not in ''.join(path.read_text(errors='ignore') for path in run.rglob('*') if path.is_file())


def test_start_again_begins_where_it_was_stopped(tmp_path, drawn, base, capsys) -> None:
    photographs, labels = drawn
    assert _start(base, photographs) == _start(base, photographs) == 0
    assert _start(base, photographs, '--seed', '1') == 1
    assert 'is there with other settings' in capsys.readouterr().err
    run = tmp_path / 'bolts'
    call('annotate', 'import', run, label_as_person(run, 1, labels))
    assert call('train', f'{run}.py', '--resume', run, '--device', 'cpu', '-q') == 4
    assert _start(base, photographs) == 1
    assert 'this run has begun to train; resume it with' in capsys.readouterr().err


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['import', 'RUN', 'no.json'], 'no.json: no such file or folder'),
        (['import', 'RUN', 'RUN/images.json'], 'is no export of Label Studio'),
        (['import', 'PHOTOS', 'RUN/images.json'], 'there is no manifest'),
        (['status', 'PHOTOS'], 'there is no manifest'),
        (['export', 'PHOTOS', '--to', 'cvat'], 'there is no manifest'),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(tmp_path, drawn, base, capsys, arguments, message) -> None:
    _start(base, drawn[0])
    places = {'RUN': str(tmp_path / 'bolts'), 'PHOTOS': str(drawn[0])}
    words = [word.replace('RUN', places['RUN']).replace('PHOTOS', places['PHOTOS']) for word in arguments]
    assert call('annotate', *words) == 1
    error = capsys.readouterr().err
    assert message in error and 'Traceback' not in error


@pytest.mark.parametrize('names', [['a', 'a'], ['${x}'], ['{{ x }}'], [' '], ['a\nb']])
def test_class_names_that_cannot_be_used_are_refused(tmp_path, drawn, base, capsys, names) -> None:
    out = ['--out', tmp_path / 'bolts', '--base', base, '--device', 'cpu']
    assert call('annotate', 'start', drawn[0], '--classes', *names, *out) == 1
    assert 'class' in capsys.readouterr().err
    assert not (tmp_path / 'bolts').exists()


def test_each_subcommand_has_help_with_an_example() -> None:
    done = run('annotate', 'start', '--help')
    assert done.returncode == 0 and f'example: python {REPOSITORY}/tools/annotate.py start' in done.stdout


def test_the_report_of_a_run_shows_what_people_labeled(tmp_path, drawn, base, capsys) -> None:
    photographs, labels = drawn
    _start(base, photographs, '--test-size', '5')
    run = tmp_path / 'bolts'
    for number in (1, 2):
        call('annotate', 'import', run, label_as_person(run, number, labels))
    assert call('train', f'{run}.py', '--resume', run, '--device', 'cpu', '-q', '--no-report') == 4
    capsys.readouterr()
    assert call('report', run) == 0
    assert 'data:image' in Path(capsys.readouterr().out.strip()).read_text()


def test_the_doctor_knows_that_people_will_label(tmp_path, drawn, base, capsys) -> None:
    _start(base, drawn[0])
    capsys.readouterr()
    assert call('doctor', tmp_path / 'bolts.py', '--device', 'cpu') == 0
