"""A model over images: batches, detections in the order of the data set, metrics as plain values."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmcv.parallel import DataContainer
from torch import nn
from torch.utils.data import Dataset

from mmdet_miaod.engine.inference import (
    ScoringSettings,
    detect,
    evaluate_detections,
    move_batch,
)

CPU = torch.device('cpu')


class Images(Dataset):
    """Five images of two sizes whose pixels are their number; its metrics are what it is asked for."""

    index = SimpleNamespace(sizes=np.array([[4, 4], [8, 4], [4, 4], [8, 4], [4, 4]]))

    def __len__(self) -> int:
        return len(self.index.sizes)

    def __getitem__(self, number: int) -> dict:
        width, height = self.index.sizes[int(number)]
        image = torch.full((3, int(height), int(width)), float(number))
        return dict(
            img=[DataContainer(image, stack=True)], img_metas=[DataContainer(dict(n=number), cpu_only=True)]
        )

    def evaluate(self, detections: list, **options) -> dict:
        return dict(options, images=len(detections), first=detections[0][0][0, 0])


class Naming(nn.Module):
    """A detector that finds one box, of the class 0 of two, whose numbers are the image's."""

    def forward(self, img, img_metas, return_loss, rescale) -> list[list[np.ndarray]]:
        assert not self.training and not return_loss and rescale
        assert [meta['n'] for meta in img_metas] == [image.max() for image in img]
        return [
            [np.full((1, 5), image.max(), dtype=np.float32), np.zeros((0, 5), np.float32)] for image in img
        ]


@pytest.mark.parametrize('batch_size', [1, 2, 8])
def test_detections_are_in_the_order_of_the_images(batch_size) -> None:
    counts: list[int] = []
    found = detect(Naming(), Images(), ScoringSettings(batch_size=batch_size), counts.append)
    assert [image[0][0, 0] for image in found] == [0, 1, 2, 3, 4]
    assert [len(image) for image in found] == [2] * 5
    assert sum(counts) == 5
    assert max(counts) == min(batch_size, 3)  # a batch has images of one size


def test_metrics_are_plain_values() -> None:
    detections = detect(Naming(), Images(), ScoringSettings())
    metrics = evaluate_detections(detections, Images(), dict(AP=dict(a=np.float32('nan'), b=0.5)))
    assert metrics == dict(AP=dict(a=None, b=0.5), images=5, first=0.0)
    assert type(metrics['first']) is float
    found = [[np.full((1, 5), 7, dtype=np.float32)]]
    values = dict(metric='mAP', counts=(np.int64(3), True), nothing=None)
    expected = dict(metric='mAP', counts=[3, True], nothing=None, images=1, first=7.0)
    assert evaluate_detections(found, Images(), values) == expected


def test_several_augmentations_of_an_image_are_refused() -> None:
    image = torch.zeros(1, 3, 4, 4)
    assert move_batch(dict(img=[image], img_metas=[[{}]]), CPU)['img'].shape == image.shape
    with pytest.raises(ValueError, match='set flip=False'):
        move_batch(dict(img=[image, image], img_metas=[[{}], [{}]]), CPU)
