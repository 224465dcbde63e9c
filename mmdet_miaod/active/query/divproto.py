"""DivProto: uncertain detections without repetition, and prototypes of classes that differ between images."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .base import QUERY_STRATEGIES, Query, QueryStrategy
from .instance_features import Detections, binary_entropy, describe_detections


def suppressed_entropy(detections: Detections, count: int, threshold: float) -> np.ndarray:
    """Entropy-based suppression (ENMS): sum of the entropies of detections that differ.

    In each image the detection of largest entropy counts, then the next one that is not of the same class and
    more similar than ``threshold`` to one that counts, and so on.

    Args:
        detections: of the images.
        count: number of images p.
        threshold: cosine of features.

    Returns:
        ``(p,)`` float64, in nats.
    """
    entropies = binary_entropy(torch.from_numpy(detections.scores)).numpy().astype(np.float64)
    totals = np.zeros(count)
    for rows in np.split(np.arange(len(entropies)), np.flatnonzero(np.diff(detections.images)) + 1):
        rows = rows[np.argsort(-entropies[rows], kind='stable')]
        features, labels = detections.features[rows], detections.labels[rows]
        repeats = (features @ features.T > threshold) & (labels[:, None] == labels)
        left = np.ones(len(rows), dtype=bool)
        for place, row in enumerate(rows):
            if left[place]:
                totals[detections.images[row]] += entropies[row]
                left &= ~repeats[place]
    return totals


def class_prototypes(detections: Detections) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean feature of each class in each image, weighted by entropy.

    Returns:
        For each of the ``(q,)`` pairs of an image and a class in it: the image's position, the class, the
        largest score, and ``(q, D)`` float32 features of length 1; pairs ascend by image, then class.
    """
    entropies = binary_entropy(torch.from_numpy(detections.scores)).numpy()
    order = np.lexsort((detections.labels, detections.images))
    keys = np.stack([detections.images, detections.labels])[:, order]
    starts = np.flatnonzero(np.any(np.diff(keys, prepend=-1), axis=0))
    if not len(starts):
        return *keys, detections.scores, detections.features
    weighted = (entropies[:, None] * detections.features)[order]
    sums = np.add.reduceat(weighted, starts, axis=0)
    directions = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return *keys[:, starts], np.maximum.reduceat(detections.scores[order], starts), directions


@QUERY_STRATEGIES.register_module(name='divproto')
@dataclass(eq=False, kw_only=True)
class DiversePrototypeQuery(QueryStrategy):
    """DivProto (Wu et al., "Entropy-based Active Learning for Object Detection with Progressive Diversity
    Constraint", CVPR 2022, arXiv:2204.07965).

    Images are gone through from the highest :func:`suppressed_entropy` on. One is accepted if a class in it
    looks unlike in all images chosen in this cycle and, as long as a minority class is wanted, it seems to
    show one. Rejected images fill up. Features are those of :func:`describe_detections`; which layer the
    authors take could not be verified.

    Args:
        enms: cosine above which detections of a class repeat each other.
        intra: cosine below which prototypes of a class differ.
        inter: score above which an image seems to show a minority class.
        alpha: fraction of the classes that are minority classes, those with the fewest labeled boxes.
        beta: fraction of the images to label that minority classes are wanted in, shared out equally.
        factor: ``factor`` times as many images as will be labeled are gone through; the authors go on through
            the whole pool where too few of them are accepted.

    Raises:
        ValueError: ``factor`` is smaller than 1.
    """

    needs_counts = True
    looks_again = True

    enms: float = 0.5
    intra: float = 0.7
    inter: float = 0.3
    alpha: float = 0.5
    beta: float = 0.75
    factor: float = 4.0

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise ValueError(f'factor is {self.factor}: at least 1 is needed')

    def score(self, model: torch.nn.Module, feats: Sequence[Tensor], img_metas: list[dict]) -> Tensor:
        """Suppressed entropy of each image, ``(B,)``."""
        described = describe_detections(model, feats, img_metas).cpu().numpy()
        return torch.from_numpy(suppressed_entropy(Detections.unpack(described), len(described), self.enms))

    def rank(self, query: Query, count: int) -> np.ndarray:
        """Choose ``(count,)`` images: accepted ones, then the others by their scores.

        Raises:
            ValueError: nothing was preselected, the query has no class counts, or a score is NaN.
        """
        by_score = super().rank(query, len(query.candidates))
        if query.class_counts is None:
            raise ValueError('divproto needs the number of labeled boxes per class')
        accepted = self._accept(query, min(count, query.label_limit))
        return np.concatenate([accepted, by_score[~np.isin(by_score, accepted)]])[:count]

    def _accept(self, query: Query, wanted: int) -> np.ndarray:
        """Accepted images among the preselected ones, ``wanted`` at most, in the order of preselection."""
        preselected, described = query.looked_at()
        pairs = class_prototypes(Detections.unpack(described))
        bounds = np.searchsorted(pairs[0], np.arange(len(preselected) + 1))
        images = [
            [values[start:stop] for values in pairs[1:]] for start, stop in zip(bounds[:-1], bounds[1:])
        ]
        shown: dict[int, list[np.ndarray]] = defaultdict(list)
        # Under a budget of boxes, images that were chosen in this cycle are labeled already.
        for place in np.flatnonzero(np.isin(preselected, query.labeled)):
            _add_prototypes(shown, *images[place])
        quotas = self._quotas(query.class_counts, wanted)
        accepted: list[int] = []
        for place in np.flatnonzero(np.isin(preselected, query.candidates)):
            if len(accepted) == wanted:
                break
            labels, scores, prototypes = images[place]
            rare = [label for label in labels[scores > self.inter].tolist() if label in quotas]
            if self._differs(labels, prototypes, shown) and (rare or not quotas):
                accepted.append(preselected[place])
                _add_prototypes(shown, *images[place])
                quotas = {label: left - (label in rare) for label, left in quotas.items()}
                quotas = {label: left for label, left in quotas.items() if left > 0}
        return np.array(accepted, dtype=np.int64)

    def _quotas(self, class_counts: np.ndarray, wanted: int) -> dict[int, float]:
        """Images wanted per minority class."""
        classes = len(class_counts)
        rarest = np.argsort(class_counts, kind='stable')[: math.ceil(self.alpha * classes)]
        share = self.beta * wanted / (self.alpha * classes) if len(rarest) else 0
        return dict.fromkeys(rarest.tolist(), share) if share > 0 else {}

    def _differs(
        self, labels: np.ndarray, prototypes: np.ndarray, shown: dict[int, list[np.ndarray]]
    ) -> bool:
        """Whether a class in an image looks unlike in all chosen ones; without detections none does."""
        return any(
            max((float(prototype @ other) for other in shown.get(label, ())), default=0.0) < self.intra
            for label, prototype in zip(labels.tolist(), prototypes)
        )


def _add_prototypes(
    shown: dict[int, list[np.ndarray]], labels: np.ndarray, scores: np.ndarray, prototypes: np.ndarray
) -> None:
    for label, prototype in zip(labels.tolist(), prototypes):
        shown[label].append(prototype)
