"""Detections that a run keeps for its report."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from mmdet_miaod.active import cycle_evaluation
from mmdet_miaod.active.cycle_evaluation import DETECTION, CycleEvaluator, load_detections, pack_detections
from mmdet_miaod.active.label_losses import LabelLoss, read_label_losses
from mmdet_miaod.engine.inference import ScoringSettings
from mmdet_miaod.run.files import save_array
from mmdet_miaod.run.identity import RunIdentity
from mmdet_miaod.run.manifest import RunState


def boxes(*scores: float) -> np.ndarray:
    return np.array([[10 * score, 0, 5, 5, score] for score in scores], np.float32).reshape(-1, 5)


def test_detections_are_packed_by_image_the_most_confident_first() -> None:
    packed = pack_detections([[boxes(0.2, 0.9), boxes(0.5)], [boxes(), boxes(0.4)]], np.array([7, 3]))
    assert packed.dtype == DETECTION and DETECTION.itemsize == 26
    assert packed['image'].tolist() == [7, 7, 7, 3]
    assert packed['label'].tolist() == [0, 1, 0, 1]
    np.testing.assert_array_equal(packed['score'], np.float32([0.9, 0.5, 0.2, 0.4]))
    np.testing.assert_array_equal(packed['box'][:, 0], np.float32([9, 5, 2, 4]))


def test_only_the_most_confident_are_kept(monkeypatch) -> None:
    monkeypatch.setattr(cycle_evaluation, 'MAX_DETECTIONS', 2)
    packed = pack_detections([[boxes(0.2, 0.9)], [boxes(0.4, 0.1)]], np.array([0, 1]))
    assert packed['image'].tolist() == [0, 1]
    np.testing.assert_array_equal(packed['score'], np.float32([0.9, 0.4]))


def test_nothing_found_is_an_empty_array() -> None:
    assert pack_detections([[boxes()]], np.array([0])).shape == (0,)
    assert pack_detections([], np.zeros(0, int)).shape == (0,)


@pytest.mark.parametrize('damage', ['other', 'shape', 'infinite'])
def test_a_file_of_anything_else_is_refused(tmp_path, damage) -> None:
    found = pack_detections([[boxes(0.5)]], np.array([0]))
    save_array(tmp_path / 'good.npy', found)
    np.testing.assert_array_equal(load_detections(tmp_path / 'good.npy'), found)
    found['score'] = np.inf
    wrong = dict(other=np.zeros(3), shape=np.zeros((1, 1), DETECTION), infinite=found)[damage]
    save_array(tmp_path / 'bad.npy', wrong)
    with pytest.raises(ValueError, match='bad.npy'):
        load_detections(tmp_path / 'bad.npy')


def test_the_losses_of_labeled_images_are_written_the_largest_first(tmp_path, monkeypatch) -> None:
    losses = np.float32([[0.75, 3], [2, 1]])
    monkeypatch.setattr(cycle_evaluation, 'label_losses', lambda model, labeled, **where: losses)
    evaluator = CycleEvaluator(
        test=lambda: None,
        pool=SimpleNamespace(index=SimpleNamespace(names=[f'{i:06d}' for i in range(10)])),
        labeled=None,
        settings=ScoringSettings(),
        evaluation={},
        state=RunState(tmp_path, RunIdentity({}, '', 10, 5), {}),
    )
    metrics, (record,) = evaluator.evaluate(2, None, np.array([3, 8]))
    assert metrics['mAP'] is None and metrics['seconds'] >= 0
    assert record.path == tmp_path / 'cycle2' / 'label_losses.csv'
    text = 'image,index,loss_without_box,loss_in_boxes\n000008,8,2,1\n000003,3,0.75,3\n'
    assert record.path.read_text() == text
    assert read_label_losses(record.path) == [LabelLoss(8, 2, 1), LabelLoss(3, 0.75, 3)]
    record.path.write_text('image,index,loss_cls\n000008,8,2\n')
    with pytest.raises(ValueError, match="columns are .*'loss_cls'.*expected .*'loss_in_boxes'"):
        read_label_losses(record.path)
