"""Types and references in COCO files, as people's tools write them."""

from __future__ import annotations

import json

import pytest

from mmdet_miaod.datasets.coco_checks import flag, reviewed_ids, supercategories_without_boxes
from mmdet_miaod.datasets.coco_json import parse_boxes, read_coco


def content() -> dict:
    images = [dict(id=i, file_name=f'{i}.jpg', width=60, height=40) for i in (5, 6)]
    boxes = [
        dict(id=i + 1, image_id=5 + i % 2, category_id=1 + i % 2, bbox=[30, 20, 20, 15], area=300)
        for i in range(4)
    ]
    return dict(images=images, annotations=boxes, categories=[dict(id=1, name='cat'), dict(id=2, name='dog')])


def read(tmp_path, changed: dict):
    (tmp_path / 'boxes.json').write_text(json.dumps(changed))
    return read_coco(str(tmp_path / 'boxes.json'))


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (
            lambda c: c['annotations'][1].update(image_id='6'),
            "image ids are such as 6, image_id of boxes such as '6'",
        ),
        (lambda c: c['annotations'][1].update(image_id='006'), "image_id of boxes such as '006'"),
        (
            lambda c: c['annotations'][1].update(category_id='2'),
            "category ids are .* 2, category_id .* '2'",
        ),
        (lambda c: c['annotations'][1].update(image_id=None), 'entry 1 of annotations has the image_id None'),
        (lambda c: c['annotations'][1].update(image_id=True), 'image_id True'),
        (lambda c: c['annotations'][1].update(category_id=[2]), r'category_id \[2\]'),
        (lambda c: c['annotations'][1].update(category_id=1.5), 'category_id 1.5'),
        (lambda c: c['images'][1].update(id={}), r'entry 1 of images has the id \{\}'),
        (lambda c: c['images'][1].update(file_name=7), 'entry 1 of images has the file_name 7'),
        (lambda c: c['images'][1].update(width='60'), "size '60' x 40"),
        (lambda c: c['images'][1].update(width=True), 'size True x 40'),
        (lambda c: c['categories'][1].update(name=['dog']), r"categories has the name \['dog'\]"),
        (lambda c: c['annotations'][1].update(iscrowd='no'), "entry 1 of annotations has iscrowd 'no'"),
        (lambda c: c['annotations'][1].update(ignore=2), 'ignore 2; expected 0 or 1'),
        (lambda c: c['annotations'][1].update(bbox=[1, 2, 10**400, 4]), 'each a number up to'),
        (lambda c: c['annotations'][1].update(bbox=[1, 2, float('nan'), 4]), 'NaN is no number'),
        (lambda c: c['annotations'].append(7), 'entry 4 of annotations is 7'),
        (lambda c: c.update(images={}), 'images is no list'),
        (
            lambda c: [b.update(bbox=[30, 20, 50, 35]) for b in c['annotations']],
            'x1, y1, x2, y2 and not x, y',
        ),
    ],
)
def test_a_wrong_type_or_reference_is_named_as_it_is_written(tmp_path, spoil, message) -> None:
    changed = content()
    spoil(changed)
    with pytest.raises(ValueError, match=f'boxes.json: .*{message}'):
        read(tmp_path, changed)


@pytest.mark.parametrize(
    ('value', 'expected'), [(0, 0), (1, 1), (True, 1), (None, 0), ('0', 0), ('1', 1), (1.0, 1)]
)
def test_flags_may_be_numbers_words_of_json_or_digits(value, expected) -> None:
    assert flag(dict(iscrowd=value), 'iscrowd') is bool(expected)
    assert flag({}, 'iscrowd') is False


def test_ids_of_64_bits_texts_and_whole_floats_are_ids(tmp_path) -> None:
    changed = content()
    names = {5: 2**63 + 1, 6: 'b.jpg'}
    for image in changed['images']:
        image['id'] = names[image['id']]
    for box in changed['annotations']:
        box.update(image_id=names[box['image_id']], category_id=float(box['category_id']))
    file = read(tmp_path, changed)
    assert [len(file.annotations[image['id']]) for image in file.images] == [2, 2] and not file.stray


def test_boxes_of_no_image_are_counted_and_named(tmp_path, caplog) -> None:
    changed = content()
    changed['annotations'][0]['image_id'] = 77
    file = read(tmp_path, changed)
    assert file.stray == {'of an image that is not in the file': 1}
    assert '1 of 4 boxes are left out: their image_id (77) is the id of no image' in caplog.text


def test_few_boxes_that_leave_their_image_are_no_corners(tmp_path) -> None:
    changed = content()
    changed['annotations'][0]['bbox'] = [30, 20, 50, 35]
    changed['annotations'][1]['bbox'] = [30, 20, 5, 5]
    assert len(read(tmp_path, changed).annotations) == 2


def test_a_category_of_the_same_name_is_dropped_where_no_box_uses_it(tmp_path) -> None:
    changed = content()
    changed['categories'].insert(0, dict(id=0, name='cat', supercategory='none'))
    assert [entry['id'] for entry in read(tmp_path, changed).categories] == [1, 2]


