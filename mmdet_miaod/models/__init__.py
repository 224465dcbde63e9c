"""The detector: heads, losses, uncertainty; imports no other room. Importing it registers its classes."""

import mmcv  # noqa: F401 (first, so that the whole package registers, see mmdet_miaod/__init__.py)

from . import dense_heads, detectors, losses

__all__ = ['dense_heads', 'detectors', 'losses']
