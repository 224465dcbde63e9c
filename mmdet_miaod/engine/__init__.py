"""How a model is trained, stage by stage, and run over images; knows models and data sets, no cycles."""

import mmcv  # noqa: F401 (first, so that the whole package registers, see mmdet_miaod/__init__.py)

from .runner import AlternatingEpochRunner
from .stage import Stage

__all__ = ['AlternatingEpochRunner', 'Stage']
