"""Images, labels, classes and weights that change between two sessions of a run: refused unless forced."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmdet_miaod.active.seen_inputs import label_key
from mmdet_miaod.engine.detector import build_model
from mmdet_miaod.run.files import save_checkpoint
from mmdet_miaod.run.manifest import RunState
from tests.tiny_run import CLASSES, tiny_settings, tiny_train


@pytest.fixture(scope='module')
def begun(tmp_path_factory, tiny_data) -> Path:
    """Folder with the data and a finished run of one cycle that began with weights of a file."""
    folder = tmp_path_factory.mktemp('begun')
    shutil.copytree(tiny_data, folder / 'data')
    (folder / 'classes.txt').write_text('\n'.join(CLASSES))
    model = build_model(tiny_settings(folder / 'data', folder).model, CLASSES)
    save_checkpoint(folder / 'weights.pth', dict(state_dict=model.state_dict()))
    train(folder)
    return folder


@pytest.fixture
def folder(begun, tmp_path) -> Path:
    """A copy of it, in which everything may be changed."""
    return Path(shutil.copytree(begun, tmp_path / 'copy'))


def train(folder: Path, resume: bool = False, force: bool = False, **overrides: Any) -> Path:
    options = dict(resume=str(folder / 'work' / 'run'), force=force) if resume else {}
    os.chdir(folder)
    values = {**dict(cycles=[0], load_from='weights.pth', classes='classes.txt'), **overrides}
    return tiny_train(folder / 'data', folder / 'work', options=options, **values)


@pytest.fixture(autouse=True)
def _back_again() -> Any:
    place = os.getcwd()
    yield
    os.chdir(place)


def image(folder: Path, name: str) -> Path:
    return folder / 'data' / 'VOC2007' / 'JPEGImages' / f'{name}.jpg'


def xml(folder: Path, name: str) -> Path:
    return folder / 'data' / 'VOC2007' / 'Annotations' / f'{name}.xml'


def names(folder: Path, which: str) -> list[str]:
    """Images of X_L, of X_U, or of the test set."""
    lists = folder / 'data' / 'VOC2007' / 'ImageSets' / 'Main'
    if which == 'test':
        return (lists / 'test.txt').read_text().split()
    pool = (lists / 'trainval.txt').read_text().split()
    labeled = np.load(folder / 'work' / 'run' / 'X_L_0.npy')
    return [name for i, name in enumerate(pool) if (i in labeled) == (which == 'labeled')]


def move_box(path: Path) -> None:
    text = path.read_text()
    value = re.search(r'<xmin>(\d+)', text)
    path.write_text(text.replace(value[0], f'<xmin>{int(value[1]) + 1}', 1))


def another_picture(path: Path) -> None:
    """Change a byte of the file's data: its size stays."""
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)


def change(folder: Path, what: str, which: str) -> str:
    name = next(name for name in names(folder, which) if '<xmin>' in xml(folder, name).read_text())
    (another_picture if what == 'image' else move_box)(
        image(folder, name) if what == 'image' else xml(folder, name)
    )
    return name


@pytest.mark.parametrize(
    ('what', 'which', 'message'),
    [
        ('image', 'labeled', '1 files of images are not what this run has used: {}'),
        ('image', 'unlabeled', '1 files of images are not what this run has used: {}'),
        ('image', 'test', '1 images of the test set or their labels are not what this run has used: {}'),
        ('label', 'labeled', '1 labels of images are not what this run has used: {}'),
        ('label', 'test', '1 images of the test set or their labels are not what this run has used: {}'),
    ],
)
def test_a_change_is_refused_and_with_force_told(folder, caplog, what, which, message) -> None:
    name = change(folder, what, which)
    expected = message.format(name)
    for _ in range(2):
        with pytest.raises(ValueError, match=f'{expected}; put the old ones back, or resume with --force'):
            train(folder, resume=True)
    train(folder, resume=True, force=True)
    assert f'Resuming although this changed: {folder}/work/run: {expected}' in caplog.text
    train(folder, resume=True)  # it is what the run has used by now


