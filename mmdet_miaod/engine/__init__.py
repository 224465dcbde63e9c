"""How a model is trained, stage by stage, and run over images; knows models and data sets, no cycles."""

from .runner import AlternatingEpochRunner
from .stage import Stage
from .tensorboard import RunTensorboardLoggerHook

__all__ = ['AlternatingEpochRunner', 'RunTensorboardLoggerHook', 'Stage']
