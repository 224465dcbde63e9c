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


def test_an_images_loss_is_that_of_a_batch_of_it_alone(model_and_images) -> None:
    model, images = model_and_images
    found = label_losses(model, np.array([8, 3]), dataset=images, device=CPU)
    assert found.dtype == np.float32
    for index, loss in zip((8, 3), found, strict=True):
        batch = move_batch(collate_samples([images[Draw(index, index)]]), CPU)
        with torch.no_grad():
            assert model(**batch, loss_terms=['loss_cls'])['loss_cls'].item() == pytest.approx(float(loss))


def test_it_is_repeatable_and_draws_from_no_generator(model_and_images) -> None:
    model, images = model_and_images
    before = torch.get_rng_state(), np.random.get_state()[1]
    once, again = (label_losses(model, np.array([3, 5, 8]), dataset=images, device=CPU) for _ in range(2))
    assert (once == again).all() and len(set(once)) == 3
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()


def test_an_image_without_its_boxes_has_a_larger_loss(model_and_images) -> None:
    model, images = model_and_images
    # Confident that everything is an object: then background is what it is wrong about.
    with torch.no_grad():
        for branch in (model.bbox_head.f_1_retina, model.bbox_head.f_2_retina):
            branch.bias.fill_(3.0)
    annotation = images._annotations[5]
    before = label_losses(model, np.array([5]), dataset=images, device=CPU)
    images._annotations[5] = type(annotation).from_objects([], {}, [])
    after = label_losses(model, np.array([5]), dataset=images, device=CPU)
    images._annotations[5] = annotation
    assert after[0] > before[0]
