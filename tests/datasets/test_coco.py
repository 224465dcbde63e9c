"""The pool and labeled images in COCO's format: boxes, order, evaluation."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from mmdet_miaod.apis import RunOptions
from mmdet_miaod.apis.preflight import check_before_start
from mmdet_miaod.apis.settings import load_settings
from mmdet_miaod.datasets import VOCDetectionDataset
from mmdet_miaod.datasets.builder import check_classes
from mmdet_miaod.datasets.coco import CocoDetectionDataset, CocoPoolDataset
from tests.datasets.coco_tree import draw_coco
from tests.datasets.voc_tree import TRAIN_PIPELINE
from tests.tiny_run import REPOSITORY, TINY_OPTIONS


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return draw_coco(tmp_path_factory.mktemp('coco') / 'data')


def dataset(root, **changes) -> CocoDetectionDataset:
    return CocoDetectionDataset('boxes.json', 'images', data_root=str(root), **changes)


def test_boxes_are_those_of_labeled_images_only(root) -> None:
    labeled = dataset(root)
    assert labeled.CLASSES == ('cat', 'dog') and labeled.image_id(1) == 99
    labeled.label([0])
    info = labeled.get_ann_info(0)
    assert info['bboxes'].tolist() == [[0, 2, 20, 12]] and info['labels'].tolist() == [0]
    assert info['bboxes_ignore'].tolist() == [[30, 20, 50, 35]]
    with pytest.raises(KeyError, match='not labeled'):
        labeled.get_ann_info(1)
    assert labeled.problems[0][0].endswith('boxes.json, image 100')


def test_classes_choose_and_order_categories(root) -> None:
    labeled = dataset(root, classes=['dog'])
    labeled.label([0, 1])
    assert [labeled.get_cat_ids(i) for i in (0, 1)] == [[], [0]]
    with pytest.raises(ValueError, match='bird'):
        dataset(root, classes=['bird'])


def test_pool_has_the_files_order_and_may_leave_out_images_without_boxes(root) -> None:
    everything = CocoPoolDataset('boxes.json', 'images', data_root=str(root))
    assert len(everything) == 8 and everything.index.names[1] == '001.png'
    assert len(CocoPoolDataset('boxes.json', 'images', data_root=str(root), only_with_boxes=True)) == 7
    with pytest.raises(ValueError, match='its 7 images are not the 8 of the pool'):
        dataset(root, only_with_boxes=True, index=everything.index)


def test_coordinates_are_those_of_the_file_and_the_size_is_what_it_states(root) -> None:
    labeled = dataset(root)
    assert not isinstance(labeled, VOCDetectionDataset)
    found = labeled.annotation(0)
    assert np.concatenate([found.bboxes, found.bboxes_ignore]).tolist() == [[0, 2, 20, 12], [30, 20, 50, 35]]
    assert (found.size, found.stated_size) == ((60, 40), (60, 40))


def test_a_sample_is_what_the_pipeline_makes_of_image_and_boxes(root) -> None:
    labeled = dataset(root, pipeline=TRAIN_PIPELINE)
    labeled.label([1])
    sample = labeled[1]
    assert sample['img_metas'].data['ori_filename'] == '001.png'
    assert (sample['gt_labels'].data.tolist(), sample['gt_bboxes'].data.shape) == ([1], (1, 4))


def test_split_files_are_of_labeled_images_only(root) -> None:
    labeled = dataset(root)
    labeled.label([0, 2])
    texts = labeled.split_files(np.array([0, 2]), np.array([1, 3]))
    assert (texts['image_ids_L.txt'], texts['image_ids_U.txt']) == ('100\n98\n', '99\n97\n')
    assert [box['id'] for box in json.loads(texts['labeled.json'])['annotations']] == [1, 50, 51, 52, 3]
    with pytest.raises(KeyError, match='not labeled'):
        labeled.split_files(np.array([1]), np.array([0]))


@pytest.mark.parametrize('classes', [['cat', 'dog'], ['dog', 'cat']])
def test_evaluation_by_class(root, classes, caplog) -> None:
    test = dataset(root, classes=classes, test_mode=True)
    none = np.zeros((0, 5), np.float32)
    results = []
    for i in range(8):
        boxes = test.get_ann_info(i)['bboxes']
        scored = np.column_stack([boxes, np.full(len(boxes), 0.9)]).astype(np.float32)
        # Cats are found, dogs are not.
        results.append([scored if name == 'cat' and i % 2 == 0 else none for name in classes])
    found = test.evaluate(results, logger='silent')
    assert found['AP'] == {'cat': pytest.approx(1), 'dog': pytest.approx(0)}
    assert found['mAP'] == pytest.approx(0.5) and found['AP50'] == pytest.approx(0.5)
    assert np.isnan(found['AP_large'])
    with pytest.raises(ValueError, match='7 results'):
        test.evaluate(results[:7])
    logger = logging.getLogger('of this test')
    with caplog.at_level(logging.INFO, logger.name):
        test.evaluate(results, logger=logger)
    assert 'COCO: mAP 0.500, AP50 0.500' in caplog.text and '| cat     |       ' in caplog.text


def test_labels_of_another_file_are_refused_though_it_has_as_many_images(root, tmp_path) -> None:
    content = json.loads((root / 'boxes.json').read_text())
    content['images'].reverse()
    (tmp_path / 'boxes (1).json').write_text(json.dumps(content))
    index = CocoPoolDataset('boxes.json', 'images', data_root=str(root)).index
    with pytest.raises(ValueError, match='are not the 8 of the pool in its order'):
        CocoDetectionDataset(str(tmp_path / 'boxes (1).json'), 'images', data_root=str(root), index=index)
    assert CocoPoolDataset(str(tmp_path / 'boxes (1).json'), 'images', data_root=str(root)).index.tags == (
        'boxes__1_',
    )


def test_boxes_that_do_not_count_may_be_incomplete(root, tmp_path) -> None:
    content = json.loads((root / 'boxes.json').read_text())
    content['annotations'] += [
        dict(id=90, image_id=99, category_id=55),
        dict(id=91, image_id=99, category_id=3, ignore=1),
    ]
    (tmp_path / 'boxes.json').write_text(json.dumps(content))
    test = CocoDetectionDataset(str(tmp_path / 'boxes.json'), 'images', data_root=str(root), test_mode=True)
    empty = [[np.zeros((0, 5), np.float32)] * 2 for _ in range(len(test))]
    assert test.evaluate(empty, logger='silent')['mAP'] == 0


def changed(root, tmp_path, change) -> CocoDetectionDataset:
    content = json.loads((root / 'boxes.json').read_text())
    change(content)
    (tmp_path / 'boxes.json').write_text(json.dumps(content))
    return CocoDetectionDataset(str(tmp_path / 'boxes.json'), 'images', data_root=str(root), test_mode=True)


def detections(test, scores=(0.9,)) -> list:
    """Every box that counts, found."""
    found = []
    for i in range(len(test)):
        info = test.get_ann_info(i)
        boxes = [info['bboxes'][info['labels'] == label] for label in range(2)]
        found.append(
            [np.insert(part, 4, scores[i % len(scores)], axis=1).astype(np.float32) for part in boxes]
        )
    return found


def test_what_is_trained_on_is_what_is_evaluated(root, tmp_path) -> None:
    def spoil(content):
        content['annotations'][1]['area'] = 0
        content['annotations'][2]['bbox'] = [70, 2, 20, 10]
        content['annotations'][3]['bbox'] = [3, 2, 0.2, 10]

    test = changed(root, tmp_path, spoil)
    assert sum(len(test.get_ann_info(i)['labels']) for i in range(8)) == 5
    assert test.evaluate(detections(test), logger='silent')['mAP'] == pytest.approx(1)


def test_evaluation_does_not_depend_on_ids(root, tmp_path) -> None:
    def renumber(name):
        def change(content):
            for entry in content['images']:
                entry['id'] = name(entry['id'])
            for entry in content['annotations']:
                entry['image_id'] = name(entry['image_id'])

        return change

    found = []
    for name in (
        lambda i: i,
        lambda i: 2**63 + i * 7919 % 1024,
        lambda i: f'{i * 37 % 100}.png',
        lambda i: -i,
    ):
        test = changed(root, tmp_path, renumber(name))
        results = detections(test, (0.9, 0.9, 0.5))
        results[2] = [np.zeros((0, 5), np.float32), results[2][0]]  # a cat taken for a dog
        found.append(test.evaluate(results, logger='silent'))
    assert 0 < found[0]['mAP'] < 1
    for other in found[1:]:
        assert other == found[0] or repr(other) == repr(found[0])


def test_images_that_nobody_reviewed_cannot_be_labeled(root, tmp_path, caplog, monkeypatch) -> None:
    monkeypatch.setattr(logging.getLogger('mmdet'), 'propagate', True)
    unknown = dataset(root)
    unknown.label(range(8))
    assert '1 of 8 newly labeled images have no entry in the annotations' in caplog.text
    assert '007.png' in caplog.text
    assert unknown.perhaps_unlabeled(range(8)) == [7]
    with pytest.raises(FileNotFoundError, match=r'image 93 \(007.png\): nobody has labeled it yet'):
        dataset(root, reviewed='annotated').label([0, 7])
    (tmp_path / 'seen.txt').write_text('007.png\n')
    for reviewed in ('all', str(tmp_path / 'seen.txt')):
        caplog.clear()
        known = dataset(root, reviewed=reviewed)
        known.label(range(8))
        assert known.is_labeled(7) and 'no entry' not in caplog.text


def test_a_pool_of_images_without_boxes_says_so(root, tmp_path) -> None:
    content = json.loads((root / 'boxes.json').read_text())
    (tmp_path / 'boxes.json').write_text(json.dumps({**content, 'annotations': []}))
    with pytest.raises(
        ValueError, match='8 of 8 images have no boxes, and all are left out.*set only_with_boxes=False'
    ):
        CocoPoolDataset(str(tmp_path / 'boxes.json'), str(root / 'images'), only_with_boxes=True)


def test_a_supercategory_among_the_classes_is_told(root, tmp_path) -> None:
    content = json.loads((root / 'boxes.json').read_text())
    above = dict(id=0, name='pets', supercategory='none')
    content['categories'] = [above, *(dict(entry, supercategory='pets') for entry in content['categories'])]
    (tmp_path / 'boxes.json').write_text(json.dumps(content))
    found = CocoDetectionDataset(str(tmp_path / 'boxes.json'), str(root / 'images'))
    assert (
        "['pets'] have no box and are the supercategory of others; set classes = ['cat', 'dog']"
        in found.class_hint
    )
    with pytest.raises(ValueError, match=r"has 3 classes .*set classes = \['cat', 'dog'\]"):
        check_classes(found, None, 2)


def test_a_pool_that_lost_most_images_says_how_many(root, tmp_path) -> None:
    content = json.loads((root / 'boxes.json').read_text())
    kept = content['annotations'][0]['image_id']
    few = [box for box in content['annotations'] if box['image_id'] == kept]
    (tmp_path / 'boxes.json').write_text(json.dumps({**content, 'annotations': few}))
    places = dict(pool_json=str(tmp_path / 'boxes.json'), test_json='boxes.json')
    options = {
        **{key: value for key, value in TINY_OPTIONS.items() if not key.startswith('pool_')},
        **dict(places, classes=None, pool_images='images', test_images='images', only_with_boxes=True),
        'model.bbox_head.num_classes': 2,
    }
    settings = load_settings(REPOSITORY / 'configs' / 'MIAOD_coco.py', options, f'{root}/')
    match = (
        r'X_L_0_size is 4, but the pool has 1 images; 7 more are left out \(only_with_boxes\): set it False'
    )
    with pytest.raises(ValueError, match=match):
        check_before_start(settings, RunOptions(device='cpu'))
