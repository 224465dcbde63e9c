"""Reading VOC annotation files."""

import os
from pathlib import Path

import numpy as np
import pytest

from mmdet_miaod.datasets import voc_xml
from mmdet_miaod.datasets.objects import ObjectCounts
from mmdet_miaod.datasets.voc_xml import parse_voc_xml
from tests.datasets.voc_tree import object_xml, write_xml

CLASSES = {'cat': 0, 'dog': 1}


def parse_text(tmp_path: Path, text: str | bytes):
    path = tmp_path / 'a.xml'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return parse_voc_xml(path, CLASSES)


def parse_objects(tmp_path: Path, *objects: str):
    return parse_voc_xml(write_xml(tmp_path / 'a.xml', *objects), CLASSES)


def test_boxes_are_vocs_minus_one_and_difficult_ones_apart(tmp_path):
    annotation = parse_objects(
        tmp_path,
        object_xml('dog', (1, 2, 31, 26)),
        object_xml('cat', (12.5, '1e1', ' 40 ', 30), difficult=None),
        object_xml('cat', (5, 6, 7, 8), difficult='1'),
        object_xml('dog', (5, 6, 17, 18), difficult=''),
    )
    np.testing.assert_array_equal(annotation.bboxes, [(0, 1, 30, 25), (11.5, 9, 39, 29), (4, 5, 16, 17)])
    np.testing.assert_array_equal(annotation.labels, [1, 0, 1])
    np.testing.assert_array_equal(annotation.bboxes_ignore, [(4, 5, 6, 7)])
    np.testing.assert_array_equal(annotation.labels_ignore, [0])
    assert annotation.unknown == {}
    assert annotation.problems == ()


def test_image_without_objects(tmp_path):
    annotation = parse_text(tmp_path, '<annotation/>')
    assert annotation.bboxes.shape == annotation.bboxes_ignore.shape == (0, 4)
    assert annotation.labels.shape == annotation.labels_ignore.shape == (0,)
    assert (annotation.bboxes.dtype, annotation.labels.dtype) == (np.float32, np.int64)


def test_parts_of_objects_are_no_objects(tmp_path):
    part = '<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>'
    whole = object_xml('cat').replace('</object>', f'{part}</object>')
    assert parse_objects(tmp_path, whole).labels.tolist() == [0]


def test_unknown_names_are_counted(tmp_path):
    annotation = parse_objects(
        tmp_path, object_xml('cow'), object_xml('cat'), object_xml('cow'), object_xml('Cat')
    )
    assert annotation.unknown == {'cow': 2, 'Cat': 1}
    assert annotation.labels.tolist() == [0]


@pytest.mark.parametrize('box', [(5, 6, 5, 20), (5, 6, 20, 6), (20, 6, 5, 8), (5, 8, 9, 6)])
@pytest.mark.parametrize('difficult', ['0', '1'])
def test_boxes_without_area_are_left_out_and_reported(tmp_path, box, difficult):
    annotation = parse_objects(tmp_path, object_xml('cat'), object_xml('dog', box, difficult))
    assert annotation.labels.tolist() == [0]
    assert len(annotation.labels_ignore) == 0
    (problem,) = annotation.problems
    assert 'object 2 (dog)' in problem
    assert 'no area' in problem


def test_boxes_beyond_the_image_are_kept_and_reported(tmp_path):
    annotation = parse_objects(tmp_path, object_xml('cat', (1, 1, 41, 30)), object_xml('cat', (0, 0, 40, 30)))
    np.testing.assert_array_equal(annotation.bboxes, [(0, 0, 40, 29), (-1, -1, 39, 29)])
    (problem,) = annotation.problems
    assert 'object 1 (cat) [1, 1, 41, 30] leaves the image of 40 x 30' in problem


@pytest.mark.parametrize('size', ['', '<size/>', '<size><width>0</width><height>0</height></size>'])
def test_stated_size_may_be_missing(tmp_path, size):
    annotation = parse_text(tmp_path, f'<annotation>{size}{object_xml()}</annotation>')
    assert annotation.problems == ()
    assert len(annotation.labels) == 1


