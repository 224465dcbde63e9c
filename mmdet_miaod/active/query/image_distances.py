"""Distances of images by what they show, and centers among them (PPAL, arXiv:2211.11612)."""

from collections.abc import Callable

import numpy as np

from .instance_features import Detections

_LEAST_SCORE = 0.05
_FARTHEST = 2.0  # one minus the smallest cosine
_BLOCK = 1 << 24  # cosines that are held at a time


def image_distances(
    detections: Detections,
    count: int,
    *,
    as_published: bool = False,
    heartbeat: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Distance of each image to each other one, by the detections of equal classes.

    From image i to image j: the mean over the detections a of i, weighted by their scores, of one minus the
    largest cosine between a and a detection of j of the same class; 2 where j has none. The distance is the
    mean of both directions; 0 for two images without detections, 2 where one has none. Detections with a
    score of 0.05 or less do not count.

    Args:
        detections: of the images.
        count: number of images p.
        as_published: like PPAL's published code: the k-th detections of two images are at distance 0 if they
            are of one class, and images without detections are at distance 0 from all.
        heartbeat: called after each block of cosines.

    Returns:
        ``(p, p)`` float32, symmetric with zeros on the diagonal.
    """
    features, images, counted = detections.features, detections.images, detections.scores > _LEAST_SCORE
    totals = np.bincount(images[counted], detections.scores[counted], count).astype(np.float32)
    weighted = np.repeat(_FARTHEST * totals[:, None], count, axis=1)
    for label in np.unique(detections.labels[counted]):
        rows = np.flatnonzero(counted & (detections.labels == label))
        columns, starts = np.unique(images[rows], return_index=True)
        step = max(_BLOCK // len(rows), 1)
        for block in np.split(rows, range(step, len(rows), step)):
            nearest = 1 - np.maximum.reduceat(features[block] @ features[rows].T, starts, axis=1)
            if as_published:
                nearest[_of_equal_rank(detections, block, rows, columns)] = 0
            gains = detections.scores[block, None] * (np.maximum(nearest, 0) - _FARTHEST)
            lines, line_starts = np.unique(images[block], return_index=True)
            weighted[np.ix_(lines, columns)] += np.add.reduceat(gains, line_starts, axis=0)
            heartbeat()
    return _mean_of_directions(weighted, totals, 0 if as_published else _FARTHEST)


def _mean_of_directions(weighted: np.ndarray, totals: np.ndarray, to_empty: float) -> np.ndarray:
    """Distances ``(p, p)`` from their weighted sums ``(p, p)`` and the weights ``(p,)`` of each image."""
    distances = weighted / np.where(totals > 0, totals, 1)[:, None]
    distances = (distances + distances.T) / 2
    empty = totals == 0
    distances[empty, :] = distances[:, empty] = to_empty
    distances[np.ix_(empty, empty)] = 0
    np.fill_diagonal(distances, 0)
    return distances


def _of_equal_rank(
    detections: Detections, block: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Mask ``(b, c)``: which images ``columns`` ``(c,)`` have, in ``rows``, the rank of each of ``block``."""
    ranks = np.zeros((detections.ranks[rows].max() + 1, len(columns)), dtype=bool)
    ranks[detections.ranks[rows], np.searchsorted(columns, detections.images[rows])] = True
    return ranks[detections.ranks[block]]


def centers_by_distance(distances: np.ndarray, count: int, first: int) -> np.ndarray:
    """Greedy k-centre: each the farthest from those before it; ties go to the smaller position.

    Args:
        distances: ``(p, p)``.
        count: how many, at most p.
        first: position of the first one.

    Returns:
        ``(count,)`` int64 positions in the order of choice.
    """
    chosen = np.empty(count, dtype=np.int64)
    nearest = np.full(len(distances), np.inf, dtype=distances.dtype)
    for step in range(count):
        chosen[step] = np.argmax(nearest) if step else first
        np.minimum(nearest, distances[chosen[step]], out=nearest)
        nearest[chosen[step]] = -1
    return chosen


def k_medoids(distances: np.ndarray, medoids: np.ndarray, iterations: int = 100) -> np.ndarray:
    """Move medoids to the member of their cluster with the least sum of distances, until nothing changes.

    Each point belongs to its nearest medoid, the first of equally near ones, and a medoid to itself. Of
    members with equal sums the one of smaller position is taken.

    Args:
        distances: ``(p, p)``.
        medoids: ``(k,)`` different positions to begin with.
        iterations: how often they move at most.

    Returns:
        ``(k,)`` int64 different positions, in the order of ``medoids``.
    """
    for _ in range(iterations):
        clusters = distances[:, medoids].argmin(axis=1)
        clusters[medoids] = np.arange(len(medoids))
        order = np.argsort(clusters, kind='stable')
        members = np.split(order, np.searchsorted(clusters[order], np.arange(1, len(medoids))))
        sums = [distances[np.ix_(group, group)].sum(axis=1, dtype=np.float64) for group in members]
        moved = np.array([group[total.argmin()] for group, total in zip(members, sums)], dtype=np.int64)
        if np.array_equal(moved, medoids):
            break
        medoids = moved
    return medoids
