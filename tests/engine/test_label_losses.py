"""Losses of single labeled images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmdet_miaod.apis.data import load_data
from mmdet_miaod.apis.settings import RunSettings
from mmdet_miaod.datasets.loaders import collate_samples
from mmdet_miaod.datasets.seeding import Draw
from mmdet_miaod.engine.detector import build_model
from mmdet_miaod.engine.inference import move_batch
from mmdet_miaod.engine.label_losses import label_losses
from tests.tiny_run import draw_tiny_data, tiny_config

CPU = torch.device('cpu')


@pytest.fixture(scope='module')
def model_and_images(tmp_path_factory):
    root = draw_tiny_data(tmp_path_factory.mktemp('data'))
    settings = RunSettings.from_config(tiny_config(root, root))
    data = load_data(settings.data, settings.model.num_classes)
    data.labeled.label([3, 5, 8])
    torch.manual_seed(0)
    return build_model(settings.model, data.labeled.CLASSES), data.labeled


def test_an_images_losses_are_those_of_its_sample(model_and_images) -> None:
    model, images = model_and_images
    found = label_losses(model, np.array([8, 3]), dataset=images, device=CPU)
    assert found.dtype == np.float32 and found.shape == (2, 2)
    for index, losses in zip((8, 3), found, strict=True):
        batch = move_batch(collate_samples([images[Draw(index, index)]]), CPU)
        feats = model.extract_feat(batch.pop('img'))
        np.testing.assert_array_equal(model.bbox_head.label_losses(feats, **batch).numpy(), losses)


def test_it_is_repeatable_and_draws_from_no_generator(model_and_images) -> None:
    model, images = model_and_images
    before = torch.get_rng_state(), np.random.get_state()[1]
    once, again = (label_losses(model, np.array([3, 5, 8]), dataset=images, device=CPU) for _ in range(2))
    assert (once == again).all() and len(np.unique(once)) == 6
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()
