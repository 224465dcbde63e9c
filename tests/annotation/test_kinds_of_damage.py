"""What tools and people do to exports: an error that says where, or the right labels; never wrong ones."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import SubElement, fromstring, tostring

import pytest

from mmdet_miaod.annotation.coco_json import write_coco
from mmdet_miaod.annotation.cvat import write_annotations
from tests.annotation.batches import accepted_tasks, annotation, make_batch
from tests.annotation.damage import BATCH, NAMES, UIDS, box_counts, check_refused, read, save

FIRST = f'image {NAMES[0]}'


def _region(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    return tasks[0]['annotations'][0]['result'][0]


def _as_shares(tasks: list[dict[str, Any]]) -> None:
    for value in (region['value'] for task in tasks for region in task['annotations'][0]['result']):
        value.update({key: value[key] / 100 for key in ('x', 'y', 'width', 'height')})


@pytest.mark.parametrize(
    'damage, messages',
    [
        (
            lambda tasks: tasks[0]['data'].update(image=tasks[1]['data']['image']),
            ['task 1', UIDS[0], NAMES[1]],
        ),
        (lambda tasks: _region(tasks).update(original_width=200), [FIRST, 'several sizes']),
        (lambda tasks: _region(tasks)['value'].update(x=150.0), [FIRST, 'percent are needed']),
        (_as_shares, [NAMES[0], 'shares of an image']),
        (lambda tasks: _region(tasks)['value'].update(x='10,5'), [FIRST, "x is '10,5'"]),
        (lambda tasks: _region(tasks)['value'].update(x=None), [FIRST, "x is 'None'"]),
        (
            lambda tasks: _region(tasks)['value'].update(rectanglelabels=['bolt', 'nut']),
            [FIRST, 'give it one'],
        ),
        (lambda tasks: _region(tasks)['value'].update(rectanglelabels=['Bolt']), [FIRST, "is it 'bolt'?"]),
        (lambda tasks: _region(tasks).update(image_rotation=90), [FIRST, 'turn it back']),
        (lambda tasks: tasks[0]['annotations'][0].update(result=None), [FIRST, 'no list "result"']),
        (lambda tasks: tasks[0]['annotations'][0].update(was_cancelled='no'), [FIRST, 'was_cancelled']),
        (lambda tasks: tasks[0].update(annotations=[17]), [FIRST, 'export them whole']),
        (lambda tasks: tasks[0].update(data=dict(video='a.mp4')), ['task 1 has no image']),
        (lambda tasks: tasks.append(None), ['task 4 has no "data"']),
        (
            lambda tasks: tasks.extend(accepted_tasks(make_batch(3, 2, 5))),
            ['3 of its 6 images', 'another batch'],
        ),
    ],
)
def test_a_damaged_export_of_label_studio_is_refused(tmp_path, damage, messages) -> None:
    tasks = accepted_tasks(BATCH)
    damage(tasks)
    check_refused(save(tmp_path / 'export.json', json.dumps(tasks)), messages)


@pytest.mark.parametrize(
    'change, counts',
    [
        (lambda tasks: tasks.append(copy.deepcopy(tasks[0])), [2, 2, 2]),
        (lambda tasks: tasks[0]['annotations'][0]['result'].append(copy.deepcopy(_region(tasks))), [2, 2, 2]),
        (lambda tasks: _region(tasks)['value'].update(rotation=360), [2, 2, 2]),
        (lambda tasks: _region(tasks)['value'].update(rotation=30), [1, 2, 2]),
        (lambda tasks: _region(tasks).update(type='polygonlabels'), [1, 2, 2]),
        (lambda tasks: _region(tasks).update(type='keypointlabels'), [1, 2, 2]),
        # Older, by its time and not by its text.
        (
            lambda tasks: tasks[0]['annotations'].append(
                annotation([], updated_at='2026-01-01T11:30:00+02:00')
            ),
            [2, 2, 2],
        ),
        (
            lambda tasks: tasks[0]['annotations'].append(annotation([], updated_at='2026-01-01T10:00:00.5Z')),
            [0, 2, 2],
        ),
        (lambda tasks: tasks[0]['data'].update(image=f's3://bucket/deep/{NAMES[0]}?signature=1'), [2, 2, 2]),
    ],
)
def test_an_odd_export_of_label_studio_is_read(tmp_path, change, counts) -> None:
    tasks = accepted_tasks(BATCH)
    change(tasks)
    assert box_counts(read(save(tmp_path / 'export.json', json.dumps(tasks)))) == counts


def _boxes_as(convert: Callable[[float, float, float, float], list[float]]) -> Callable[[dict], None]:
    def change(coco: dict[str, Any]) -> None:
        for entry in coco['annotations']:
            entry['bbox'] = convert(*entry['bbox'])

    return change


@pytest.mark.parametrize(
    'damage, messages',
    [
        (_boxes_as(lambda x, y, w, h: [x, y, x + w, y + h]), [NAMES[0], 'corners where']),
        (
            _boxes_as(lambda x, y, w, h: [x / 320, y / 200, w / 320, h / 200]),
            [NAMES[0], 'shares of an image'],
        ),
        (_boxes_as(lambda *box: [list(box)]), [FIRST, 'is not x, y, width and height']),
        (lambda coco: coco['images'][0].update(file_name=NAMES[1]), [NAMES[1], UIDS[0], 'belong together']),
        (lambda coco: coco['images'][0].update(width=640, height=400), [NAMES[0], '640 x 400 in place of']),
        (lambda coco: coco['images'][0].update(reviewed='false'), [FIRST, "reviewed is 'false'"]),
        (lambda coco: coco['annotations'][0].update(iscrowd='0'), [FIRST, "iscrowd is '0'"]),
        (lambda coco: coco['images'][1].update(id=1), ['is there twice']),
        (lambda coco: coco['categories'].clear(), [FIRST, 'is not in the file']),
        (lambda coco: coco['categories'][0].update(name='screw'), ["'screw' is no class"]),
        (lambda coco: coco.pop('annotations'), ['not in the format of COCO']),
        (lambda coco: coco['images'].pop(), ['image 3, which is not in the file']),
    ],
)
def test_a_damaged_coco_file_is_refused(tmp_path, damage, messages) -> None:
    coco = json.loads(write_coco(BATCH))
    damage(coco)
    check_refused(save(tmp_path / 'instances.json', json.dumps(coco)), messages)


def test_detections_are_no_annotations(tmp_path) -> None:
    coco = json.loads(write_coco(BATCH))
    check_refused(save(tmp_path / 'results.json', json.dumps(coco['annotations'])), ["COCO's detections"])


@pytest.mark.parametrize(
    'change, counts',
    [
        (lambda coco: coco['annotations'].append(dict(coco['annotations'][0], id=99)), [2, 2, 2]),
        (lambda coco: coco['annotations'][0].update(attributes=dict(rotation=30.0)), [1, 2, 2]),
        (lambda coco: coco['annotations'][0].update(attributes=dict(rotation=0.0)), [2, 2, 2]),
        (lambda coco: coco['annotations'][0].update(segmentation=[[1, 1, 9, 1, 9, 9]]), [1, 2, 2]),
        (lambda coco: coco['images'][0].update(file_name=f'a/b\\c/{NAMES[0]}'), [2, 2, 2]),
    ],
)
def test_an_odd_coco_file_is_read(tmp_path, change, counts) -> None:
    coco = json.loads(write_coco(BATCH))
    change(coco)
    assert box_counts(read(save(tmp_path / 'instances.json', json.dumps(coco)))) == counts


@pytest.mark.parametrize(
    'damage, messages',
    [
        (lambda root: root[1].set('name', NAMES[1]), [NAMES[1], 'is there twice']),
        (lambda root: root[1].set('name', 'frame_000000'), ["'frame_000000'", '1 of its 3 images']),
        (lambda root: root[1].attrib.pop('height'), [FIRST, 'height']),
        (lambda root: root[1][0].set('xtl', '10,5'), [FIRST, "xtl of a box is '10,5'"]),
        (lambda root: root[1][0].attrib.pop('xbr'), [FIRST, "xbr of a box is 'None'"]),
        (lambda root: root[1][0].set('label', 'screw'), [FIRST, "'screw' is no class"]),
        (lambda root: SubElement(root, 'track'), ['of a video']),
        (lambda root: root.extend(fromstring(write_annotations(make_batch(3, 2, 5)))), ['3 of its 6 images']),
    ],
)
def test_a_damaged_cvat_file_is_refused(tmp_path, damage, messages) -> None:
    root = fromstring(write_annotations(BATCH))
    damage(root)
    check_refused(save(tmp_path / 'annotations.xml', tostring(root)), messages)


def test_a_tag_counts_in_any_case(tmp_path) -> None:
    root = fromstring(write_annotations(BATCH))
    SubElement(root[1], 'tag', label='Skipped')
    path = save(tmp_path / 'annotations.xml', tostring(root))
    assert read(path).by_uid[UIDS[0]].state.value == 'skipped'
