"""The active-learning side: split, query, scoring, run state and the loop over the cycles."""

from . import strategies

__all__ = ['strategies']
