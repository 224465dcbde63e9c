"""Detections as files."""

import json
import pickle

import numpy as np
import pytest

from mmdet_miaod.engine.detection_files import flat_detections, write_detections

NAMES, CLASSES = ['000001', 'a/b'], ('cat', 'dog')
EMPTY = np.zeros((0, 5), np.float32)
CAT = np.array([[1, 2, 3, 4, 0.25]], np.float32)
DOGS = np.array([[5, 6, 7, 8, 0.5], [9, 10, 11, 12, 0.125]], np.float32)
DETECTIONS = [[CAT, DOGS], [EMPTY, EMPTY]]


def test_pickle_is_what_mmdetection_writes(tmp_path):
    write_detections(tmp_path / 'out.pkl', DETECTIONS, NAMES, CLASSES)
    with open(tmp_path / 'out.pkl', 'rb') as file:
        found = pickle.load(file)
    assert [[boxes.tolist() for boxes in image] for image in found] == [
        [CAT.tolist(), DOGS.tolist()],
        [[], []],
    ]


def test_json_lists_the_best_first(tmp_path):
    write_detections(tmp_path / 'out.json', DETECTIONS, NAMES, CLASSES)
    found = json.loads((tmp_path / 'out.json').read_text())
    assert [(record['image'], record['class'], record['score']) for record in found] == [
        ('000001', 'dog', 0.5),
        ('000001', 'cat', 0.25),
        ('000001', 'dog', 0.125),
    ]
    assert found[1]['box'] == [1, 2, 3, 4]


def test_npz_loads_without_pickle(tmp_path):
    write_detections(tmp_path / 'out.npz', DETECTIONS, NAMES, CLASSES)
    with np.load(tmp_path / 'out.npz', allow_pickle=False) as found:
        assert found['image'].tolist() == [0, 0, 0]
        assert found['label'].tolist() == [1, 0, 1]
        assert found['score'].tolist() == [0.5, 0.25, 0.125]
        assert found['box'].dtype == np.float32
        assert found['box'][1].tolist() == [1, 2, 3, 4]
        assert (found['names'].tolist(), found['classes'].tolist()) == (NAMES, list(CLASSES))


@pytest.mark.parametrize('detections', [[], [[EMPTY, EMPTY]]])
def test_nothing_found(detections):
    flat = flat_detections(detections)
    assert {name: value.shape for name, value in flat.items()} == dict(
        image=(0,), label=(0,), box=(0, 4), score=(0,)
    )


def test_other_suffixes_and_existing_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r'\.pkl, \.json, \.npz'):
        write_detections(tmp_path / 'out.txt', DETECTIONS, NAMES, CLASSES)
    (tmp_path / 'out.json').write_text('mine')
    with pytest.raises(FileExistsError, match=r'out\.json'):
        write_detections(tmp_path / 'out.json', DETECTIONS, NAMES, CLASSES)
    assert (tmp_path / 'out.json').read_text() == 'mine'
