"""The SSD head against numbers of the published implementation (tests/golden/ssd_c5.npz)."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import pytest
import torch
from mmcv import ConfigDict
from mmdet.models import build_head
from numpy.testing import assert_allclose

from tests.golden_data import load_golden
from tests.models.test_golden_head import BATCHES, GRADIENT_TOLERANCE, LOSS_TOLERANCE, gradient_norm
from tests.models.tiny import image_metas

TRAIN_CFG = dict(
    assigner=dict(
        type='MaxIoUAssigner',
        pos_iou_thr=0.5,
        neg_iou_thr=0.5,
        min_pos_iou=0.0,
        ignore_iof_thr=-1,
        gt_max_assign_all=False,
    ),
    smoothl1_beta=1.0,
    allowed_border=-1,
    pos_weight=-1,
    neg_pos_ratio=3,
    debug=False,
)


def ssd_head(num_classes: int, channels: int):
    """A narrow MIAODSSDHead of six levels."""
    return build_head(
        ConfigDict(
            type='MIAODSSDHead',
            num_classes=num_classes,
            in_channels=(channels,) * 6,
            anchor_generator=dict(
                type='SSDAnchorGenerator',
                scale_major=False,
                input_size=300,
                basesize_ratio_range=(0.2, 0.9),
                strides=[8, 16, 32, 64, 100, 300],
                ratios=[[2], [2, 3], [2, 3], [2, 3], [2], [2]],
            ),
            bbox_coder=dict(
                type='DeltaXYWHBBoxCoder', target_means=[0.0] * 4, target_stds=[0.1, 0.1, 0.2, 0.2]
            ),
            train_cfg=TRAIN_CFG,
            test_cfg=dict(
                nms_pre=1000,
                score_thr=0.02,
                nms=dict(type='nms', iou_threshold=0.45),
                max_per_img=200,
            ),
        )
    )


def rule_weight(name: str, shape: torch.Size, seed: int) -> torch.Tensor:
    random = np.random.RandomState((crc32(name.encode()) ^ seed) & 0xFFFFFFFF)
    values = random.standard_normal(shape)
    if len(shape) == 4:
        return torch.from_numpy((values * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32))
    return torch.from_numpy(np.float32(values) * np.float32(0.1))


class GoldenSSD:
    """The golden file as a head and a batch."""

    def __init__(self, device: torch.device) -> None:
        self.golden = golden = load_golden('ssd_c5')
        meta = golden['meta']
        self.head = ssd_head(meta['C'], meta['channels'])
        entries = self.head.state_dict()
        self.head.load_state_dict(
            {name: rule_weight(name, value.shape, meta['seed']) for name, value in entries.items()}
        )
        self.head.to(device)
        self.feats = [
            torch.from_numpy(
                np.random.RandomState(meta['seed'] * 100 + level)
                .standard_normal((2, meta['channels'], size, size))
                .astype(np.float32)
            )
            .to(device)
            .requires_grad_()
            for level, size in enumerate(meta['sizes'])
        ]
        self.metas = image_metas([(300, 300)] * 2)
        self.boxes = [torch.from_numpy(golden[f'gt_bboxes{i}']).to(device) for i in range(2)]
        self.labels = [torch.from_numpy(golden[f'gt_labels{i}']).to(device) for i in range(2)]

    def losses(self, batch: str) -> dict:
        labeled = (self.boxes, self.labels) if batch.endswith('_labeled') else ()
        return self.head.forward_train(self.feats, self.metas, tuple(BATCHES[batch]), *labeled)


@pytest.fixture
def case(device) -> GoldenSSD:
    return GoldenSSD(device)


def fingerprint(values: np.ndarray, level: int) -> list[float]:
    flat = values.astype(np.float64).ravel()
    return [np.linalg.norm(flat), flat @ np.random.RandomState(level).standard_normal(flat.size)]


def test_outputs_and_instance_weights(case) -> None:
    maps = case.head.forward_branches(case.feats, ('f_1', 'f_2', 'f_r', 'f_mil'))
    weights = case.head._outputs(maps).mil_weights
    for level in range(6):
        outputs = dict(cls1=maps['f_1'][level], cls2=maps['f_2'][level], reg=maps['f_r'][level])
        for key, output in dict(outputs, mil=weights[level]).items():
            expected = case.golden[f'out_{key}{level}']
            found = fingerprint(output.detach().cpu().numpy(), level)
            # The projection is a sum of both signs: its rounding error is that of the norm.
            assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * expected[0], err_msg=f'{key}{level}')


@pytest.mark.parametrize('batch', BATCHES)
def test_losses_and_gradients(case, batch) -> None:
    losses = case.losses(batch)
    for name, golden_name in BATCHES[batch].items():
        expected = case.golden[f'{batch}_{golden_name}']
        assert_allclose(losses[name].item(), expected, **LOSS_TOLERANCE, err_msg=name)
    sum(losses.values()).backward()
    for name, parameter in case.head.named_parameters():
        if not batch.startswith('max_') or name.startswith(('f_1_', 'f_2_')):
            expected = case.golden[f'{batch}_grad_{name}']
            assert_allclose(gradient_norm(parameter), expected, **GRADIENT_TOLERANCE, err_msg=name)
    if batch != 'max_labeled':  # the published total counts the box term there, which trains nothing
        assert_allclose(sum(losses.values()).item(), case.golden[f'{batch}_total'], **LOSS_TOLERANCE)
        norms = [gradient_norm(level) for level in case.feats]
        assert_allclose(norms, case.golden[f'{batch}_featgrad'], **GRADIENT_TOLERANCE)


@pytest.mark.parametrize('k', [500, 10000])
def test_uncertainty(case, k) -> None:
    found = case.head.uncertainty(case.feats, k).cpu().numpy()
    assert_allclose(found, case.golden[f'uncertainty_k{k}'], rtol=1e-5)


def test_detections_are_at_most_200_foreground_boxes(case) -> None:
    for boxes, labels in case.head.predict(case.feats, case.metas):
        assert boxes.shape == (200, 5) and labels.max() < 5
        assert boxes[:, 4].min() > 0.02
