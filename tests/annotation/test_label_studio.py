"""Label Studio's JSON: states, several annotators, what is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mmdet_miaod.annotation.answers import compare
from mmdet_miaod.annotation.formats import read_annotation_file
from mmdet_miaod.annotation.found import ReviewState
from mmdet_miaod.annotation.label_studio import label_config, read_tasks
from tests.annotation.batches import CLASSES, accepted_tasks, annotation, make_batch, save_json


@pytest.fixture
def batch():
    return make_batch(4, 2)


@pytest.fixture
def tasks(batch) -> list[dict[str, Any]]:
    return accepted_tasks(batch)


def test_the_states_are_told_apart(batch, tasks) -> None:
    tasks[0]['annotations'][0]['result'] = []
    tasks[1]['annotations'][0]['was_cancelled'] = True
    tasks[2]['annotations'] = []
    tasks[2]['drafts'] = [1]
    found = read_tasks(tasks)
    answers = list(compare(batch, found, 'file').by_uid.values())
    states = [ReviewState.REVIEWED, ReviewState.SKIPPED, ReviewState.UNTOUCHED, ReviewState.REVIEWED]
    assert [answer.state for answer in answers] == states
    assert [len(answer.boxes) for answer in answers] == [0, 0, 0, 2]
    assert found.remarks == ('1 images have drafts that were not submitted; they count as untouched',)


def test_untouched_tasks_stay_so_whatever_the_person_says(batch, tasks) -> None:
    tasks[0]['annotations'] = []
    answers = compare(batch, read_tasks(tasks), 'file', all_reviewed=True)
    assert answers.by_uid[batch.images[0].uid].state is ReviewState.UNTOUCHED


def test_the_newest_submitted_annotation_wins_and_the_others_are_told(batch, tasks) -> None:
    whole = tasks[0]['annotations'][0]
    older = annotation(whole['result'][:1], id=9, updated_at='2025-12-31T23:00:00.000000Z', lead_time=12)
    cancelled = annotation([], id=10, updated_at='2026-02-01T00:00:00.000000Z', was_cancelled=True)
    tasks[0]['annotations'] = [whole, older, cancelled]
    found = read_tasks(tasks)
    assert len(found.images[0].boxes) == 2 and found.images[0].seconds == 72
    assert found.images[0].conflict == '2 annotations differ (1, 2 boxes); the newest is taken'
    assert any('several annotations' in remark for remark in found.remarks)


def test_a_task_that_a_sync_made_twice_counts_once(batch, tasks) -> None:
    twin = copy.deepcopy(tasks[0])
    twin['annotations'] = []
    found = read_tasks([*tasks, twin])
    assert len(found.images) == 4 and len(found.images[0].boxes) == 2
    assert f'{batch.images[0].file_name}: 2 tasks have this image' in found.remarks


def test_an_uploaded_file_is_found_by_its_name(batch, tasks) -> None:
    for task in tasks:
        name = task['data']['image'].rpartition('/')[2]
        task['data'] = dict(image=f'/data/upload/3/0a1b2c3d-{name}')
    assert not compare(batch, read_tasks(tasks), 'file').missing


def test_other_shapes_are_counted_and_never_make_an_image_empty(batch, tasks) -> None:
    region = tasks[0]['annotations'][0]['result'][0]
    turned = {**region, 'value': {**region['value'], 'rotation': 12.5}}
    polygon = {**region, 'type': 'polygonlabels', 'value': dict(points=[[1, 2], [3, 4], [5, 6]])}
    tasks[0]['annotations'][0]['result'] = [turned, polygon, dict(type='choices', value={})]
    tasks[1]['annotations'][0]['result'].append(polygon)
    answers = compare(batch, read_tasks(tasks), 'file')
    assert answers.other_shapes == {'rotated box': 1, 'polygonlabels': 2}
    states = [answer.state.value for answer in answers.by_uid.values()]
    assert states == ['untouched', 'reviewed', 'reviewed', 'reviewed']


@pytest.mark.parametrize(
    'damage, message',
    [
        (lambda task: task.pop('annotations'), 'JSON_MIN'),
        (lambda task: task.update(annotations=[17]), 'export them whole'),
        (lambda task: task.update(annotations=7), 'no list'),
        (lambda task: task.update(data=[]), 'has no image'),
        (lambda task: task['data'].update(uid='b1-0009-ffffffff'), 'belong together'),
        (lambda task: task['annotations'][0].pop('result'), 'no list "result"'),
        (lambda task: task['annotations'][0].update(was_cancelled='no'), '"was_cancelled" is \'no\''),
        (lambda task: _region(task).update(image_rotation=90), 'was turned in the tool'),
        (lambda task: _region(task).pop('original_width'), 'original_width'),
        (lambda task: _region(task)['value'].update(x=None), "x is 'None'"),
        (lambda task: _region(task)['value'].update(x=True), "x is 'True'"),
        (lambda task: _region(task)['value'].update(width=1e300), 'a number is needed'),
        (lambda task: _region(task)['value'].update(rectanglelabels=[]), 'give it one in the tool'),
        (lambda task: _region(task)['value'].update(rectanglelabels=['bolt', 'nut']), 'give it one'),
        (lambda task: _region(task)['value'].update(rectanglelabels=['Bolt']), "is it 'bolt'"),
        (lambda task: _region(task).update(original_width=321), 'several sizes'),
        (
            lambda task: [r.update(original_height=99) for r in _result(task)],
            '320 x 99 in place of 320 x 200',
        ),
        (lambda task: _result(task).append('a region'), 'is no region'),
    ],
)
def test_damage_is_refused_with_file_and_image(tmp_path, batch, tasks, damage, message: str) -> None:
    damage(tasks[1])
    path = save_json(tmp_path / 'export.json', tasks)
    with pytest.raises(ValueError, match=message) as error:
        compare(batch, read_annotation_file(path, batch), str(path))
    assert 'export.json' in str(error.value)
    assert batch.images[1].uid in str(error.value) or 'task 2' in str(error.value)


def _result(task: dict[str, Any]) -> list[dict[str, Any]]:
    return task['annotations'][0]['result']


def _region(task: dict[str, Any]) -> dict[str, Any]:
    return _result(task)[0]


def test_the_labeling_interface_escapes_class_names() -> None:
    assert label_config(CLASSES).count('<Label ') == 3
    assert '\'M8 "wing" &lt;nut&gt; &amp; ümlaut\'' in label_config(CLASSES)
