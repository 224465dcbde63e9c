"""CVAT for images 1.1: evidence of a review, parts of an export, what is refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

import pytest

from mmdet_miaod.annotation import cvat
from mmdet_miaod.annotation.answers import compare
from mmdet_miaod.annotation.formats import read_annotation_file
from mmdet_miaod.annotation.labels import ImportedFile, merge, no_labels
from tests.annotation.batches import CLASSES, make_batch


@pytest.fixture
def batch():
    return make_batch(4, 2)


@pytest.fixture
def root(batch) -> Element:
    return fromstring(cvat.write_annotations(batch))


def _states(batch, root: Element, all_reviewed: bool = False) -> list[str]:
    answers = compare(batch, cvat.read_annotations(root), 'file', all_reviewed)
    return [answer.state.value for answer in answers.by_uid.values()]


def test_proposed_boxes_alone_are_no_review(batch, root) -> None:
    assert _states(batch, root) == ['untouched'] * 4
    assert _states(batch, root, all_reviewed=True) == ['reviewed'] * 4


def test_a_tag_a_moved_and_a_deleted_box_are_evidence_and_an_empty_image_is_not(batch, root) -> None:
    images = root.findall('image')
    SubElement(images[0], 'tag', label='reviewed', source='manual')
    images[1].find('box').set('xtl', '0.50')
    images[2].remove(images[2].find('box'))
    for box in images[3].findall('box'):
        images[3].remove(box)
    assert _states(batch, root) == ['reviewed', 'reviewed', 'reviewed', 'untouched']
    SubElement(images[3], 'tag', label='reviewed')
    SubElement(images[0], 'tag', label='skipped')
    with pytest.raises(ValueError, match='both tags'):
        _states(batch, root)
    images[0].remove(images[0].findall('tag')[0])
    assert _states(batch, root) == ['skipped', 'reviewed', 'reviewed', 'reviewed']


def test_a_missing_image_is_told_with_what_the_export_says_of_itself(batch, root) -> None:
    root.remove(root.findall('image')[3])
    meta = SubElement(SubElement(root, 'meta'), 'job')
    for key, value in dict(size='3', start_frame='0', stop_frame='2').items():
        SubElement(meta, key).text = value
    answers = compare(batch, cvat.read_annotations(root), 'file')
    with pytest.raises(ValueError, match=r'1 of 4 images .* one job of the task, frames 0 to 2'):
        merge(batch, no_labels(batch), answers, ImportedFile('a.xml', '', ''))
    root.find('meta/job/size').text = '4'
    assert cvat.read_annotations(root).partial == 'it has 3 images of 4'


def test_rotated_boxes_and_polygons_are_counted(batch, root) -> None:
    images = root.findall('image')
    images[0].find('box').set('rotation', '30.00')
    SubElement(images[0], 'polygon', label='bolt', points='1,2;3,4;5,6')
    SubElement(images[0], 'tag', label='blurred')
    answers = compare(batch, cvat.read_annotations(root), 'file')
    assert answers.other_shapes == {'rotated box': 1, 'polygon': 1}


def test_an_archive_with_pictures_and_a_folder_around_it_is_read(tmp_path, batch, root) -> None:
    path = tmp_path / 'export.zip'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('task_7/annotations.xml', tostring(root))
        archive.writestr('task_7/images/b.jpg', b'picture')
        archive.writestr('__MACOSX/task_7/._annotations.xml', b'\0')
    assert len(read_annotation_file(path, batch).images) == 4


def test_the_labels_have_scores_and_tags() -> None:
    labels = json.loads(cvat.write_labels(CLASSES))
    assert [label['type'] for label in labels] == ['rectangle'] * 3 + ['tag'] * 2
    assert labels[0]['attributes'][0]['name'] == 'score'
    with pytest.raises(ValueError, match='are tags of the task'):
        cvat.write_labels(('bolt', 'reviewed'))


@pytest.mark.parametrize(
    'damage, message',
    [
        (lambda root: root.find('image').set('width', '1e9999'), 'width'),
        (lambda root: root.find('image').set('width', '200'), 'another size'),
        (lambda root: root.find('image').set('name', 'images/frame_000001.jpg'), 'or were images renamed'),
        (lambda root: root.find('image').attrib.pop('name'), 'has no name'),
        (lambda root: root.append(root.find('image')), 'is there twice'),
        (lambda root: root.find('image/box').set('label', 'Nut'), "'Nut' is no class"),
        (lambda root: root.find('image/box').attrib.pop('label'), 'has no label'),
        (lambda root: root.find('image/box').set('xbr', 'nan'), 'xbr of a box'),
        (lambda root: root.find('image/box').attrib.pop('ytl'), 'ytl of a box'),
        (lambda root: SubElement(root, 'track', id='0'), 'of a video'),
        (lambda root: setattr(root, 'tag', 'annotation'), 'in place of <annotations>'),
    ],
)
def test_damage_is_refused(tmp_path: Path, batch, root, damage, message: str) -> None:
    damage(root)
    path = tmp_path / 'annotations.xml'
    path.write_bytes(tostring(root))
    with pytest.raises(ValueError, match=message) as error:
        compare(batch, read_annotation_file(path, batch), str(path))
    assert 'annotations.xml' in str(error.value)
