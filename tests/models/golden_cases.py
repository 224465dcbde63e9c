"""The golden files of heads as heads and batches, and how near to them results have to be."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import torch

from tests.golden_data import load_golden
from tests.models.tiny import image_metas, ssd_head, tiny_head

LOSS_TOLERANCE = dict(rtol=1e-5, atol=1e-9)
GRADIENT_TOLERANCE = dict(rtol=1e-4, atol=1e-9)
LABEL_TERMS = dict(loss_cls='l_det_cls', loss_bbox='l_det_loc', loss_mil='l_imgcls')
BATCHES = {
    'label_labeled': LABEL_TERMS,
    'min_labeled': LABEL_TERMS,
    'min_unlabeled': dict(loss_dis='l_wave_dis', loss_mil_pseudo='l_imgcls'),
    'max_labeled': dict(loss_cls='l_det_cls'),
    'max_unlabeled': dict(loss_dis_max='l_wave_dis_minus'),
}


def gradient_norm(tensor: torch.Tensor) -> float:
    """Norm of the gradient that reached a tensor, 0 where none did."""
    return 0.0 if tensor.grad is None else float(tensor.grad.double().norm())


class GoldenHead:
    """A golden file as a head and a batch."""

    def __init__(self, name: str, device: torch.device, nms_pre: int = 1000) -> None:
        self.golden = golden = load_golden(name)
        meta = golden['meta']
        activation = 'softmax' if meta['C'] == 1 else None
        test_cfg = dict(
            nms_pre=nms_pre, score_thr=0.1, nms=dict(type='nms', iou_threshold=0.5), max_per_img=100
        )
        self.head = tiny_head(
            meta['C'], meta['channels'], meta['stacked_convs'], test_cfg, mil_activation=activation
        )
        weights = {key[2:]: torch.from_numpy(value) for key, value in golden.items() if key.startswith('w_')}
        self.head.load_state_dict(weights, strict=True)
        self.head.to(device)
        self.feats = [
            torch.from_numpy(golden[f'feat{level}']).to(device).requires_grad_() for level in range(5)
        ]
        self.metas = image_metas(golden['img_shape'], golden['pad_shape'])
        images = range(len(self.metas))
        self.boxes = [torch.from_numpy(golden[f'gt_bboxes{i}']).to(device) for i in images]
        self.labels = [torch.from_numpy(golden[f'gt_labels{i}']).to(device) for i in images]

    def losses(self, batch: str) -> dict:
        """Losses of one of ``BATCHES``."""
        labeled = (self.boxes, self.labels) if batch.endswith('_labeled') else ()
        return self.head.forward_train(self.feats, self.metas, tuple(BATCHES[batch]), *labeled)


def rule_weight(name: str, shape: torch.Size, seed: int) -> torch.Tensor:
    """Weight of the golden SSD head, by the rule that the reference was made with."""
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
        """Losses of one of ``BATCHES``."""
        labeled = (self.boxes, self.labels) if batch.endswith('_labeled') else ()
        return self.head.forward_train(self.feats, self.metas, tuple(BATCHES[batch]), *labeled)
