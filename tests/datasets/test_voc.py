"""Detection data whose labels are unlocked image by image."""

import logging
from pathlib import Path

import numpy as np
import pytest

from mmdet_miaod.datasets import VOCDetectionDataset, build_dataset
from mmdet_miaod.datasets.seeding import Draw
from tests.bccd import BCCD, needs_bccd
from tests.datasets.voc_tree import object_xml, write_list, write_voc

TRAIN = [
    {'type': 'LoadImageFromFile'},
    {'type': 'LoadAnnotations', 'with_bbox': True},
    {'type': 'Resize', 'img_scale': (80, 60), 'keep_ratio': True},
    {'type': 'RandomFlip', 'flip_ratio': 0.5},
    {'type': 'Pad', 'size_divisor': 32},
    {'type': 'DefaultFormatBundle'},
    {'type': 'Collect', 'keys': ['img', 'gt_bboxes', 'gt_labels']},
]
TEST = [
    {'type': 'LoadImageFromFile'},
    {
        'type': 'MultiScaleFlipAug',
        'img_scale': (80, 60),
        'flip': False,
        'transforms': [
            {'type': 'Resize', 'keep_ratio': True},
            {'type': 'ImageToTensor', 'keys': ['img']},
            {'type': 'Collect', 'keys': ['img'], 'meta_keys': ('filename', 'scale_factor')},
        ],
    },
]
BOX = object_xml('dog', (11, 6, 31, 26))
IMAGES = {
    'boxes': ((40, 30), [BOX, object_xml('cat', (1, 1, 9, 9), difficult='1')]),
    'empty': ((40, 30), []),
    'portrait': ((30, 40), [object_xml('cat', (1, 2, 21, 32))]),
    'flat': ((40, 30), [object_xml('cat', (5, 5, 5, 9)), object_xml('cow'), object_xml('cow', (1, 1, 9, 9))]),
}


def dataset_of(root, images=IMAGES, pipeline=TRAIN, classes=('cat', 'dog'), **options):
    ann_file, img_prefix = write_voc(root, images)
    return VOCDetectionDataset(ann_file, img_prefix, pipeline, classes=classes, **options)


def test_labels_are_unlocked_by_label_alone(tmp_path):
    dataset = dataset_of(tmp_path)
    for i in range(4):
        with pytest.raises(KeyError, match='not labeled'):
            dataset.get_ann_info(i)
        with pytest.raises(KeyError, match='not labeled'):
            dataset[i]
    dataset.label(np.array([0, 1]))
    info = dataset.get_ann_info(0)
    np.testing.assert_array_equal(info['bboxes'], [(10, 5, 30, 25)])
    np.testing.assert_array_equal(info['labels'], [1])
    np.testing.assert_array_equal(info['bboxes_ignore'], [(0, 0, 8, 8)])
    np.testing.assert_array_equal(info['labels_ignore'], [0])
    assert dataset.get_cat_ids(0) == [1]
    with pytest.raises(KeyError, match='portrait'):
        dataset.get_ann_info(2)


def test_no_annotation_file_is_opened_before_label(tmp_path):
    ann_file, img_prefix = write_voc(tmp_path, IMAGES)
    for path in (tmp_path / 'Annotations').iterdir():
        path.rename(path.with_suffix('.hidden'))
    dataset = VOCDetectionDataset(ann_file, img_prefix, TRAIN, classes=('cat', 'dog'))
    assert len(dataset) == 4
    np.testing.assert_array_equal(dataset.flag, [1, 1, 0, 1])
    with pytest.raises(FileNotFoundError, match=r'annotations of 2 of 2 images .*boxes\.xml.*portrait\.xml'):
        dataset.label([0, 2])


def test_labeling_twice_reads_a_file_once(tmp_path):
    dataset = dataset_of(tmp_path)
    dataset.label([3, 0, 3, 0])
    before = list(dataset.problems)
    for path in (tmp_path / 'Annotations').iterdir():
        path.unlink()
    dataset.label([0, 3])
    dataset.label([])
    assert dataset.problems == before
    assert dataset.unknown_classes == {'cow': 2}


