"""The cycle: split, train, evaluate, score, rank, label."""

import mmcv  # noqa: F401 (first, so that the whole package registers, see mmdet_miaod/__init__.py)

from . import query

__all__ = ['query']
