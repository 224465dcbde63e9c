"""Pictures of training images: what a pipeline makes is shown as it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmcv.parallel import DataContainer

from mmdet_miaod.apis.run_report import open_config_images
from mmdet_miaod.visualization import training_pictures
from mmdet_miaod.visualization.training_pictures import sample_picture, training_picture
from tests.tiny_run import write_tiny_config


@pytest.mark.parametrize('to_rgb', [True, False])
def test_a_normalized_image_gets_its_colors_back(to_rgb) -> None:
    rgb = np.arange(640 * 480 * 3).astype(np.uint8).reshape(480, 640, 3)
    mean, std = np.array([10.0, 20, 30]), np.array([2.0, 3, 4])
    pixels = ((rgb if to_rgb else rgb[..., ::-1]) - mean) / std
    norm = dict(mean=mean, std=std, to_rgb=to_rgb)
    sample = dict(
        img=DataContainer(torch.tensor(pixels.transpose(2, 0, 1), dtype=torch.float32), stack=True),
        img_metas=DataContainer(dict(img_norm_cfg=norm), cpu_only=True),
    )
    assert (np.asarray(sample_picture(sample, ())) == rgb).all()


def test_boxes_move_with_the_augmentation(tiny_data, tmp_path, monkeypatch) -> None:
    config = write_tiny_config(tmp_path / 'tiny.py', tiny_data, tmp_path)
    images, labeled = open_config_images(config, None, 2)
    assert labeled.tolist() == [0, 23]
    drawn = []
    monkeypatch.setattr(training_pictures, 'draw_boxes', lambda picture, boxes, *rest: drawn.append(boxes))
    for i, shown in ((0, True), (1, False)):
        strip = np.asarray(training_picture(images, i, draws=8), int)
        assert strip.shape == (640, 9 * 648 - 8, 3)  # 64 x 48 images are padded to 64 x 64
        file, *draws = (strip[:480, 648 * k : 648 * k + 640] for k in range(9))
        # The pipeline flips at random: a draw is the image itself or its mirror image.
        same = np.array([np.abs(draw - file).mean() for draw in draws])
        mirrored = np.array([np.abs(draw[:, ::-1] - file).mean() for draw in draws])
        assert (np.minimum(same, mirrored) < 2).all() and (np.maximum(same, mirrored) > 2).all()
        flipped = same > mirrored
        assert 0 < flipped.sum() < 8
        boxes, *moved = drawn
        drawn.clear()
        assert bool(len(boxes)) is bool(moved) is shown
        for found, flip in zip(moved, flipped, strict=False):
            expected = np.stack([640 - boxes[:, 2], boxes[:, 1], 640 - boxes[:, 0], boxes[:, 3]], 1)
            assert np.allclose(found, expected if flip else boxes, atol=0.01)