def test_get_ann_info_gives_copies(tmp_path):
    dataset = dataset_of(tmp_path)
    dataset.label([0])
    dataset.get_ann_info(0)['bboxes'][:] = -1
    np.testing.assert_array_equal(dataset.get_ann_info(0)['bboxes'], [(10, 5, 30, 25)])


def test_train_sample_follows_the_image(tmp_path):
    dataset = dataset_of(tmp_path)
    dataset.label(range(4))
    seen = set()
    for seed in range(12):
        sample = dataset[Draw(0, seed)]
        flip = sample['img_metas'].data['flip']
        seen.add(flip)
        expected = (80 - 60, 10, 80 - 20, 50) if flip else (20, 10, 60, 50)
        np.testing.assert_array_equal(sample['gt_bboxes'].data.numpy(), [expected])
        np.testing.assert_array_equal(sample['gt_labels'].data.numpy(), [1])
    assert seen == {True, False}


def test_image_without_boxes_is_a_sample_like_any_other(tmp_path):
    dataset = dataset_of(tmp_path)
    dataset.label([0, 1])
    sample = dataset[Draw(1, 0)]
    assert sample['gt_bboxes'].data.shape == (0, 4)
    assert sample['gt_labels'].data.shape == (0,)
    assert sample['gt_labels'].data.numpy().dtype == np.int64


def test_report_is_made_once(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger('mmdet'), 'propagate', True)
    dataset = dataset_of(tmp_path)
    with caplog.at_level(logging.WARNING, 'mmdet'):
        dataset.label([0, 3])
        dataset.label([3, 0])
        dataset.label([2])
    area, unknown = (record.getMessage() for record in caplog.records)
    assert 'flat.xml' in area
    assert 'no area' in area
    assert 'cow (2)' in unknown
    ((path, what),) = dataset.problems
    assert path == str(tmp_path / 'Annotations/flat.xml')
    assert 'object 1 (cat)' in what


def test_labels_without_any_known_class_are_an_error(tmp_path):
    dataset = dataset_of(tmp_path)
    with pytest.raises(
        ValueError, match=r"no box of a known class in 1 labeled .*'cow': 2.*\('cat', 'dog'\)"
    ):
        dataset.label([3])
    with pytest.raises(KeyError):
        dataset.get_ann_info(3)
    dataset.label([0])
    dataset.label([3])
    assert dataset.get_ann_info(3)['bboxes'].shape == (0, 4)


def test_malformed_files_are_named_and_nothing_is_unlocked(tmp_path):
    dataset = dataset_of(tmp_path)
    write_list(tmp_path / 'Annotations/empty.xml', '<annotation>')
    (tmp_path / 'Annotations/flat.xml').unlink()
    with pytest.raises(ValueError, match=r'annotations of 2 of 4 images .*empty\.xml.*flat\.xml'):
        dataset.label(range(4))
    with pytest.raises(KeyError):
        dataset.get_ann_info(0)


@pytest.mark.parametrize('i', [-1, 4])
def test_unknown_image_cannot_be_labeled(tmp_path, i):
    with pytest.raises(IndexError):
        dataset_of(tmp_path).label([i])


def test_test_mode_labels_everything_and_loads_no_boxes(tmp_path):
    dataset = dataset_of(tmp_path, pipeline=TEST, test_mode=True)
    assert set(dataset[0]) == {'img', 'img_metas'}
    assert dataset[2]['img'][0].shape == (3, 80, 60)
    assert [len(dataset.get_ann_info(i)['labels']) for i in range(4)] == [1, 0, 1, 0]


def test_classes_as_sequence_file_or_default(tmp_path):
    assert VOCDetectionDataset.CLASSES[0] == 'aeroplane'
    assert len(VOCDetectionDataset.CLASSES) == 20
    names = str(write_list(tmp_path / 'classes.txt', 'cat\ndog\n'))
    for classes in (['cat', 'dog'], ('cat', 'dog'), names):
        dataset = dataset_of(tmp_path, classes=classes)
        assert dataset.CLASSES == ('cat', 'dog')
        assert len(dataset.PALETTE) == 2
    assert len(VOCDetectionDataset.CLASSES) == 20
    assert len(dataset_of(tmp_path, classes=None).CLASSES) == 20
    for classes in ((), ('a', 'a'), ('a', ''), (1, 2)):
        with pytest.raises(ValueError, match='classes'):
            dataset_of(tmp_path, classes=classes)