def test_supercategories_without_boxes_are_found() -> None:
    names = [('pets', 'none'), ('cat', 'pets'), ('dog', 'pets')]
    categories = [dict(id=i, name=name, supercategory=above) for i, (name, above) in enumerate(names)]
    assert supercategories_without_boxes(categories, {1, 2}) == ['pets']
    assert supercategories_without_boxes(categories, {0, 1, 2}) == []


def test_reviewed_images_come_from_a_word_or_a_list(tmp_path) -> None:
    images = content()['images']
    assert reviewed_ids('boxes.json', images, None, None) is None
    assert reviewed_ids('boxes.json', images, 'all', None) == {5, 6}
    assert reviewed_ids('boxes.json', images, 'annotated', None) == set()
    (tmp_path / 'seen.txt').write_text('6\n5.jpg\n')
    assert reviewed_ids('boxes.json', images, 'seen.txt', str(tmp_path)) == {5, 6}
    (tmp_path / 'seen.txt').write_text('9\n')
    with pytest.raises(ValueError, match='seen.txt: 9 are no image ids or file names of boxes.json'):
        reviewed_ids('boxes.json', images, 'seen.txt', str(tmp_path))
    with pytest.raises(FileNotFoundError, match="gone.txt: no such file; reviewed is 'all', 'annotated'"):
        reviewed_ids('boxes.json', images, 'gone.txt', str(tmp_path))


HUGE = 10**400


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda c: c['categories'][0].update(name=['cat']), r"entry 0 of categories has the name \['cat'\]"),
        (lambda c: c['categories'][0].update(name='\ud800'), 'entry 0 of categories has the name'),
        (lambda c: c['images'][1].update(file_name='a\ud800.jpg'), 'entry 1 of images has the file_name'),
        (lambda c: c['images'][0].update(id=None), 'entry 0 of images has the id None'),
        (lambda c: c['images'][0].update(id='\udfff'), 'entry 0 of images has the id'),
        (lambda c: c['images'][0].update(id=HUGE), 'entry 0 of images has the id 9?1?0+'),
        (lambda c: c['images'][0].update(width=HUGE), 'entry 0 of images has the size 10+'),
        (lambda c: c['annotations'][0].update(bbox=[1, 1, 9, HUGE]), 'entry 0 of annotations has the box'),
        (lambda c: c['annotations'][0].update(iscrowd=HUGE), 'entry 0 of annotations has iscrowd'),
        (lambda c: c['annotations'][0].update(category_id=[1]), r'has the category_id \[1\]'),
        (lambda c: c.update(images={}), 'images is no list'),
    ],
)
def test_values_of_any_size_and_type_are_named(tmp_path, spoil, message) -> None:
    changed = content()
    spoil(changed)
    with pytest.raises(ValueError, match=rf'boxes\.json: .*{message}'):
        read(tmp_path, changed)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('[' * 100_000, 'recursion'),
        ('{"images": ' + '[' * 100_000 + ']' * 100_000 + '}', 'recursion'),
        ('[]', 'no object with images, categories and annotations'),
        ('{"images": [' + '9' * 5000 + ']}', 'digits'),
    ],
)
def test_odd_files_are_named(tmp_path, text, message) -> None:
    (tmp_path / 'boxes.json').write_text(text)
    with pytest.raises(ValueError, match=rf'boxes\.json: not in the format of COCO .*{message}'):
        read_coco(str(tmp_path / 'boxes.json'))
    (tmp_path / 'boxes.json').write_bytes(text.encode('utf-16'))
    with pytest.raises(ValueError, match=r'boxes\.json: not UTF-8 .*save the file as UTF-8'):
        read_coco(str(tmp_path / 'boxes.json'))


def test_odd_rotations_and_supercategories_do_not_matter(tmp_path) -> None:
    changed = content()
    changed['annotations'][0].update(rotation=HUGE, attributes=[1])
    changed['categories'][0].update(supercategory=['x'])
    file = read(tmp_path, changed)
    assert supercategories_without_boxes(file.categories, {1}) == []
    found = parse_boxes(file.images[0], file.annotations[5], {1: 0, 2: 1})
    assert found.counts.trained == 2


def test_a_hundred_thousand_categories_take_no_time(tmp_path) -> None:
    changed = content()
    changed['categories'] += [dict(id=k, name=f'name {k}') for k in range(10, 100_000)]
    changed['categories'] += [dict(id=-k, name='cat') for k in range(1, 100_000)]
    assert len(read(tmp_path, changed).categories) == 2 + 99_990


@pytest.mark.parametrize('part', ['images', 'categories', 'annotations'])
def test_a_part_that_is_there_twice_is_refused(tmp_path, part) -> None:
    text = json.dumps(content()).replace('{', f'{{"{part}": [], ', 1)
    (tmp_path / 'boxes.json').write_text(text)
    with pytest.raises(ValueError, match=rf"boxes\.json: .*an object has '{part}' twice"):
        read_coco(str(tmp_path / 'boxes.json'))
    # A class of that name is none of it.
    changed = content()
    changed['categories'][0]['name'] = part
    assert len(read(tmp_path, changed).images) == 2
