"""Labeled images whose boxes are unlocked image by image, whatever their format."""

import logging

import numpy as np
import pytest

from mmdet_miaod.datasets import ImageIndex, VOCDetectionDataset
from mmdet_miaod.datasets.labeled import BoxAnnotation, LabeledDataset
from mmdet_miaod.datasets.seeding import Draw
from tests.datasets.voc_tree import TEST_PIPELINE, voc_dataset, write_image, write_list


def test_labels_are_unlocked_by_label_alone(tmp_path):
    dataset = voc_dataset(tmp_path)
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


def test_labeling_twice_reads_a_file_once(tmp_path):
    dataset = voc_dataset(tmp_path)
    dataset.label([3, 0, 3, 0])
    before = list(dataset.problems)
    for path in (tmp_path / 'Annotations').iterdir():
        path.unlink()
    dataset.label([0, 3])
    dataset.label([])
    assert dataset.problems == before
    assert dataset.unknown_classes == {'cow': 2}


def test_get_ann_info_gives_copies(tmp_path):
    dataset = voc_dataset(tmp_path)
    dataset.label([0])
    dataset.get_ann_info(0)['bboxes'][:] = -1
    np.testing.assert_array_equal(dataset.get_ann_info(0)['bboxes'], [(10, 5, 30, 25)])


def test_train_sample_follows_the_image(tmp_path):
    dataset = voc_dataset(tmp_path)
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
    dataset = voc_dataset(tmp_path)
    dataset.label([0, 1])
    sample = dataset[Draw(1, 0)]
    assert sample['gt_bboxes'].data.shape == (0, 4)
    assert sample['gt_labels'].data.shape == (0,)
    assert sample['gt_labels'].data.numpy().dtype == np.int64


def test_report_is_made_once(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger('mmdet'), 'propagate', True)
    dataset = voc_dataset(tmp_path)
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
    dataset = voc_dataset(tmp_path)
    with pytest.raises(
        ValueError, match=r"no box of a known class in 1 labeled .*'cow': 2.*\('cat', 'dog'\)"
    ):
        dataset.label([3])
    with pytest.raises(KeyError):
        dataset.get_ann_info(3)
    dataset.label([0])
    dataset.label([3])
    assert dataset.get_ann_info(3)['bboxes'].shape == (0, 4)


@pytest.mark.parametrize('i', [-1, 4])
def test_unknown_image_cannot_be_labeled(tmp_path, i):
    with pytest.raises(IndexError):
        voc_dataset(tmp_path).label([i])


def test_test_mode_labels_everything_and_loads_no_boxes(tmp_path):
    dataset = voc_dataset(tmp_path, pipeline=TEST_PIPELINE, test_mode=True)
    assert set(dataset[0]) == {'img', 'img_metas'}
    assert dataset[2]['img'][0].shape == (3, 80, 60)
    assert [len(dataset.get_ann_info(i)['labels']) for i in range(4)] == [1, 0, 1, 0]


def test_classes_as_sequence_file_or_default(tmp_path):
    assert VOCDetectionDataset.CLASSES[0] == 'aeroplane'
    assert len(VOCDetectionDataset.CLASSES) == 20
    names = str(write_list(tmp_path / 'classes.txt', 'cat\ndog\n'))
    for classes in (['cat', 'dog'], ('cat', 'dog'), names):
        dataset = voc_dataset(tmp_path, classes=classes)
        assert dataset.CLASSES == ('cat', 'dog')
        assert len(dataset.PALETTE) == 2
    assert len(VOCDetectionDataset.CLASSES) == 20
    assert len(voc_dataset(tmp_path, classes=None).CLASSES) == 20
    for classes in ((), ('a', 'a'), ('a', ''), (1, 2)):
        with pytest.raises(ValueError, match='classes'):
            voc_dataset(tmp_path, classes=classes)


def test_annotation_sorts_objects_into_boxes_and_ignored_boxes():
    objects = [([1, 2, 3, 4], 1, False), ([5, 6, 7, 8.5], 0, True), ([0, 0, 9, 9], 0, False)]
    annotation = BoxAnnotation.from_objects(objects, {'cow': 2}, ['odd'])
    assert annotation.bboxes.tolist() == [[1, 2, 3, 4], [0, 0, 9, 9]]
    assert annotation.labels.tolist() == [1, 0]
    assert annotation.bboxes_ignore.tolist() == [[5, 6, 7, 8.5]]
    assert annotation.labels_ignore.tolist() == [0]
    assert (annotation.unknown, annotation.problems) == ({'cow': 2}, ('odd',))


def test_annotation_of_an_image_without_objects_has_empty_arrays():
    annotation = BoxAnnotation.from_objects([], {}, [])
    for suffix in ('', '_ignore'):
        boxes, labels = getattr(annotation, f'bboxes{suffix}'), getattr(annotation, f'labels{suffix}')
        assert (boxes.shape, boxes.dtype) == ((0, 4), np.float32)
        assert (labels.shape, labels.dtype) == ((0,), np.int64)


class OneCatPerImage(LabeledDataset):
    """A format of its own: image i has a cat of i pixels, image 0 has none."""

    def annotation_source(self, i):
        return f'cat {i}'

    def read_annotation(self, i):
        return BoxAnnotation.from_objects([([0, 0, i, i], 0, False)][: i and 1], {}, ['no cat'] * (i == 0))


def test_a_format_is_a_reader_of_annotations(tmp_path):
    for name in 'abc':
        write_image(tmp_path / f'{name}.png')
    dataset = OneCatPerImage(ImageIndex.from_files(tmp_path), ('cat',), [{'type': 'LoadImageFromFile'}])
    assert (dataset.CLASSES, len(dataset.PALETTE), dataset.stray_objects()) == (('cat',), 1, {})
    dataset.label([0, 2])
    assert dataset[2]['ann_info']['bboxes'].tolist() == [[0, 0, 2, 2]]
    assert dataset.problems == [('cat 0', 'no cat')]
    with pytest.raises(KeyError, match=r'image 1 .*b\.png'):
        dataset[1]
    with pytest.raises(TypeError, match='abstract'):
        LabeledDataset(dataset.index, ('cat',))