def test_built_from_a_config(tmp_path):
    write_voc(tmp_path / 'VOC2007', IMAGES, 'test')
    config = {
        'type': 'VOCDetectionDataset',
        'data_root': str(tmp_path),
        'ann_file': ['VOC2007/ImageSets/Main/test.txt'],
        'img_prefix': 'VOC2007',
        'pipeline': TEST,
        'classes': ['cat', 'dog'],
    }
    dataset = build_dataset(config, test_mode=True)
    assert dataset.index.tags == ('07',)
    assert len(dataset.get_ann_info(0)['labels']) == 1


def results_of(dataset):
    """The boxes themselves as detections."""
    results = []
    for i in range(len(dataset)):
        info = dataset.get_ann_info(i)
        dets = np.concatenate([info['bboxes'], np.full((len(info['bboxes']), 1), 0.9)], 1).astype(np.float32)
        results.append([dets[info['labels'] == label] for label in range(len(dataset.CLASSES))])
    return results


def test_evaluate(tmp_path):
    dataset = dataset_of(tmp_path, pipeline=TEST, classes=('cat', 'dog', 'cow', 'yak'), test_mode=True)
    results = results_of(dataset)
    results[2][0] = results[2][0][:0]  # the only cat is not found
    found = dataset.evaluate(results, logger='silent')
    assert list(found) == ['mAP', 'AP', 'AP50']
    assert found['mAP'] == pytest.approx(2 / 3, abs=1e-6)
    assert found['AP50'] == 0.667
    assert {name: round(ap, 6) for name, ap in found['AP'].items() if name != 'yak'} == {
        'cat': 0.0, 'dog': 1.0, 'cow': 1.0,
    }  # fmt: skip
    assert np.isnan(found['AP']['yak'])
    assert (
        dataset.evaluate(results, metric=['mAP'], iou_thr=0.75, mode='area', logger='silent')['AP75'] == 0.667
    )
    with pytest.raises(ValueError, match='recall'):
        dataset.evaluate(results, metric='recall')
    with pytest.raises(ValueError, match='3 results for 4 images'):
        dataset.evaluate(results[:3])


def test_legacy_coordinate_is_a_key_of_the_data_set(tmp_path):
    images = {'a': ((40, 30), [object_xml('cat', (1, 1, 9, 11))])}
    results = [[np.array([(0, 0, 3.9, 10, 1)], np.float32)]]
    for legacy, expected in ((False, 0), (True, 1)):
        dataset = dataset_of(tmp_path, images, TEST, ('cat',), test_mode=True, use_legacy_coordinate=legacy)
        assert dataset.evaluate(results, logger='silent')['mAP'] == pytest.approx(expected, abs=1e-6)


def test_table_of_results_goes_to_the_log(tmp_path, caplog, monkeypatch, capsys):
    monkeypatch.setattr(logging.getLogger('mmdet'), 'propagate', True)
    dataset = dataset_of(tmp_path, pipeline=TEST, test_mode=True)
    with caplog.at_level(logging.INFO, 'mmdet'):
        dataset.evaluate(results_of(dataset))
    assert 'dog' in caplog.text
    assert 'aeroplane' not in caplog.text
    assert capsys.readouterr().out == ''


@needs_bccd
def test_real_data_set():
    lists = [f'VOC2007/ImageSets/Main/{name}.txt' for name in ('trainval', 'test')]
    dataset = VOCDetectionDataset(
        lists, 'VOC2007', TRAIN, classes=('RBC', 'WBC', 'Platelets'), data_root=str(BCCD), tags=('a', 'b')
    )
    dataset.label(range(len(dataset)))
    counts = np.bincount(np.concatenate([dataset.get_ann_info(i)['labels'] for i in range(len(dataset))]))
    no_area = [(Path(path).stem, what) for path, what in dataset.problems if 'no area' in what]
    assert sorted(name for name, _ in no_area) == ['BloodImage_00338', 'BloodImage_00343']
    assert counts.sum() == 4155 + 372 + 361 - 2
    assert len(dataset) == 364
    assert dataset.index.sizes.tolist() == [[640, 480]] * 364
    dataset.index.check_images('decode')
