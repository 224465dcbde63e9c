"""What only a GPU can show: whole runs, resumed runs, mixed precision, steps that never wait for it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from mmcv.parallel import DataContainer
from torch.testing import assert_close
from torch.utils.data import DataLoader

from mmdet_miaod.engine.gradient_step import MixedPrecision, build_stage_step
from mmdet_miaod.engine.parallel import wrap_model
from mmdet_miaod.engine.stage import frozen_parameter_names
from tests.engine.tiny import STAGES
from tests.models.golden_cases import GoldenSSD
from tests.models.tiny import image_metas, random_boxes, tiny_detector
from tests.tiny_run import assert_equal_weights, stopped_after, tiny_train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')


GPU = torch.device('cuda:0')


def first_losses(run, count: int = 4) -> list[float]:
    (log,) = run.glob('*.log.json')
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    losses = [line['loss'] for line in lines if line.get('mode') == 'train' and 'loss' in line]
    assert len(losses) > count
    return losses[:count]


def train_on_gpu(tiny_data, folder, name: str, options: dict | None = None, **overrides):
    options = dict(device='cuda:0', run_name=name, **(options or {}))
    return tiny_train(tiny_data, folder, options=options, **overrides)


def test_a_run_begins_as_on_the_cpu_and_labels_as_many_images(tiny_data, tmp_path) -> None:
    on_gpu = train_on_gpu(tiny_data, tmp_path, 'gpu')
    on_cpu = tiny_train(tiny_data, tmp_path, 'cpu')
    assert_close(first_losses(on_gpu), first_losses(on_cpu), rtol=1e-4, atol=1e-5)
    for letter in 'LU':
        first, second = (
            [np.load(run / f'X_{letter}_{cycle}.npy') for run in (on_gpu, on_cpu)] for cycle in (0, 1)
        )
        np.testing.assert_array_equal(*first)
        assert len(second[0]) == len(second[1])
    assert np.isfinite(np.load(on_gpu / 'cycle0' / 'scores.npy')).sum() == 20


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_a_run_in_mixed_precision(tiny_data, tmp_path, dtype) -> None:
    plain = train_on_gpu(tiny_data, tmp_path, 'plain', cycles=[0])
    mixed = train_on_gpu(tiny_data, tmp_path, 'mixed', cycles=[0], amp__dtype=dtype)
    assert first_losses(mixed) != first_losses(plain)
    assert_close(first_losses(mixed), first_losses(plain), rtol=0.02, atol=0.02)


def test_a_resumed_run_is_equal_to_one_that_was_never_stopped(tiny_data, tmp_path) -> None:
    repeatable = dict(deterministic=True)
    whole = train_on_gpu(tiny_data, tmp_path, 'whole', repeatable)
    with stopped_after(lambda step: step.kind == 'epoch' and step.number == 2):
        train_on_gpu(tiny_data, tmp_path, 'run', repeatable)
    run = train_on_gpu(tiny_data, tmp_path, None, dict(repeatable, resume=str(tmp_path / 'run')))
    for name in ('X_L_1.npy', 'X_U_1.npy', 'cycle0/scores.npy'):
        np.testing.assert_array_equal(np.load(run / name), np.load(whole / name))
    assert_equal_weights(run / 'cycle1' / 'model.pth', whole / 'cycle1' / 'model.pth')


@pytest.fixture
def _no_waiting():
    yield
    torch.cuda.set_sync_debug_mode('default')


@pytest.mark.usefixtures('_no_waiting')
@pytest.mark.parametrize('name', STAGES)
def test_steps_never_wait_for_the_gpu(name) -> None:
    model = tiny_detector().to(GPU).train()
    stage = STAGES[name](1)
    take_step = build_stage_step(
        model,
        stage,
        frozen_parameter_names(model),
        optimizer=dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4),
        precision=MixedPrecision(GPU),
        grad_clip=dict(max_norm=10.0),
    )
    boxes, labels = random_boxes(0, [2, 5], 64, 96, 3)
    images = dict(img=torch.randn(2, 3, 64, 96, device=GPU), img_metas=image_metas([(64, 96)] * 2))
    batches = dict(unlabeled=images)
    batches['labeled'] = dict(
        images,
        gt_bboxes=[image.to(GPU) for image in boxes],
        gt_labels=[image.to(GPU) for image in labels],
    )
    for mode in ('default', 'error'):  # the first time things are copied that stay
        torch.cuda.set_sync_debug_mode(mode)
        for tag in stage.tags:
            take_step(model.train_step(batches[tag], loss_terms=stage.losses(tag))['loss'])


@pytest.mark.usefixtures('_no_waiting')
@pytest.mark.parametrize('batch', ['label_labeled', 'min_unlabeled', 'max_unlabeled'])
def test_losses_of_ssd_never_wait_for_the_gpu(batch) -> None:
    case = GoldenSSD(GPU)
    for mode in ('default', 'error'):
        torch.cuda.set_sync_debug_mode(mode)
        sum(case.losses(batch).values()).backward()


@pytest.mark.usefixtures('_no_waiting')
def test_pinned_batches_reach_the_model_without_waiting_for_the_gpu() -> None:
    model = wrap_model(tiny_detector().to(GPU).train(), GPU)
    boxes, labels = random_boxes(0, [2, 0], 64, 96, 3)
    batch = dict(
        img=DataContainer([torch.randn(2, 3, 64, 96)], stack=True),
        img_metas=DataContainer([image_metas([(64, 96)] * 2)], cpu_only=True),
        gt_bboxes=DataContainer([boxes]),
        gt_labels=DataContainer([labels]),
    )
    (pinned,) = DataLoader([batch], batch_size=None, pin_memory=True)
    assert pinned['img'].data[0].is_pinned()
    assert pinned['gt_bboxes'].data[0][0].is_pinned()
    assert not batch['img'].data[0].is_pinned()
    terms = ('loss_cls', 'loss_bbox', 'loss_mil')
    for mode in ('default', 'error'):
        torch.cuda.set_sync_debug_mode(mode)
        model.train_step(pinned, loss_terms=terms)['loss'].backward()