@pytest.mark.parametrize(
    ('xml', 'message'),
    [
        (object_xml(box=('nan', 1, 2, 3)), r"object 1: \(cat\) <xmin> is 'nan'; expected a number"),
        (object_xml(box=(1, 'inf', 2, 3)), '<ymin>'),
        (object_xml(box=(1, 1, '1e30', 3)), '<xmax> is 1e\\+30; coordinates reach'),
        (object_xml(box=(1, 1, 2, '1e999')), '<ymax>'),
        (object_xml(box=(1, 1, 2, '9' * 5000)), '<ymax>'),
        (object_xml(box=('1_0', 1, 2, 3)), '<xmin>'),
        (object_xml(box=('١', 1, 2, 3)), '<xmin>'),
        (object_xml(box=('', 1, 2, 3)), '<xmin>'),
        ('<object><name>cat</name></object>', 'no <bndbox>'),
        ('<object><name>cat</name><bndbox><xmin>1</xmin></bndbox></object>', '<ymin>'),
        (object_xml(name=' '), 'no <name>'),
        (object_xml(name='cow', box=('nan', 1, 2, 3)), r'\(cow\) <xmin>'),
        (object_xml(difficult='maybe'), '<difficult>'),
    ],
)
def test_malformed_object_is_named(tmp_path, xml, message):
    with pytest.raises(ValueError, match=rf'a\.xml, object .*{message}|a\.xml, {message}'):
        parse_text(tmp_path, f'<annotation>{xml}</annotation>')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'not well-formed'),
        ('<annotation>', 'not well-formed'),
        ('<annotation>&nothing;</annotation>', 'not well-formed|refused'),
        ('<?xml version="1.0" encoding="no-such"?><annotation/>', 'not well-formed'),
        ('<?xml version="1.0" encoding="utf-7"?><annotation/>', 'not well-formed'),
        ('<!DOCTYPE a><annotation/>', 'DTDs and entities are refused'),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', 'DTDs and entities are refused'),
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotation>&b;</annotation>', 'DTDs'),
        ('<!DOCTYPE a SYSTEM "http://localhost/a.dtd"><annotation/>', 'DTDs'),
    ],
)
def test_dangerous_or_broken_file_is_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=rf'a\.xml: .*({message})'):
        parse_text(tmp_path, text)


@pytest.mark.parametrize('root', ['annotations', 'html', 'Annotation'])
def test_other_documents_are_not_images_without_objects(tmp_path, root):
    with pytest.raises(ValueError, match=rf'a\.xml: is no VOC annotation file: <{root}>'):
        parse_text(tmp_path, f'<{root}>{object_xml()}</{root}>')


def test_namespaces_do_not_hide_objects(tmp_path):
    text = f'<annotation xmlns="urn:x">{object_xml("dog")}</annotation>'
    assert parse_text(tmp_path, text).labels.tolist() == [1]


def test_other_encodings_are_read(tmp_path):
    text = '<?xml version="1.0" encoding="{}"?><annotation>' + object_xml('dog') + '</annotation>'
    for encoding in ('utf-8', 'utf-16', 'iso-8859-1'):
        assert parse_text(tmp_path, text.format(encoding).encode(encoding)).labels.tolist() == [1]


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'gone\.xml: no such annotation file'):
        parse_voc_xml(tmp_path / 'gone.xml', CLASSES)


def test_size_is_bounded(tmp_path, monkeypatch):
    path = write_xml(tmp_path / 'a.xml', object_xml())
    monkeypatch.setattr(voc_xml, 'MAX_FILE_BYTES', path.stat().st_size)
    parse_voc_xml(path, CLASSES)
    monkeypatch.setattr(voc_xml, 'MAX_FILE_BYTES', path.stat().st_size - 1)
    with pytest.raises(ValueError, match='more than the'):
        parse_voc_xml(path, CLASSES)


def test_folders_and_pipes_are_refused(tmp_path):
    (tmp_path / 'folder.xml').mkdir()
    os.mkfifo(tmp_path / 'pipe.xml')
    for name in ('folder.xml', 'pipe.xml'):
        with pytest.raises(ValueError, match=name):
            parse_voc_xml(tmp_path / name, CLASSES)


def test_deep_nesting_is_harmless(tmp_path):
    depth = 200_000
    nested = '<a>' * depth + '</a>' * depth
    assert len(parse_text(tmp_path, f'<annotation>{nested}</annotation>').labels) == 0
    with pytest.raises(ValueError, match='not well-formed'):
        parse_text(tmp_path, '<a>' * depth)


def test_every_truncation_parses_or_is_a_value_error(tmp_path):
    whole = write_xml(tmp_path / 'b.xml', object_xml('cat'), object_xml('dog')).read_bytes()
    for stop in range(len(whole)):
        with pytest.raises(ValueError, match=r'a\.xml'):
            parse_text(tmp_path, whole[:stop])


