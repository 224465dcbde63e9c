"""The training side: stages, the alternating runner and the stage trainer."""

from .runner import AlternatingEpochRunner
from .stage import Stage
from .tensorboard import RunTensorboardLoggerHook

__all__ = ['AlternatingEpochRunner', 'RunTensorboardLoggerHook', 'Stage']
