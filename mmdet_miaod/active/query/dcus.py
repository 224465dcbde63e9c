"""Difficulty-calibrated uncertainty: entropy of detections, more of it for difficult classes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ...models.dense_heads.detections import DetectionLimits
from .base import QUERY_STRATEGIES, Query, QueryStrategy
from .image_features import IMAGE_FEATURES
from .instance_features import binary_entropy, find_boxes

UNCERTAIN = DetectionLimits(score_thr=0.05, iou_threshold=0.5, max_per_img=200, nms_pre=3000)
_SMALLEST_SIDE = 16  # pixels of the image
_LONGEST_ASPECT = 5


def difficulty_weights(quality: np.ndarray, alpha: float = 0.3, beta: float = 0.2) -> np.ndarray:
    """Weight of each class, ``1 + alpha beta ln(1 + (e^(1/alpha) - 1) d)`` for the difficulty ``d = 1 - Q``.

    Args:
        quality: ``(C,)`` of the classes, Q in [0, 1].
        alpha: how soon the weight saturates.
        beta: the weight of the greatest difficulty is ``1 + beta``.

    Returns:
        ``(C,)`` float64.
    """
    return 1 + alpha * beta * np.log1p(np.expm1(1 / alpha) * (1 - np.asarray(quality, dtype=np.float64)))


def class_entropies(model: torch.nn.Module, feats: Sequence[Tensor], img_metas: Sequence[dict]) -> Tensor:
    """Sum over each class's detections of the entropy of their scores, in nats.

    Boxes that are small (the root of the area at most 16 pixels of the original image) or long (a side at
    least five times the other) do not count.

    Args:
        model: with an MI-AOD head.
        feats: ``(B, channels, H, W)`` per level.
        img_metas: meta data per image; ``img_shape`` and ``scale_factor`` are read.

    Returns:
        ``(B, C)`` float32.
    """
    sums = feats[0].new_zeros(len(img_metas), model.bbox_head.num_classes, dtype=torch.float32)
    for image, found in enumerate(find_boxes(model, feats, img_metas, UNCERTAIN)):
        boxes = found.boxes / found.boxes.new_tensor(img_metas[image]['scale_factor'])
        width, height = (boxes[:, 2:] - boxes[:, :2]).unbind(dim=1)
        long = torch.maximum(width, height) >= _LONGEST_ASPECT * torch.minimum(width, height)
        counted = (width * height > _SMALLEST_SIDE**2) & ~long
        sums[image].index_add_(0, found.labels[counted], binary_entropy(found.scores[counted]))
    return sums


@QUERY_STRATEGIES.register_module(name='dcus')
class CalibratedUncertaintyQuery(QueryStrategy):
    """Difficulty-calibrated uncertainty, the first step of PPAL (Yang et al., CVPR 2024, arXiv:2211.11612).

    An image's uncertainty is the sum over its detections of the entropy of their scores, weighted by the
    difficulty of their class. It is a sum and prefers crowded images: compare with boxes as the cost too.
    Recorded scores are the unweighted sums. PPAL takes the quality of classes from training; here it is
    measured on the labeled images after training.

    Args:
        alpha: see :func:`difficulty_weights`.
        beta: see the same.
        as_published: quality is a running mean over the labeled images which decays where a class is absent,
            as over training batches in PPAL's published code, in place of the mean.
    """

    features = ('class_entropies',)
    needs_quality = 'mean'

    def __init__(self, alpha: float = 0.3, beta: float = 0.2, as_published: bool = False) -> None:
        self.alpha = alpha
        self.beta = beta
        if as_published:
            self.needs_quality = 'running'

    def score_and_features(
        self, model: torch.nn.Module, img: Tensor, img_metas: list[dict], names: Sequence[str]
    ) -> dict[str, Tensor]:
        """Entropies ``(B, C)``, their sums as 'scores' ``(B,)``, and other features, in one pass."""
        feats = model.extract_feat(img)
        found = {name: IMAGE_FEATURES[name](model, feats) for name in names if name not in self.features}
        entropies = class_entropies(model, feats, img_metas)
        return dict(found, class_entropies=entropies, scores=entropies.sum(dim=1))

    def rank(self, query: Query, count: int) -> np.ndarray:
        """Choose the ``(count,)`` images of highest weighted uncertainty.

        Raises:
            ValueError: the query has no class quality, or a candidate's entropies are NaN.
        """
        if query.class_quality is None:
            raise ValueError('dcus needs the quality of each class')
        weights = difficulty_weights(query.class_quality, self.alpha, self.beta)
        return super().rank(replace(query, scores=query.features['class_entropies'] @ weights), count)
