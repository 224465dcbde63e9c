"""Data sets and indices from configs."""

import json

import pytest

from mmdet_miaod.datasets import build_dataset
from mmdet_miaod.datasets.builder import build_index, check_classes
from mmdet_miaod.datasets.coco import CocoDetectionDataset
from tests.datasets.coco_tree import draw_coco
from tests.datasets.voc_tree import IMAGES, TEST_PIPELINE, write_voc


def test_built_from_a_config(tmp_path):
    write_voc(tmp_path / 'VOC2007', IMAGES, 'test')
    config = {
        'type': 'VOCDetectionDataset',
        'data_root': str(tmp_path),
        'ann_file': ['VOC2007/ImageSets/Main/test.txt'],
        'img_prefix': 'VOC2007',
        'pipeline': TEST_PIPELINE,
        'classes': ['cat', 'dog'],
    }
    dataset = build_dataset(config, test_mode=True)
    assert dataset.index.tags == ('07',)
    assert len(dataset.get_ann_info(0)['labels']) == 1


def test_built_from_a_config_with_a_data_root(tmp_path):
    for year in ('VOC2007', 'VOC2012'):
        write_voc(tmp_path / year, IMAGES)
    config = {
        'type': 'ImagePoolDataset',
        'ann_file': 'VOC2012/ImageSets/Main/trainval.txt',
        'img_prefix': 'VOC2012/',
        'data_root': str(tmp_path),
        'pipeline': [],
    }
    dataset = build_dataset(config)
    assert dataset.index.tags == ('12',)
    assert dataset.index.image_path(1) == str(tmp_path / 'VOC2012/JPEGImages/empty.jpg')


def test_index_needs_a_list_and_a_folder():
    for ann_file, img_prefix in ((None, 'x'), ([], 'x'), ('x', None)):
        with pytest.raises(ValueError, match='ann_file and img_prefix, or an index'):
            build_index(ann_file, img_prefix, img_subdir='', ann_subdir='', tags=None, data_root=None)


def test_categories_in_another_order_are_shown_with_what_to_do(tmp_path):
    root = draw_coco(tmp_path / 'data')
    content = json.loads((root / 'boxes.json').read_text())
    content['categories'].reverse()
    (root / 'test.json').write_text(json.dumps(content))
    labeled, test = (
        CocoDetectionDataset(str(root / name), str(root / 'images')) for name in ('boxes.json', 'test.json')
    )
    check_classes(labeled, labeled, 2)
    shown = (
        r"data\.train has the classes \('cat', 'dog'\), data\.test \('dog', 'cat'\): set classes to one list"
    )
    with pytest.raises(ValueError, match=shown):
        check_classes(labeled, test, 2)
