"""Outputs of an MI-AOD head's branches for one batch, and values that loss terms share."""

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor

from ..losses.mil import image_score, mil_weight

BranchMaps = dict[str, list[Tensor]]


def full_precision(device: torch.device) -> torch.autocast:
    """Context without automatic mixed precision: sums over 10^5 anchors (losses, scores) need float32."""
    return torch.autocast(device_type=device.type, enabled=False)


def softmax_probability(logits: Tensor) -> Tensor:
    """Probabilities (..., C + 1) of exclusive classes from logits (..., C + 1), background last."""
    return logits.softmax(dim=-1)


def flatten_map(level_map: Tensor, channels: int) -> Tensor:
    """One row of values per anchor: (B, A * channels, H, W) to (B, H * W * A, channels) float32."""
    return level_map.permute(0, 2, 3, 1).reshape(len(level_map), -1, channels).float()


class BranchOutputs:
    """Outputs of the computed branches; values derived from them are computed once, on first use.

    Args:
        maps: outputs of each computed branch, (B, A * channels, H, W) per level.
        class_channels: channels per anchor of the classifiers and of the multiple instance branch.
        probability: turns logits (..., class_channels) into class probabilities.
        mil_activation: see :func:`mil_weight`.
    """

    def __init__(
        self,
        maps: BranchMaps,
        class_channels: int,
        probability: Callable[[Tensor], Tensor],
        mil_activation: str,
    ) -> None:
        self.maps = maps
        self.class_channels = class_channels
        self._probability = probability
        self._mil_activation = mil_activation

    def _logits(self, branch: str) -> list[Tensor]:
        return [flatten_map(level_map, self.class_channels) for level_map in self.maps[branch]]

    @cached_property
    def logits_1(self) -> list[Tensor]:
        """First classifier, (B, n, C) per level."""
        return self._logits('f_1')

    @cached_property
    def logits_2(self) -> list[Tensor]:
        """Second classifier, (B, n, C) per level."""
        return self._logits('f_2')

    @cached_property
    def sigmoids_1(self) -> list[Tensor]:
        """Sigmoid of the first classifier, (B, n, C) per level."""
        return [logits.sigmoid() for logits in self.logits_1]

    @cached_property
    def sigmoids_2(self) -> list[Tensor]:
        """Sigmoid of the second classifier, (B, n, C) per level."""
        return [logits.sigmoid() for logits in self.logits_2]

    @cached_property
    def probabilities_1(self) -> list[Tensor]:
        """Class probabilities of the first classifier, (B, n, C) per level."""
        if self._probability is torch.sigmoid:
            return self.sigmoids_1
        return [self._probability(logits) for logits in self.logits_1]

    @cached_property
    def probabilities_2(self) -> list[Tensor]:
        """Class probabilities of the second classifier, (B, n, C) per level."""
        if self._probability is torch.sigmoid:
            return self.sigmoids_2
        return [self._probability(logits) for logits in self.logits_2]

    @cached_property
    def mil_weights(self) -> list[Tensor]:
        """Multiple instance weights w, (B, n, C) per level."""
        levels = zip(self._logits('f_mil'), self.logits_1, self.logits_2, strict=True)
        return [mil_weight(mil, z1, z2, self._mil_activation) for mil, z1, z2 in levels]

    @cached_property
    def image_scores(self) -> Tensor:
        """Class scores of each image, (B, C)."""
        return image_score(self.mil_weights)


def join_levels(levels: Sequence[Tensor]) -> Tensor:
    """Join levels of shape (B, n, ...) to one tensor (B, N, ...)."""
    return torch.cat(list(levels), dim=1)
