"""YOLO and VOC folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmdet_miaod.annotation.answers import compare
from mmdet_miaod.annotation.formats import read_annotation_file
from tests.annotation.batches import make_batch, save_json


@pytest.fixture
def batch():
    return make_batch(3, 0)


@pytest.fixture
def yolo(tmp_path, batch) -> Path:
    (tmp_path / 'labels').mkdir()
    (tmp_path / 'data.yaml').write_text('names:\n  0: nut\n  1: bolt\n')
    (tmp_path / 'train.txt').write_text(f'data/images/train/{batch.images[0].file_name}\n')
    (tmp_path / f'labels/{batch.images[0].uid}.txt').write_text('1 0.5 0.5 0.25 0.5 7\n\n0 0.1 0.1 0.1 0.1\n')
    (tmp_path / f'labels/{batch.images[1].uid}.txt').write_text('')
    return tmp_path


def test_a_missing_file_is_missing_and_an_empty_one_untouched(yolo, batch) -> None:
    answers = compare(batch, read_annotation_file(yolo, batch), 'f')
    first, second = answers.by_uid.values()
    assert [(box.name, box.corners) for box in first.boxes] == [
        ('bolt', (120.0, 50.0, 200.0, 150.0)),
        ('nut', (16.0, 10.0, 48.0, 30.0)),
    ]
    assert second.state.value == 'untouched' and answers.missing == [batch.images[2].uid]
    assert answers.remarks == ['the sixth number of 1 boxes (a confidence or a track) is not read']
    second = list(compare(batch, read_annotation_file(yolo, batch), 'f', True).by_uid.values())[1]
    assert second.is_reviewed and not second.boxes


@pytest.mark.parametrize(
    'line, message',
    [
        ('2 0.5 0.5 0.1 0.1', "class '2' is none of the 2"),
        ('-1 0.5 0.5 0.1 0.1', "class '-1' is none"),
        ('٣ 0.5 0.5 0.1 0.1', 'is none of'),
        ('nut 0.5 0.5 0.1 0.1', 'is none of'),
        ('0 120 50 80 100', 'these are pixels'),
        ('0 0.5 0.5 0.1', 'has 4 numbers'),
        ('0 0.5 0.5 nan 0.1', 'a number is needed'),
        ('0 0.5 0.5 0 0', 'none of its 1 boxes has an area'),
    ],
)
def test_a_wrong_line_is_refused(yolo, batch, line: str, message: str) -> None:
    (yolo / f'labels/{batch.images[1].uid}.txt').write_text(f'{line}\n')
    with pytest.raises(ValueError, match=message) as error:
        compare(batch, read_annotation_file(yolo, batch), 'f')
    assert batch.images[1].uid in str(error.value)


@pytest.mark.parametrize(
    'text', ['names: 3', 'nc: 2', '[', 'names: {1: nut}', '- a', 'names: !!python/name:os.system']
)
def test_class_names_that_cannot_be_read_are_refused(yolo, batch, text: str) -> None:
    (yolo / 'data.yaml').write_text(text)
    with pytest.raises(ValueError, match=r'data.yaml: class names cannot be read'):
        read_annotation_file(yolo, batch)


def test_label_studios_yolo_export_is_refused(yolo, batch) -> None:
    save_json(yolo / 'notes.json', dict(info=dict(contributor='Label Studio')))
    (yolo / 'data.yaml').unlink()
    with pytest.raises(ValueError, match="Label Studio's YOLO export"):
        read_annotation_file(yolo, batch)


def test_an_unknown_image_is_refused(yolo, batch) -> None:
    (yolo / 'labels/b1-0001-00000000.txt').write_text('0 0.5 0.5 0.1 0.1\n')
    with pytest.raises(ValueError, match=r"1 of its 3 images are not of batch 2: 'b1-0001-00000000'"):
        compare(batch, read_annotation_file(yolo, batch), 'f')


def test_one_image_in_two_subsets_is_refused(yolo, batch) -> None:
    (yolo / 'labels/val').mkdir()
    (yolo / f'labels/val/{batch.images[0].uid}.txt').write_text('')
    with pytest.raises(ValueError, match='is there twice'):
        compare(batch, read_annotation_file(yolo, batch), 'f')


def _voc(folder: Path, name: str, inside: str) -> None:
    (folder / 'Annotations').mkdir(exist_ok=True)
    (folder / f'Annotations/{name}.xml').write_text(f'<annotation>{inside}</annotation>')


def _object(name: str, corners: tuple[float, ...], more: str = '') -> str:
    box = ''.join(f'<{key}>{value}</{key}>' for key, value in zip(('xmin', 'ymin', 'xmax', 'ymax'), corners))
    return f'<object><name>{name}</name>{more}<bndbox>{box}</bndbox></object>'


def test_the_first_pixel_has_to_be_said_and_counts(tmp_path, batch) -> None:
    _voc(tmp_path, batch.images[0].uid, _object('nut', (1, 2, 11, 12.5), '<difficult>1</difficult>'))
    with pytest.raises(ValueError, match='--first-pixel'):
        read_annotation_file(tmp_path, batch)
    for first, corners in ((0, (1, 2, 11, 12.5)), (1, (0, 1, 10, 11.5))):
        (answer,) = compare(batch, read_annotation_file(tmp_path, batch, first), 'f').by_uid.values()
        assert answer.boxes[0].corners == corners and answer.boxes[0].ignored


@pytest.mark.parametrize(
    'inside, message',
    [
        ('<owner><name>Label Studio</name></owner>', "Label Studio's VOC export"),
        ('<object><name>nut</name></object>', 'object 1: needs a <name> and one <bndbox>'),
        (_object('', (1, 2, 3, 4)), 'object 1'),
        (_object('nut', (1, 2, 3, 'x')), 'ymax'),
        ('<size><width>100</width><height>200</height></size>', '100 x 200 in place of 320 x 200'),
        ('<filename>other</filename>', 'another image'),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, batch, inside: str, message: str) -> None:
    _voc(tmp_path, batch.images[0].uid, inside.replace('other', batch.images[1].file_name))
    with pytest.raises(ValueError, match=message):
        compare(batch, read_annotation_file(tmp_path, batch, 0), 'f')


def test_a_size_of_zero_is_no_size(tmp_path, batch) -> None:
    _voc(tmp_path, batch.images[0].uid, '<size><width>0</width><height>0</height></size>')
    assert len(compare(batch, read_annotation_file(tmp_path, batch, 0), 'f').by_uid) == 1
