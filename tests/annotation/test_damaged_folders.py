"""What tools and people do to folders and archives: an error that says where, or the right labels."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from mmdet_miaod.annotation.cvat import write_annotations
from tests.annotation.batches import accepted_tasks
from tests.annotation.damage import BATCH, NAMES, UIDS, box_counts, check_refused, read, save


def _voc(uid: str, corners: tuple[Any, ...] = (10, 20, 50, 60), more: str = '') -> str:
    sides = zip(('xmin', 'ymin', 'xmax', 'ymax'), corners)
    box = ''.join(f'<{side}>{value}</{side}>' for side, value in sides)
    thing = f'<object><name>bolt</name><bndbox>{box}</bndbox>{more}</object>'
    return f'<annotation><filename>{uid}.jpg</filename>{thing}</annotation>'


@pytest.mark.parametrize(
    'first_pixel, changes, messages',
    [
        (1, {UIDS[0]: _voc(UIDS[0], (0, 5, 50, 60))}, [UIDS[0], 'use --first-pixel 0']),
        (0, {uid: _voc(uid, (0.1, 0.1, 0.5, 0.5)) for uid in UIDS}, [NAMES[0], 'shares of an image']),
        (0, {UIDS[0]: _voc(UIDS[0], more='<bndbox/>')}, [UIDS[0], 'one <bndbox>']),
        (0, {f'copy/{UIDS[0]}': _voc(UIDS[0])}, [NAMES[0], 'is there twice']),
        (0, {UIDS[0]: _voc(UIDS[1])}, [UIDS[0], 'of another image']),
        (0, {UIDS[0]: _voc(UIDS[0])[:-30]}, [UIDS[0], 'no well-formed XML']),
    ],
)
def test_a_damaged_voc_folder_is_refused(tmp_path, first_pixel, changes, messages) -> None:
    for name, text in {**{uid: _voc(uid) for uid in UIDS}, **changes}.items():
        save(tmp_path / f'voc/Annotations/{name}.xml', text)
    check_refused(tmp_path / 'voc', messages, first_pixel)


def test_objects_marked_difficult_in_words_are_ignored(tmp_path) -> None:
    for uid in UIDS:
        save(tmp_path / f'voc/{uid}.xml', _voc(uid, more='<difficult>True</difficult>'))
    assert all(box.ignored for uid in UIDS for box in read(tmp_path / 'voc', 0).by_uid[uid].boxes)


YAML = 'names: [bolt, nut]\n'


@pytest.mark.parametrize(
    'yaml, lines, messages',
    [
        ('names: [bolt, bolt]\n', '', ['data.yaml', 'different names']),
        (f'{YAML}nc: 3\n', '', ['data.yaml', 'not 3 different names']),
        (YAML, '0 nan 0.5 0.1 0.1', ['line 1: a coordinate is']),
        (YAML, '0 0.5 0.5 0.1 0.1\n0 150 120 20 20', ['line 2', 'pixels']),
        (YAML, 'bolt 0.5 0.5 0.1 0.1', ['line 1', "class 'bolt'"]),
        (YAML, '0 0.5 0.5 0.1 0.1'.encode('utf-16'), ['is not UTF-8']),
    ],
)
def test_a_damaged_yolo_folder_is_refused(tmp_path, yaml, lines, messages) -> None:
    save(tmp_path / 'yolo/data.yaml', yaml)
    save(tmp_path / f'yolo/labels/{UIDS[0]}.txt', lines)
    check_refused(tmp_path / 'yolo', messages)


def test_the_names_of_classes_among_labels_are_no_image(tmp_path) -> None:
    save(tmp_path / 'yolo/data.yaml', YAML)
    save(tmp_path / f'yolo/labels/{UIDS[0]}.txt', '0 0.5 0.5 0.1 0.1')
    save(tmp_path / 'yolo/labels/classes.txt', 'bolt\nnut\n')
    assert len(read(tmp_path / 'yolo').by_uid[UIDS[0]].boxes) == 1


def _zipped(files: dict[str, str | bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, 'w') as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


TASKS, XML = json.dumps(accepted_tasks(BATCH)), write_annotations(BATCH)


@pytest.mark.parametrize(
    'files, message',
    [
        ({'inner.zip': _zipped({'a.json': TASKS})}, "has archives in it, such as 'inner.zip'"),
        ({'a.json': TASKS, 'A.JSON': TASKS}, 'has 2 annotation files'),
        ({'a.json': TASKS, 'annotations.xml': XML}, 'has 2 annotation files'),
        ({'a/one.xml': XML, 'b/two.xml': XML}, "'a/one.xml', 'b/two.xml'"),
        ({'images/a.jpg': b''}, 'has nothing that is read'),
    ],
)
def test_an_archive_that_leaves_a_choice_is_refused(tmp_path, files, message) -> None:
    check_refused(save(tmp_path / 'export.zip', _zipped(files)), [message])


@pytest.mark.parametrize('name', ['a/b/c/annotations.xml', 'task_1.XML', 'deep/er/export.JSON'])
def test_the_one_file_of_an_archive_is_found(tmp_path, name) -> None:
    content = TASKS if name.endswith('JSON') else XML
    path = save(tmp_path / 'export.zip', _zipped({name: content, 'images/a.jpg': b''}))
    assert box_counts(read(path)) == [2, 2, 2]
