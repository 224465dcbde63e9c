"""The first images to label, chosen before any model is trained."""

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor, nn

from .. import distributed
from ..datasets.pool import ImagePoolDataset
from ..engine.inference import ScoringSettings
from .feature_files import merge_parts
from .query.coreset import greedy_k_center
from .query.image_features import pooled_features
from .scoring import look_at


def _backbone_features(
    model: nn.Module, img: Tensor, img_metas: list[dict], indices: np.ndarray
) -> dict[str, Tensor]:
    """Pooled outputs of the backbone alone: the neck is not pretrained."""
    return dict(backbone=pooled_features(model, model.backbone(img)))


def choose_coreset(
    model: nn.Module,
    pool: ImagePoolDataset,
    candidates: np.ndarray,
    count: int,
    *,
    included: Sequence[int],
    seed: int,
    settings: ScoringSettings,
) -> np.ndarray:
    """Choose diverse images by greedy k-centre on features of the pretrained backbone.

    Args:
        model: a detector that was not trained yet.
        pool: the pool.
        candidates: ``(n,)`` int64 pool indices that may be chosen, ascending, ``included`` among them.
        count: how many to choose, ``included`` among them.
        included: pool indices that are chosen whatever the others are.
        seed: of the draw of the first image, where none is included.
        settings: batch size, workers, device.

    Returns:
        ``(count,)`` int64 pool indices, the included ones first, in the order of the choice.
    """
    first = np.asarray(included, dtype=np.int64)
    if not len(first):
        first = np.random.RandomState(seed).choice(candidates, 1)
    mine = np.arange(distributed.rank(), len(candidates), distributed.world_size())
    found = look_at(
        model, _backbone_features, view=pool.scoring_view(), indices=candidates[mine], settings=settings
    )
    features = merge_parts(len(candidates), distributed.gather((mine, found)))['backbone']
    rest = ~np.isin(candidates, first)

    def choose(heartbeat: Callable[[], None]) -> np.ndarray:
        centers = features[np.searchsorted(candidates, first)]
        return greedy_k_center(features[rest], centers, max(count - len(first), 0), heartbeat)

    chosen = distributed.on_main_for_long(choose)
    return np.concatenate([first, candidates[rest][chosen]])
