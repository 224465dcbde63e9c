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
