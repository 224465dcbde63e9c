"""Labeled images in PASCAL VOC's format: reading and evaluation."""

import logging
from pathlib import Path

import numpy as np
import pytest

from mmdet_miaod.datasets import VOCDetectionDataset
from tests.bccd import BCCD, needs_bccd
from tests.datasets.voc_tree import (
    IMAGES,
    TEST_PIPELINE,
    TRAIN_PIPELINE,
    object_xml,
    voc_dataset,
    write_list,
    write_voc,
)


def test_no_annotation_file_is_opened_before_label(tmp_path):
    ann_file, img_prefix = write_voc(tmp_path, IMAGES)
    for path in (tmp_path / 'Annotations').iterdir():
        path.rename(path.with_suffix('.hidden'))
    dataset = VOCDetectionDataset(ann_file, img_prefix, TRAIN_PIPELINE, classes=('cat', 'dog'))
    assert len(dataset) == 4
    np.testing.assert_array_equal(dataset.flag, [1, 1, 0, 1])
    with pytest.raises(FileNotFoundError, match=r'annotations of 2 of 2 images .*boxes\.xml.*portrait\.xml'):
        dataset.label([0, 2])


def test_malformed_files_are_named_and_nothing_is_unlocked(tmp_path):
    dataset = voc_dataset(tmp_path)
    write_list(tmp_path / 'Annotations/empty.xml', '<annotation>')
    (tmp_path / 'Annotations/flat.xml').unlink()
    with pytest.raises(ValueError, match=r'annotations of 2 of 4 images .*empty\.xml.*flat\.xml'):
        dataset.label(range(4))
    with pytest.raises(KeyError):
        dataset.get_ann_info(0)


def results_of(dataset):
    """The boxes themselves as detections."""
    results = []
    for i in range(len(dataset)):
        info = dataset.get_ann_info(i)
        dets = np.concatenate([info['bboxes'], np.full((len(info['bboxes']), 1), 0.9)], 1).astype(np.float32)
        results.append([dets[info['labels'] == label] for label in range(len(dataset.CLASSES))])
    return results


def test_evaluate(tmp_path):
    dataset = voc_dataset(
        tmp_path, pipeline=TEST_PIPELINE, classes=('cat', 'dog', 'cow', 'yak'), test_mode=True
    )
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
        dataset = voc_dataset(
            tmp_path, images, TEST_PIPELINE, ('cat',), test_mode=True, use_legacy_coordinate=legacy
        )
        assert dataset.evaluate(results, logger='silent')['mAP'] == pytest.approx(expected, abs=1e-6)


def test_table_of_results_goes_to_the_log(tmp_path, caplog, monkeypatch, capsys):
    monkeypatch.setattr(logging.getLogger('mmdet'), 'propagate', True)
    dataset = voc_dataset(tmp_path, pipeline=TEST_PIPELINE, test_mode=True)
    with caplog.at_level(logging.INFO, 'mmdet'):
        dataset.evaluate(results_of(dataset))
    assert 'dog' in caplog.text
    assert 'aeroplane' not in caplog.text
    assert capsys.readouterr().out == ''


@needs_bccd
def test_real_data_set():
    lists = [f'VOC2007/ImageSets/Main/{name}.txt' for name in ('trainval', 'test')]
    dataset = VOCDetectionDataset(
        lists,
        'VOC2007',
        TRAIN_PIPELINE,
        classes=('RBC', 'WBC', 'Platelets'),
        data_root=str(BCCD),
        tags=('a', 'b'),
    )
    dataset.label(range(len(dataset)))
    counts = np.bincount(np.concatenate([dataset.get_ann_info(i)['labels'] for i in range(len(dataset))]))
    no_area = [(Path(path).stem, what) for path, what in dataset.problems if 'no area' in what]
    assert sorted(name for name, _ in no_area) == ['BloodImage_00338', 'BloodImage_00343']
    assert counts.sum() == 4155 + 372 + 361 - 2
    assert len(dataset) == 364
    assert dataset.index.sizes.tolist() == [[640, 480]] * 364
    dataset.index.check_images('decode')
