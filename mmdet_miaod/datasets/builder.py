"""Data sets from configs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmcv.utils import build_from_cfg
from mmdet.datasets import DATASETS
from torch.utils.data import Dataset


def build_dataset(config: Mapping[str, Any], **defaults: Any) -> Dataset:
    """Build one data set, however many image lists it has.

    MMDetection's own ``build_dataset`` makes several data sets of a config whose ``ann_file`` is a list, and
    so has no index over all images.

    Args:
        config: ``type`` (a registered name) and keyword arguments.
        defaults: Keyword arguments that the config may override.
    """
    return build_from_cfg(dict(config), DATASETS, defaults)
