"""Detectors as every tool builds them."""

from __future__ import annotations

import pytest
import torch

from mmdet_miaod.engine.acceleration import backends_restored
from mmdet_miaod.engine.detector import build_model, load_weights
from tests.tiny_run import CLASSES, tiny_settings


@pytest.mark.parametrize('tf32', [False, True])
def test_pytorch_computes_as_the_config_of_the_last_model_says(tmp_path, tf32) -> None:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    with backends_restored():
        cudnn.allow_tf32 = matmul.allow_tf32 = not tf32
        model = build_model(tiny_settings(tmp_path, tmp_path, tf32=tf32).model, CLASSES)
        assert (cudnn.allow_tf32, matmul.allow_tf32) == (tf32, tf32)
    assert model.CLASSES == CLASSES


def test_weights_out_of_a_wrapper_for_several_gpus_are_loaded(tmp_path) -> None:
    with backends_restored():
        settings = tiny_settings(tmp_path, tmp_path).model
        model, other = build_model(settings, CLASSES), build_model(settings, CLASSES)
    weights = {f'module.{name}': value + 1 for name, value in model.state_dict().items()}
    torch.save(dict(state_dict=weights), tmp_path / 'ddp.pth')
    load_weights(other, tmp_path / 'ddp.pth')
    for name, value in other.state_dict().items():
        assert torch.equal(value, weights[f'module.{name}'])
