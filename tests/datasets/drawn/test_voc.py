"""Drawn data sets."""

import hashlib
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from mmdet.datasets import VOCDataset
from PIL import Image

from mmdet_miaod.datasets import VOCDetectionDataset
from mmdet_miaod.datasets.drawn import voc
from mmdet_miaod.datasets.drawn.shapes import shape_of
from mmdet_miaod.datasets.drawn.voc import DEMO_CLASSES, draw_voc, draw_voc0712

REPOSITORY = Path(__file__).parents[3]


def digest(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob('*') if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def dataset_of(root, list_name, year='VOC2007', classes=None) -> VOCDetectionDataset:
    dataset = VOCDetectionDataset(
        f'{year}/ImageSets/Main/{list_name}.txt', year, classes=classes, data_root=str(root)
    )
    dataset.label(range(len(dataset)))
    return dataset


@pytest.fixture(scope='module')
def demo(tmp_path_factory) -> Path:
    return draw_voc(tmp_path_factory.mktemp('drawn') / 'demo', 40, 12, seed=3, image_size=(96, 72))


def test_layout_and_lists(demo):
    train, test = (dataset_of(demo, name, classes=DEMO_CLASSES) for name in ('trainval', 'test'))
    assert (len(train), len(test)) == (40, 12)
    assert train.index.names[:2] == ['000001', '000002']
    assert not set(train.index.names) & set(test.index.names)
    train.index.check_images('decode')
    assert train.index.sizes.tolist() == [[96, 72]] * 40
    assert not train.problems
    assert not train.unknown_classes
    assert not list(demo.parent.glob('.*'))


def test_every_class_is_there_and_later_ones_are_rarer(demo):
    train, test = (dataset_of(demo, name, classes=DEMO_CLASSES) for name in ('trainval', 'test'))
    counts = np.bincount(np.concatenate([train.get_ann_info(i)['labels'] for i in range(40)]), minlength=6)
    assert counts.min() >= 1
    assert counts[0] >= 3 * counts[5]
    assert {label for i in range(12) for label in test.get_cat_ids(i)} == set(range(6))
    assert any(not train.get_cat_ids(i) for i in range(40))


def test_same_seed_same_bytes_other_seed_other_bytes(tmp_path):
    def drawing(name, seed):
        return digest(draw_voc(tmp_path / name, 3, 2, seed=seed, image_size=(64, 48)))

    first = drawing('a', 5)
    assert len(first) == 3 * 2 + 2 * 2 + 2 + 1
    assert drawing('b', 5) == first
    assert drawing('c', 6) != first


def test_drawing_again_does_nothing(demo, monkeypatch):
    monkeypatch.setattr(voc, 'draw_scene', lambda *_: pytest.fail('drawn again'))
    assert draw_voc(demo, 40, 12, seed=3, image_size=(96, 72)) == demo


def test_other_contents_are_left_alone(demo, tmp_path):
    with pytest.raises(FileExistsError, match='another drawing'):
        draw_voc(demo, 41, 12, seed=3, image_size=(96, 72))
    (tmp_path / 'notes').write_text('mine')
    with pytest.raises(FileExistsError, match='not drawn here'):
        draw_voc(tmp_path, 1, 1)
    assert [path.name for path in tmp_path.iterdir()] == ['notes']


def test_nothing_is_left_of_a_drawing_that_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(voc, '_annotation_xml', lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        draw_voc(tmp_path / 'a', 1, 1, image_size=(64, 48))
    assert list(tmp_path.iterdir()) == []


def test_a_faster_process_wins(tmp_path, monkeypatch):
    root = tmp_path / 'a'
    draw_scene = voc.draw_scene

    def race(random, style):
        monkeypatch.setattr(voc, 'draw_scene', draw_scene)
        draw_voc(root, 1, 1, image_size=(64, 48))
        return draw_scene(random, style)

    monkeypatch.setattr(voc, 'draw_scene', race)
    assert draw_voc(root, 1, 1, image_size=(64, 48)) == root
    assert [path.name for path in tmp_path.iterdir()] == ['a']


def test_voc0712_has_all_classes_in_both_orientations(tmp_path):
    root = draw_voc0712(tmp_path / 'kit', 4, 3, 5)
    lists = [('VOC2007', 'trainval', 4), ('VOC2007', 'test', 3), ('VOC2012', 'trainval', 5)]
    flags = set()
    for year, name, count in lists:
        dataset = dataset_of(root, name, year)
        assert len(dataset) == count
        assert not dataset.unknown_classes
        flags |= set(dataset.flag.tolist())
    assert flags == {0, 1}
    drawn_names = {shape_of(VOCDataset.CLASSES, label) for label in range(20)}
    assert len(drawn_names) == 20


@pytest.mark.parametrize(
    ('counts', 'classes'), [((0, 1), DEMO_CLASSES), ((1, 0), DEMO_CLASSES), ((1, 1), ()), ((1, 1), 'aa')]
)
def test_impossible_drawings_are_refused(tmp_path, counts, classes):
    with pytest.raises(ValueError, match='image counts|classes'):
        draw_voc(tmp_path / 'a', *counts, classes=classes)
    assert list(tmp_path.iterdir()) == []


def test_class_names_are_escaped(tmp_path):
    names = ('a<b', 'c&d')
    root = draw_voc(tmp_path / 'a', 4, 1, classes=names, image_size=(64, 48), hard_fraction=0)
    dataset = dataset_of(root, 'trainval', classes=names)
    assert not dataset.unknown_classes


def test_command_line(tmp_path, monkeypatch, capsys):
    def run(*options):
        monkeypatch.setattr(sys, 'argv', ['draw_data.py', str(tmp_path / 'a'), *options])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(REPOSITORY / 'tools/draw_data.py'), run_name='__main__')
        return end.value.code

    options = ['--num-train', '2', '--num-test', '1', '--size', '64', '48', '--classes', 'disc', 'star']
    assert run(*options) == run(*options) == 0
    assert Image.open(tmp_path / 'a/VOC2007/JPEGImages/000001.jpg').size == (64, 48)
    assert capsys.readouterr().out == f'{tmp_path / "a"}\n' * 2
    assert run('--seed', '9') == 1
    assert 'another drawing' in capsys.readouterr().err


def test_radius_sets_the_sizes_of_the_objects(tmp_path):
    def sides(name, radius):
        root = draw_voc(tmp_path / name, 6, 1, seed=2, image_size=(64, 48), hard_fraction=0, radius=radius)
        dataset = dataset_of(root, 'trainval', classes=DEMO_CLASSES)
        boxes = np.concatenate([dataset.get_ann_info(i)['bboxes'] for i in range(6)])
        return (boxes[:, 2:] - boxes[:, :2]).max(axis=1)

    assert sides('small', (0.1, 0.12)).max() < 48 * 0.12 * 2 * 1.25 + 1
    assert np.median(sides('large', (0.3, 0.32))) > 48 * 0.3
    with pytest.raises(ValueError, match='radius'):
        sides('none', (0.3, 0.2))
