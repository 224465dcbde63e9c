"""Detectors as every tool builds them."""

from __future__ import annotations

import pytest
import torch

from mmdet_miaod.engine.acceleration import backends_restored
from mmdet_miaod.engine.detector import build_model
from tests.tiny_run import CLASSES, tiny_settings


@pytest.mark.parametrize('tf32', [False, True])
def test_pytorch_computes_as_the_config_of_the_last_model_says(tmp_path, tf32) -> None:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    with backends_restored():
        cudnn.allow_tf32 = matmul.allow_tf32 = not tf32
        model = build_model(tiny_settings(tmp_path, tmp_path, tf32=tf32).model, CLASSES)
        assert (cudnn.allow_tf32, matmul.allow_tf32) == (tf32, tf32)
    assert model.CLASSES == CLASSES
