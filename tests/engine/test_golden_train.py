"""A small detector trained through four stages, against the published implementation (train_*.npz)."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from mmdet_miaod.engine.gradient_step import MixedPrecision, build_stage_step
from mmdet_miaod.engine.stage import (
    frozen_parameter_names,
    label_set_stage,
    maximize_uncertainty_stage,
    minimize_uncertainty_stage,
)
from tests.golden_data import golden_names, load_golden
from tests.models.tiny import image_metas, tiny_detector

# The stages of a golden file: the stage, its total in the file, and its terms there by kind of batch.
LABEL_TERMS = dict(loss_cls='l_det_cls', loss_bbox='l_det_loc', loss_mil='l_imgcls')
LABEL = (label_set_stage(1), 'L_det', dict(labeled=LABEL_TERMS))
MINIMIZE_TERMS = dict(loss_dis='l_wave_dis', loss_mil_pseudo='l_imgcls')
MINIMIZE = (minimize_uncertainty_stage(1), 'L_wave_min', dict(labeled=LABEL_TERMS, unlabeled=MINIMIZE_TERMS))
MAXIMIZE_TERMS = dict(labeled=dict(loss_cls='l_det_cls'), unlabeled=dict(loss_dis_max='l_wave_dis_minus'))
MAXIMIZE = (maximize_uncertainty_stage(1), 'L_wave_max', MAXIMIZE_TERMS)
STAGES = {'label': LABEL, 'min': MINIMIZE, 'max': MAXIMIZE, 'label2': LABEL}


def golden_weight(name: str, shape: torch.Size, seed: int) -> np.ndarray:
    """The weight rule that both implementations start from."""
    random = np.random.RandomState((crc32(name.encode()) ^ seed) & 0xFFFFFFFF)
    if len(shape) == 4:
        small = 'retina' in name or name.startswith(('backbone', 'neck'))
        weight = random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:])) * (0.5 if small else 1)
        return weight.astype(np.float32)
    if 'bn' in name or 'downsample.1' in name:
        return np.full(shape, 1 if name.endswith(('weight', 'running_var')) else 0, dtype=np.float32)
    prior = 2 if name.endswith(('f_1_retina.bias', 'f_2_retina.bias', 'f_mil_retina.bias')) else 0
    return np.float32(random.standard_normal(shape)) * np.float32(0.1) - np.float32(prior)


def golden_detector(meta: dict):
    """The detector of a golden file, with the weights of the rule."""
    detector = tiny_detector(meta['C'], meta['base_channels'], meta['channels'], meta['stacked_convs'])
    entries = {
        name: torch.from_numpy(np.asarray(golden_weight(name, value.shape, meta['seed'])))
        for name, value in detector.state_dict().items()
        if not name.endswith('num_batches_tracked')
    }
    detector.load_state_dict(entries, strict=False)
    return detector.train()


def golden_batch(golden: dict, step: int, tag: str, device: torch.device) -> dict:
    """The batch of an optimizer step; boxes only where it is labeled."""
    meta = golden['meta']
    images = np.random.RandomState(meta['seed'] * 1000 + step).standard_normal((2, 3, meta['H'], meta['W']))
    data = dict(
        img=torch.from_numpy(images.astype(np.float32)).to(device),
        img_metas=image_metas([(meta['H'], meta['W'])] * 2),
    )
    if tag == 'labeled':
        for key in ('gt_bboxes', 'gt_labels'):
            data[key] = [torch.from_numpy(golden[f'{key}{step}_{image}']).to(device) for image in range(2)]
    return data


def projection(name: str, value: torch.Tensor) -> list[float]:
    flat = value.detach().double().cpu().numpy().ravel()
    return [
        np.linalg.norm(flat),
        flat @ np.random.RandomState(crc32(name.encode())).standard_normal(flat.size),
    ]


def check_weights(detector, golden: dict, stage: str) -> None:
    for name, value in detector.state_dict().items():
        if not name.endswith('num_batches_tracked'):
            expected = golden[f'{stage}__{name}']
            # A dot product may cancel, so it is allowed a share of the vector's length.
            tolerance = 1e-5 * expected[0] + 1e-9
            assert_allclose(
                projection(name, value), expected, rtol=1e-4, atol=tolerance, err_msg=f'{stage} {name}'
            )


@pytest.mark.parametrize('name', golden_names('train_'))
def test_four_stages_match_the_published_run(name, device) -> None:
    golden = load_golden(name)
    meta = golden['meta']
    detector = golden_detector(meta).to(device)
    frozen = frozen_parameter_names(detector)
    assert frozen
    precision = MixedPrecision(device)
    optimizer = dict(type='SGD', lr=meta['lr'], momentum=meta['momentum'], weight_decay=meta['weight_decay'])
    step = 0
    for stage_name, (stage, total, terms) in STAGES.items():
        take_step = build_stage_step(detector, stage, frozen, optimizer=optimizer, precision=precision)
        for iteration in range(meta['steps']):
            for tag in stage.tags:
                batch = golden_batch(golden, step, tag, device)
                result = detector.train_step(batch, loss_terms=stage.losses(tag))
                take_step(result['loss'])
                step += 1
                key = f'log_{stage_name}_{iteration}_{tag}'
                check_logs(golden, key, terms[tag], result['log_vars'], total)
        check_weights(detector, golden, stage_name)


def check_logs(golden: dict, key: str, terms: dict, log_vars: dict, total: str) -> None:
    assert set(log_vars) == {*terms, 'loss'}
    for name, golden_name in terms.items():
        assert_allclose(
            log_vars[name].item(), golden[f'{key}_{golden_name}'], rtol=1e-5, atol=1e-9, err_msg=key
        )
    # In the labeled batches of the maximize stage the published total counts the box term.
    if not (key.startswith('log_max') and key.endswith('_labeled')):
        assert_allclose(log_vars['loss'].item(), golden[f'{key}_{total}'], rtol=1e-5, atol=1e-9, err_msg=key)
