"""The cycle: split, train, evaluate, score, rank, label."""

from . import query

__all__ = ['query']
