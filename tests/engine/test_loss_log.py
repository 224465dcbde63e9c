"""Losses on their way to the log."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from mmdet_miaod.engine.loss_log import LossLog, LossRecord, batch_files


def record(tag='labeled', iteration=0, files=('a.jpg', 'b.jpg'), **losses) -> LossRecord:
    return LossRecord(tag, iteration, files, {name: torch.tensor(value) for name, value in losses.items()})


def test_losses_come_back_in_order_and_once() -> None:
    log = LossLog('here')
    log.add(record(loss_cls=1.5, loss=2.0))
    log.add(record('unlabeled', files=('c.jpg',), loss_dis=0.5, loss=0.25))
    assert log.flush() == [
        (dict(loss_cls=1.5, loss=2.0), 2),
        (dict(loss_dis=0.5, loss_unlabeled=0.25), 1),
    ]
    assert log.flush() == []


def test_a_term_of_both_kinds_of_batches_is_logged_twice() -> None:
    log = LossLog('here')
    log.add(record(loss_cls=1.5, loss_dis=0.5, loss=2.0))
    log.add(record('unlabeled', loss_dis=0.25, loss=0.25))
    assert [losses for losses, _ in log.flush()] == [
        dict(loss_cls=1.5, loss_dis_labeled=0.5, loss=2.0),
        dict(loss_dis=0.25, loss_unlabeled=0.25),
    ]


def test_half_precision_losses_are_read_as_float() -> None:
    log = LossLog('here')
    log.add(LossRecord('labeled', 0, ('a',), dict(loss=torch.tensor(0.5, dtype=torch.float16))))
    assert log.flush() == [(dict(loss=0.5), 1)]


@pytest.mark.parametrize('value', [float('nan'), float('inf'), float('-inf')])
def test_a_loss_that_is_not_finite_names_where_and_what(value) -> None:
    log = LossLog("stage 'minimize' of cycle 3, epoch 2")
    log.add(record(loss_cls=1.0, loss=1.0))
    log.add(record('unlabeled', 6, ('c.jpg', 'd.jpg'), loss_dis=value, loss_mil_pseudo=0.0, loss=value))
    with pytest.raises(FloatingPointError) as error:
        log.flush()
    text = str(error.value)
    assert "stage 'minimize' of cycle 3, epoch 2, iteration 7, unlabeled batch" in text
    assert f'loss_dis = {value}' in text and 'loss_mil_pseudo' not in text
    assert 'c.jpg, d.jpg' in text and 'a.jpg' not in text
    assert 'learning rate' in text


def test_files_of_a_batch() -> None:
    metas = [dict(ori_filename='a.jpg', filename='/data/a.jpg'), dict(filename='/data/b.jpg'), {}]
    assert batch_files(metas) == ('a.jpg', '/data/b.jpg', '?')


def test_the_watch_is_told_the_classification_loss_of_labeled_batches() -> None:
    told = []
    log = LossLog(
        "stage 'label' of cycle 3, epoch 2", watch=SimpleNamespace(add=lambda *args: told.append(args))
    )
    log.add(record(iteration=6, loss_cls=0.5, loss=1.0))
    log.add(record('unlabeled', 6, loss_dis=0.25, loss=0.25))
    log.add(record(iteration=7, loss_dis_max=0.5, loss=0.5))
    log.flush()
    assert told == [(0.5, ('a.jpg', 'b.jpg'), "stage 'label' of cycle 3, epoch 2, iteration 7")]


def test_a_loss_of_boxes_alone_points_to_the_boxes_before_clipping() -> None:
    def text_of(**losses: float) -> str:
        log = LossLog('cycle 0')
        log.add(record(**losses))
        with pytest.raises(FloatingPointError) as error:
            log.flush()
        return str(error.value)

    inf = float('inf')
    boxes = text_of(loss_cls=1.0, loss_bbox=inf, loss=inf)
    assert boxes.index('look at the boxes of these images first') < boxes.index('grad_clip')
    assert 'log 0' in boxes and 'tools/doctor.py CONFIG --all-annotations' in boxes
    assert 'The training diverged: gradient clipping' in text_of(loss_cls=inf, loss_bbox=inf, loss=inf)
