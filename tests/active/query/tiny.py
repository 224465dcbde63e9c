"""Queries and models without images that the tests of the strategies share."""

from __future__ import annotations

import numpy as np

from mmdet_miaod.active.query import Query


class FeatureModel:
    """A detector of a head alone, whose images are the features already."""

    def __init__(self, head=None) -> None:
        self.bbox_head = head

    def extract_feat(self, img):
        return img


def query_of(scores, labeled=(), seed=0, **extra) -> Query:
    """All images of a pool that are not labeled are candidates."""
    labeled = np.array(labeled, dtype=np.int64)
    candidates = np.setdiff1d(np.arange(len(scores)), labeled)
    scores = np.array(scores, dtype=np.float32)
    return Query(candidates=candidates, labeled=labeled, scores=scores, seed=seed, **extra)


def pooled_query(points, labeled=(), scores=None, **extra) -> Query:
    """A query of images with pooled features ``points`` ``(N, D)``."""
    points = np.array(points, dtype=np.float32)
    return query_of(
        np.zeros(len(points)) if scores is None else scores, labeled, features=dict(pooled=points), **extra
    )


def describe(images, features=2, limit=100) -> np.ndarray:
    """Described detections ``(p, limit, 6 + features)``; an image is a list of (label, score, feature)."""
    described = np.zeros((len(images), limit, 6 + features), dtype=np.float32)
    for image, found in enumerate(images):
        for row, (label, score, feature) in enumerate(found):
            described[image, row] = [label, score, 0, 0, 10, 10, *feature]
    return described


def random_detections(seed, count, classes=3, most=5, features=4) -> list:
    """Images with 0 to ``most`` detections of random class, score and unit feature, best first."""
    random = np.random.RandomState(seed)
    images = []
    for _ in range(count):
        number = random.randint(most + 1)
        directions = random.standard_normal((number, features)) + 0.7
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        scores = np.sort(random.uniform(0.01, 1, number))[::-1]
        images.append(list(zip(random.randint(classes, size=number).tolist(), scores.tolist(), directions)))
    return images
