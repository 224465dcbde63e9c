"""The training side: stages, the alternating runner and the stage trainer."""

from .runner import AlternatingEpochRunner
from .stage import Stage

__all__ = ['AlternatingEpochRunner', 'Stage']
