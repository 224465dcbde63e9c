"""COCO annotation files."""

from __future__ import annotations

import json

import pytest

from mmdet_miaod.datasets.coco_json import parse_boxes, read_coco
from mmdet_miaod.datasets.objects import ObjectCounts
from tests.datasets.coco_tree import draw_coco
from tests.tiny_run import REPOSITORY


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return draw_coco(tmp_path_factory.mktemp('coco') / 'data')


def test_images_keep_the_files_order_and_boxes_are_by_image(root) -> None:
    file = read_coco(str(root / 'boxes.json'))
    assert [image['id'] for image in file.images] == list(range(100, 92, -1))
    assert [box['id'] for box in file.boxes_of([file.images[1], file.images[0]])] == [2, 1, 50, 51, 52]
    assert file.boxes_of(file.images[7:]) == []


def test_images_without_boxes_or_with_short_sides_may_be_left_out(root) -> None:
    file = read_coco(str(root / 'boxes.json'))
    assert [image['id'] for image in file.with_boxes().images] == list(range(100, 93, -1))
    assert file.with_boxes(min_size=41).images == []


def test_crowds_are_ignored_and_boxes_without_area_are_reported() -> None:
    image = dict(width=60, height=40)
    boxes = [
        dict(category_id=3, bbox=[1, 2, 10, 5]),
        dict(category_id=7, bbox=[0, 0, 9, 9], iscrowd=1),
        dict(category_id=5, bbox=[0, 0, 9, 9]),
        dict(category_id=3, bbox=[0, 0, 9, 9], ignore=1),
        dict(category_id=3, bbox=[0, 0, 9, 0.5]),
        dict(category_id=3, bbox=[60, 0, 9, 9]),
        dict(category_id=3, bbox=[0, 0, 9, 9], area=0),
    ]
    found = parse_boxes(image, boxes, {3: 0, 7: 1})
    # The file's own area of 0 does not make a box flat.
    assert (found.bboxes.tolist(), found.labels.tolist()) == ([[1, 2, 11, 7], [0, 0, 9, 9]], [0, 0])
    assert (found.bboxes_ignore.tolist(), found.labels_ignore.tolist()) == ([[0, 0, 9, 9]], [1])
    assert found.unknown == {'category 5': 1}
    assert found.problems == (
        'box 4 (category 3) [0, 0, 9, 0.5] is smaller than a pixel; left out',
        'box 5 (category 3) [60, 0, 9, 9] lies outside the image of 60 x 40; left out',
    )
    left_out = {'smaller than a pixel': 1, 'outside the image': 1, 'unknown class': 1, 'marked ignore': 1}
    assert found.counts == ObjectCounts(2, {'crowd': 1}, left_out)
    assert (found.counts.total, found.numbers) == (len(boxes), (0, 6, 1))


def test_a_file_of_another_format_and_a_missing_one_are_named(tmp_path) -> None:
    (tmp_path / 'bad.json').write_text('{"images": []}')
    with pytest.raises(ValueError, match=r'bad\.json: not in the format of COCO'):
        read_coco(str(tmp_path / 'bad.json'))
    with pytest.raises(FileNotFoundError, match=r'none\.json: no such annotation file'):
        read_coco(str(tmp_path / 'none.json'))


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda c: c['images'][2].pop('width'), r"entry 2 of images has no \['width'\]"),
        (lambda c: c['images'][0].update(height=0), 'entry 0 of images has the size 60 x 0'),
        (lambda c: c['categories'][0].pop('name'), "KeyError: 'name'"),
        (
            lambda c: [i.update(id=str(i['id'])) for i in c['images']],
            "image ids are such as '100', image_id of boxes such as 100",
        ),
        (lambda c: c['annotations'][1].update(bbox=[]), r'entry 1 of annotations has the box \[\]'),
        (lambda c: c['annotations'][0].update(bbox=['1', 2, 3, 4]), 'entry 0 of annotations has the box'),
        (
            lambda c: (
                c['categories'].append(dict(c['categories'][0], id=77)),
                c['annotations'][0].update(category_id=77),
            ),
            r"category names 'cat' are there more than once, with the ids \[7, 77\]",
        ),
        (
            lambda c: c['categories'].append(dict(c['categories'][0], name='x')),
            'category ids .* more than once',
        ),
        (lambda c: c['images'][1].update(id=100), r'image ids \[100\] .* give each an id of its own'),
    ],
    ids=[
        *('no width', 'no height', 'no name', 'ids of another type', 'no box', 'text in a box'),
        *('a name twice', 'a category id twice', 'an image id twice'),
    ],
)
def test_a_malformed_file_is_named_with_what_is_wrong(root, tmp_path, spoil, message) -> None:
    content = json.loads((root / 'boxes.json').read_text())
    spoil(content)
    (tmp_path / 'bad.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f'bad.json: .*{message}'):
        read_coco(str(tmp_path / 'bad.json'))


@pytest.mark.parametrize('name', ['images\\4/a.png', '../up/4/a.png', '/data/a.png', 'C:/a.png'])
def test_a_name_that_is_no_path_below_the_folder_is_named_with_the_page_that_helps(
    root, tmp_path, name
) -> None:
    content = json.loads((root / 'boxes.json').read_text())
    content['images'][3]['file_name'] = name
    (tmp_path / 'bad.json').write_text(json.dumps(content))
    file = read_coco(str(tmp_path / 'bad.json'))
    with pytest.raises(
        ValueError, match=r'bad\.json, images\[3\]\.file_name: .* refused.*how-to/coco\.md'
    ) as told:
        file.index(str(root / 'images'))
    assert repr(name) in str(told.value)


def test_the_lines_of_the_page_make_names_relative(root, tmp_path, monkeypatch) -> None:
    content = json.loads((root / 'boxes.json').read_text())
    for image in content['images']:
        image['file_name'] = f'images\\4/{image["file_name"]}'
    monkeypatch.chdir(tmp_path)
    written = tmp_path / 'data/mine/annotations/train.json'
    written.parent.mkdir(parents=True)
    written.write_text(json.dumps(content))
    page = (REPOSITORY / 'docs/how-to/coco.md').read_text().split('## File names')[1]
    exec(page.split('```python')[1].split('```')[0], {})
    assert len(read_coco(str(written)).index(str(root / 'images'))) == 8


def test_a_file_may_begin_with_a_byte_order_mark(root, tmp_path) -> None:
    (tmp_path / 'bom.json').write_text((root / 'boxes.json').read_text(), encoding='utf-8-sig')
    assert len(read_coco(str(tmp_path / 'bom.json')).images) == 8
