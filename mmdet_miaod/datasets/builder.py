"""Data sets and their indices from configs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from mmcv.utils import build_from_cfg
from mmdet.datasets import DATASETS
from torch.utils.data import Dataset

from .image_index import ImageIndex


def build_dataset(config: Mapping[str, Any], **defaults: Any) -> Dataset:
    """Build one data set, however many image lists it has.

    MMDetection's own ``build_dataset`` makes several data sets of a config whose ``ann_file`` is a list, and
    so has no index over all images.

    Args:
        config: ``type`` (a registered name) and keyword arguments.
        defaults: keyword arguments that the config may override.
    """
    return build_from_cfg(dict(config), DATASETS, defaults)


def build_index(
    ann_file: str | Sequence[str] | None,
    img_prefix: str | Sequence[str] | None,
    *,
    img_subdir: str,
    ann_subdir: str,
    tags: Sequence[str] | None,
    data_root: str | None,
) -> ImageIndex:
    """Index of a data set's image lists.

    Args:
        ann_file: image list(s), one name per line.
        img_prefix: folder of each list's images and annotations.
        img_subdir: sub folder of the images.
        ann_subdir: sub folder of the XML files.
        tags: name of each list; None: see :meth:`ImageIndex.from_lists`.
        data_root: what relative lists and folders start from.

    Raises:
        ValueError: no list or no folder is given.
    """
    if not ann_file or img_prefix is None:
        raise ValueError('a data set needs ann_file and img_prefix, or an index')
    return ImageIndex.from_lists(
        _below(data_root, ann_file),
        _below(data_root, img_prefix),
        img_subdir=img_subdir,
        ann_subdir=ann_subdir,
        tags=tags,
    )


def _below(root: str | None, paths: str | Sequence[str]) -> str | list[str]:
    if isinstance(paths, (list, tuple)):
        return [os.path.join(root or '', path) for path in paths]
    return os.path.join(root or '', paths)
