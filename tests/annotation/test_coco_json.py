"""COCO's JSON: what tells of a review, what is refused."""

from __future__ import annotations

import json
import zipfile
from typing import Any

import pytest

from mmdet_miaod.annotation.answers import compare
from mmdet_miaod.annotation.coco_json import read_coco, write_coco
from mmdet_miaod.annotation.formats import read_annotation_file
from tests.annotation.batches import make_batch, save_json


@pytest.fixture
def batch():
    return make_batch(4, 2)


@pytest.fixture
def content(batch) -> dict[str, Any]:
    return json.loads(write_coco(batch))


def test_reviewed_images_are_marked_or_listed(batch, content) -> None:
    content['images'][0]['reviewed'] = True
    content['reviewed'] = [f'images/{batch.images[1].file_name}']
    content['images'][2]['reviewed'] = False
    states = [answer.state.value for answer in compare(batch, read_coco(content), 'f', True).by_uid.values()]
    assert states == ['reviewed', 'reviewed', 'untouched', 'reviewed']
    states = [answer.state.value for answer in compare(batch, read_coco(content), 'f').by_uid.values()]
    assert states == ['reviewed', 'reviewed', 'untouched', 'untouched']


def test_other_numbers_of_classes_and_sub_folders_do_not_matter(batch, content) -> None:
    for category in content['categories']:
        category['id'] += 40
    for box in content['annotations']:
        box['category_id'] += 40
    for image in content['images']:
        image['file_name'] = 'C:\\photos\\' + image['file_name']
    for image, answer in zip(batch.images, compare(batch, read_coco(content), 'f', True).by_uid.values()):
        assert [box.name for box in answer.boxes] == sorted(box.name for box in image.boxes)


def test_a_polygon_that_is_the_box_is_a_box_and_another_is_counted(batch, content) -> None:
    x, y, w, h = content['annotations'][0]['bbox']
    content['annotations'][0]['segmentation'] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
    content['annotations'][1]['segmentation'] = [[x, y, x + w, y, x, y + h]]
    content['annotations'][2].update(iscrowd=1, segmentation=dict(counts=[1, 2], size=[1, 3]))
    answers = compare(batch, read_coco(content), 'f', True)
    assert answers.other_shapes == {'polygon or mask': 1}
    first, second, *_ = answers.by_uid.values()
    assert len(first.boxes) == 1 and [box.ignored for box in second.boxes].count(True) == 1


def test_cvats_archive_is_read(tmp_path, batch, content) -> None:
    with zipfile.ZipFile(tmp_path / 'export.ZIP', 'w') as archive:
        archive.writestr('annotations/instances_default.json', json.dumps(content))
    assert len(read_annotation_file(tmp_path / 'export.ZIP', batch).images) == 4


@pytest.mark.parametrize(
    'damage, message',
    [
        (lambda c: c.update(info=dict(contributor='Label Studio')), 'export in the format JSON'),
        (lambda c: c.update(images={}), 'is not in the format of COCO'),
        (lambda c: c['images'].append(c['images'][0]), 'is there twice'),
        (lambda c: c['images'].append({**c['images'][0], 'id': 77}), 'is there twice'),
        (lambda c: c['categories'].append(c['categories'][0]), 'is there twice'),
        (lambda c: c['images'][0].update(width=0.5), 'another size'),
        (lambda c: c['images'][0].update(width=None), 'a number is needed'),
        (lambda c: c['images'][0].update(id=[1]), "id of an image is '\\[1\\]'"),
        (lambda c: c['images'][0].update(file_name=3), 'file_name of an image'),
        (lambda c: c['annotations'][0].update(image_id=99), 'image 99, which is not in the file'),
        (lambda c: c['annotations'][0].update(category_id=99), 'category 99 is not in the file'),
        (lambda c: c['annotations'][0].update(bbox=[1, 2, 3]), 'is not x, y, width and height'),
        (lambda c: c['annotations'][0].update(bbox=[1, 2, '3', {}]), 'a side of a box'),
        (lambda c: c.update(reviewed=['no.jpg']), 'not in the file, such as'),
        (lambda c: c.update(reviewed='all'), 'no list of file names'),
    ],
)
def test_damage_is_refused(tmp_path, batch, content, damage, message: str) -> None:
    damage(content)
    path = save_json(tmp_path / 'instances.json', content)
    with pytest.raises(ValueError, match=message) as error:
        compare(batch, read_annotation_file(path, batch), str(path))
    assert 'instances.json' in str(error.value)
