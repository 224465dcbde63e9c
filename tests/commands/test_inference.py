"""miaod inference: a picture with boxes, and the image's uncertainty."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.commands.conftest import call, run


def test_picture_and_uncertainty(tiny_model, photos, tmp_path) -> None:
    image, out = photos / '000001.jpg', tmp_path / 'pic.png'
    done = run('inference', *tiny_model, image, '--out', out, '--score-thr', '0', '--device', 'cpu')
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert answer['image'] == str(image)
    assert 0 < answer['uncertainty'] < 1
    assert len(answer['boxes']) == 5
    assert done.stderr.splitlines() == [f'{out}: 5 of 5 boxes are drawn.']
    before, after = np.asarray(Image.open(image)), np.asarray(Image.open(out))
    assert after.shape == before.shape
    assert (after != before).any()


def test_nothing_is_drawn_where_no_box_is_sure(tiny_model, photos, tmp_path, capsys) -> None:
    image, out = photos / '000001.jpg', tmp_path / 'pic.png'
    assert call('inference', *tiny_model, image, '--out', out, '--score-thr', '1', '--device', 'cpu') == 0
    assert (np.asarray(Image.open(image)) == np.asarray(Image.open(out))).all()
    assert f'{out}: 0 of 5 boxes are drawn.' in capsys.readouterr().err


def test_folders_and_images(tiny_model, photos, tmp_path, capsys) -> None:
    (tmp_path / 'text.jpg').write_text('no image')
    out = tmp_path / 'pictures'
    options = ['--out', out, '--score-thr', '1', '--device', 'cpu']
    assert call('inference', *tiny_model, photos, tmp_path / 'text.jpg', *options) == 0
    captured = capsys.readouterr()
    answers = [json.loads(line) for line in captured.out.splitlines()]
    assert [answer['image'] for answer in answers] == sorted(map(str, photos.iterdir()))
    assert all(answer['boxes'] == [] for answer in answers)
    assert len(list(out.iterdir())) == 28
    assert f"skipped: '{tmp_path}/text.jpg'" in captured.err
    assert call('inference', *tiny_model, photos, '--out', tmp_path / 'a.jpg', '--device', 'cpu') == 1
    assert 'name a folder' in capsys.readouterr().err


def test_the_percentile_is_that_of_the_runs_pool(finished_run, photos, capsys) -> None:
    scores = np.load(finished_run / 'cycle0' / 'scores.npy')
    model = [next(finished_run.glob('*.py')), finished_run / 'cycle0' / 'model.pth']
    assert call('inference', *model, photos / '000001.jpg', '--device', 'cpu') == 0
    answer = json.loads(capsys.readouterr().out)
    share = np.mean(scores[np.isfinite(scores)] <= answer['uncertainty'])
    assert answer['percentile'] == pytest.approx(100 * share, abs=0.05)


@pytest.mark.parametrize(
    ('arguments', 'code', 'message'),
    [
        (['config', 'no/model.pth', 'image'], 1, 'no/model.pth: no such checkpoint'),
        (['config', 'model', 'no/image.jpg'], 1, 'no/image.jpg'),
        (['config', 'model', 'text.jpg'], 1, 'text.jpg'),
        (['config', 'model', 'image', '--out', 'pic.gif'], 1, 'pic.gif: the name must end in one of .jpg'),
        (['config', 'model'], 2, 'required: image'),
    ],
)
def test_what_is_wrong_is_said(tiny_model, photos, tmp_path, capsys, arguments, code, message) -> None:
    (tmp_path / 'text.jpg').write_text('no image')
    places = dict(config=tiny_model[0], model=tiny_model[1], image=photos / '000001.jpg')
    places['text.jpg'] = tmp_path / 'text.jpg'
    assert call('inference', *(places.get(a, a) for a in arguments), '--device', 'cpu') == code
    captured = capsys.readouterr()
    assert captured.out == ''
    assert message in captured.err and 'Traceback' not in captured.err