def test_random_changes_parse_or_are_a_value_error(tmp_path):
    random = np.random.RandomState(0)
    whole = write_xml(tmp_path / 'b.xml', object_xml('cat'), object_xml('dog')).read_bytes()
    accepted = 0
    for _ in range(1500):
        changed = bytearray(whole)
        for position in random.randint(0, len(whole), random.randint(1, 4)):
            changed[position] = random.choice([random.randint(256), 0x3C, 0x26, 0x39, 0x2D])
        try:
            annotation = parse_text(tmp_path, bytes(changed))
        except ValueError:
            continue
        accepted += 1
        assert np.isfinite(annotation.bboxes).all()
        assert len(annotation.bboxes) == len(annotation.labels)
    assert 0 < accepted < 1500


def test_random_bytes_are_a_value_error(tmp_path):
    random = np.random.RandomState(1)
    for head in (b'', b'<annotation>', b'\xff\xfe', b'\xef\xbb\xbf<?xml '):
        for _ in range(50):
            with pytest.raises(ValueError, match=r'a\.xml'):
                parse_text(tmp_path, head + random.bytes(random.randint(1, 300)))


def test_every_box_of_an_object_is_an_object(tmp_path):
    box = '<bndbox><xmin>5</xmin><ymin>6</ymin><xmax>{}</xmax><ymax>9</ymax></bndbox>'
    both = object_xml('dog').replace('</object>', f'{box.format(9)}{box.format(5)}</object>')
    annotation = parse_objects(tmp_path, object_xml('cat'), both)
    assert annotation.bboxes.tolist() == [[10, 5, 30, 25], [10, 5, 30, 25], [4, 5, 8, 8]]
    place = '[11, 6, 31, 26]'
    again = f'object 2, box 1 (dog) {place} is the box of object 1 (cat) {place} again; both are kept'
    assert annotation.problems == (again, 'object 2, box 3 (dog) [5, 6, 5, 9] has no area; left out')
    assert annotation.counts == ObjectCounts(3, {}, {'no area': 1})


def test_objects_elsewhere_are_counted_and_left_out(tmp_path):
    wrapped = f'<objects>{object_xml("dog")}</objects>'
    annotation = parse_objects(tmp_path, object_xml('cat'), wrapped, '<Object><name>dog</name></Object>')
    assert annotation.labels.tolist() == [0]
    assert annotation.counts == ObjectCounts(1, {}, {'not understood': 2})
    assert annotation.problems == (
        '<Object> in <annotation> is no <object> directly in <annotation>; left out',
        '<object> in <objects> is no <object> directly in <annotation>; left out',
    )


@pytest.mark.parametrize(
    'mark',
    [
        '<angle>0.5</angle>',
        '<attributes><attribute><name>rotation</name><value>30.0</value></attribute></attributes>',
    ],
)
def test_a_rotation_is_told(tmp_path, mark):
    (problem,) = parse_objects(tmp_path, object_xml('cat').replace('</name>', f'</name>{mark}')).problems
    assert 'object 1 (cat) [11, 6, 31, 26] has a rotation of' in problem


def test_the_image_counts_and_not_the_stated_size(tmp_path):
    outside = object_xml('cat', (700, 1, 760, 20))
    path = write_xml(tmp_path / 'a.xml', outside, object_xml('dog'), size=(900, 900))
    annotation = parse_voc_xml(path, CLASSES, (40, 30))
    assert (annotation.size, annotation.stated_size) == ((40, 30), (900, 900))
    assert annotation.labels.tolist() == [1]
    assert annotation.problems == (
        'object 1 (cat) [700, 1, 760, 20] lies outside the image of 40 x 30; left out',
    )


def test_an_object_with_another_kind_of_box_names_it(tmp_path):
    with pytest.raises(ValueError, match=r'no <bndbox>; it has <name>, <polygon>'):
        parse_objects(tmp_path, '<object><name>cat</name><polygon><x1>1</x1></polygon></object>')


def test_objects_that_labelme_marks_as_deleted_are_left_out_and_counted(tmp_path):
    deleted = object_xml().replace('</object>', '<deleted>1</deleted></object>')
    found = parse_voc_xml(write_xml(tmp_path / 'a.xml', object_xml() + deleted), CLASSES)
    assert (found.counts.trained, dict(found.counts.left_out)) == (1, {'marked ignore': 1})
    kept = deleted.replace('<deleted>1', '<deleted>0')
    assert parse_voc_xml(write_xml(tmp_path / 'a.xml', kept), CLASSES).counts.trained == 1


@pytest.mark.parametrize('more', ['<name>cat</name>', '<difficult>0</difficult><difficult>1</difficult>'])
def test_several_names_or_marks_of_one_object_are_refused(tmp_path, more):
    path = write_xml(tmp_path / 'a.xml', object_xml().replace('</object>', f'{more}</object>'))
    with pytest.raises(ValueError, match=r'a\.xml, object 1: .*[23] <(name|difficult)>: .*; leave one'):
        parse_voc_xml(path, CLASSES)
