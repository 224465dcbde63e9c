"""miaod visualize: heat maps of images, contact sheets of a cycle."""

import csv
import io
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.commands.conftest import call

uncertainty = partial(call, 'visualize', 'uncertainty')
split = partial(call, 'visualize', 'split')
browse = partial(call, 'visualize', 'browse')


def test_heat_maps_and_instances(tiny_model, photos, tmp_path, capsys) -> None:
    images = [photos / '000001.jpg', photos / '000002.jpg']
    assert uncertainty(*tiny_model, *images, '--out', tmp_path, '--top', '3', '--device', 'cpu') == 0
    captured = capsys.readouterr()
    pictures = [tmp_path / f'00{n}_00000{n}_uncertainty.png' for n in (1, 2)]
    assert captured.out.splitlines() == [str(path) for path in pictures]
    assert [line.split(': ')[0] for line in captured.err.splitlines()] == [str(path) for path in images]
    for path in pictures:
        assert min(Image.open(path).size) > 300
        table = Path(str(path).replace('uncertainty.png', 'instances.csv')).read_text()
        rows = list(csv.DictReader(io.StringIO(table)))
        assert [row['rank'] for row in rows] == ['1', '2', '3']
        shares = [float(row['share']) for row in rows]
        assert shares == sorted(shares, reverse=True)
        for row in rows:
            assert 0 <= float(row['p1']) <= 1 and 0 <= float(row['p2']) <= 1


def test_hostile_names_stay_in_the_folder(tiny_model, photos, tmp_path, capsys) -> None:
    (tmp_path / 'in').mkdir()
    image = tmp_path / 'in' / '..<b> $x$ \u202egpj".jpg'
    image.write_bytes((photos / '000001.jpg').read_bytes())
    assert uncertainty(*tiny_model, image, '--out', tmp_path / 'out', '--device', 'cpu') == 0
    (picture,) = capsys.readouterr().out.splitlines()
    assert Path(picture).parent == tmp_path / 'out'
    assert len(list((tmp_path / 'out').iterdir())) == 2


@pytest.mark.parametrize('cycle', [['--cycle', '0'], []])
def test_contact_sheets_of_a_cycle_or_the_newest_with_a_selection(
    finished_run, tmp_path, capsys, cycle
) -> None:
    assert split(finished_run, *cycle, '--out', tmp_path) == 0
    names = ['labeled.jpg', 'selected.jpg', 'least_uncertain.jpg']
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / name) for name in names]
    sizes = [Image.open(tmp_path / name).size for name in names]
    assert sizes[0][0] > sizes[1][0]  # 4 images in a row, and 3
    assert sizes[2][1] > sizes[0][1]  # 20 images in rows of 6


def test_the_last_cycle_selected_nothing(finished_run, tmp_path, capsys) -> None:
    assert split(finished_run, '--cycle', '1', '--out', tmp_path) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [str(tmp_path / 'labeled.jpg')]
    assert captured.err.splitlines() == [
        'selected, cycle 1: 0 images: nothing to show',
        'least uncertain, cycle 1: 0 images: nothing to show',
    ]


def test_what_a_run_or_a_config_trains_on(finished_run, tiny_model, tmp_path, capsys) -> None:
    for source in (finished_run, Path(tiny_model[0])):
        out = tmp_path / source.name
        assert browse(source, '--out', out, '--count', '3', '--draws', '2', '-q') == 0
        written = [Path(line) for line in capsys.readouterr().out.splitlines()]
        assert sorted(out.iterdir()) == sorted(written)
        kinds = [path.name.split('_')[0] for path in written]
        assert kinds == ['labeled'] * 3 + ['unlabeled'] * 3
        assert len({path.name.split('_')[1] for path in written}) == 6
        assert Image.open(written[0]).size == (3 * 648 - 8, 640)
    labeled = set(np.load(finished_run / 'X_L_1.npy'))
    for path in (tmp_path / finished_run.name).iterdir():
        assert (int(path.name.split('_')[1]) in labeled) == path.name.startswith('labeled')


@pytest.mark.parametrize(
    ('arguments', 'code', 'message'),
    [
        ([], 2, 'usage: '),
        (['split', 'RUN', '--cycle', '7'], 1, 'there is no cycle 7; it has [0, 1]'),
        (['browse', 'no.py', '--out', 'x'], 1, 'no.py'),
        (['split', 'no/run', '--cycle', '0'], 1, 'no/run: this is no run directory'),
        (
            ['uncertainty', 'CONFIG', 'no/model.pth', 'a.jpg', '--out', 'x'],
            1,
            'no/model.pth: no such',
        ),
    ],
)
def test_what_is_wrong_is_said(finished_run, tiny_model, capsys, arguments, code, message) -> None:
    places = dict(RUN=finished_run, CONFIG=tiny_model[0])
    assert call('visualize', *(places.get(a, a) for a in arguments)) == code
    captured = capsys.readouterr()
    assert captured.out == ''
    assert message in captured.err and 'Traceback' not in captured.err
