"""Drawn images."""

import numpy as np

from mmdet_miaod.datasets.drawn import scene
from mmdet_miaod.datasets.drawn.voc import DEMO_CLASSES


def test_boxes_enclose_what_was_drawn(monkeypatch):
    size = (80, 60)
    monkeypatch.setattr(scene, '_background', lambda *_: np.zeros((60, 80, 3), np.float32))
    for seed in range(30):
        style = scene.SceneStyle(DEMO_CLASSES, size, [seed % 6], hard=False)
        image, (found,) = scene.draw_scene(np.random.RandomState(seed), style)
        rows, columns = np.nonzero(np.asarray(image).max(axis=2) > 3)
        edges = (columns.min(), rows.min(), columns.max(), rows.max())
        # Thin tips fade out within two pixels.
        assert np.abs(np.subtract(edges, found.box)).max() <= 2