def test_labels_that_nobody_asked_for_may_change(folder) -> None:
    change(folder, 'label', 'unlabeled')
    train(folder, resume=True)


def test_what_only_looks_new_is_the_same(folder) -> None:
    for name in names(folder, 'labeled') + names(folder, 'test'):
        os.utime(image(folder, name))
        xml(folder, name).write_text(xml(folder, name).read_text().replace('  <object>', '\n  <object>'))
    (folder / 'weights.pth').rename(folder / 'elsewhere.pth')
    train(folder, resume=True, load_from='elsewhere.pth')


def test_a_shorter_test_list_is_refused(folder) -> None:
    path = folder / 'data' / 'VOC2007' / 'ImageSets' / 'Main' / 'test.txt'
    path.write_text('\n'.join(names(folder, 'test')[:2]))
    with pytest.raises(ValueError, match=r'images of the test set: 4 \(fingerprint .*-> 2 \(fingerprint'):
        train(folder, resume=True)
    train(folder, resume=True, force=True)


def test_another_order_of_classes_is_refused(folder) -> None:
    (folder / 'classes.txt').write_text('\n'.join(reversed(CLASSES)))
    with pytest.raises(ValueError, match=r"classes: \['disc', 'square', .*-> \['triangle', 'square'"):
        train(folder, resume=True)


@pytest.mark.parametrize('name', ['weights.pth', 'other.pth'])
def test_other_initial_weights_are_refused(folder, name) -> None:
    model = build_model(tiny_settings(folder / 'data', folder, seed=1).model, CLASSES)
    save_checkpoint(folder / name, dict(state_dict=model.state_dict(), more=1))
    with pytest.raises(ValueError, match=r'load_from: [0-9a-f]{64} -> [0-9a-f]{64}'):
        train(folder, resume=True, load_from=name)


def test_a_run_of_an_earlier_version_is_resumed(folder, caplog) -> None:
    run = folder / 'work' / 'run'
    state = RunState.load(run)
    state.identity.data.clear()
    state.save()
    for name in ('pool_inputs.npy', 'test_inputs.npy'):
        (run / name).unlink()
    change(folder, 'image', 'labeled')
    train(folder, resume=True)
    assert 'inputs.npy' not in caplog.text
    assert RunState.load(run).identity.data['classes'] == list(CLASSES)
    name = change(folder, 'image', 'test')
    with pytest.raises(ValueError, match=name):
        train(folder, resume=True)


@pytest.mark.parametrize('damage', ['digit', 'cut', 'pickle', 'other'])
def test_damage_of_the_record_is_told(folder, caplog, damage) -> None:
    path = folder / 'work' / 'run' / 'pool_inputs.npy'
    keys = np.load(path)
    if damage == 'digit':
        keys[3, 0] += np.uint64(1)
        np.save(path, keys)
    elif damage == 'cut':
        os.truncate(path, path.stat().st_size - 8)
    elif damage == 'pickle':
        np.save(path, np.array([{}]), allow_pickle=True)
    else:
        np.save(path, np.zeros((), np.uint64))
    train(folder, resume=True)
    assert 'pool_inputs.npy' in caplog.text and 'whether images or labels changed is not known' in caplog.text


def test_a_key_of_labels_tells_boxes_from_ignored_ones() -> None:
    boxes, nothing = np.ones((1, 4), np.float32), np.zeros((0, 4), np.float32)
    kinds = [(boxes, nothing), (nothing, boxes), (nothing, nothing), (boxes, boxes)]
    keys = {
        label_key(
            dict(
                bboxes=a,
                labels=np.zeros(len(a), np.int64),
                bboxes_ignore=b,
                labels_ignore=np.zeros(len(b), np.int64),
            )
        )
        for a, b in kinds
    }
    assert len(keys) == 4 and 0 not in keys
