"""The detector: heads, losses, uncertainty; imports no other room. Importing it registers its classes."""

from . import dense_heads, detectors, losses

__all__ = ['dense_heads', 'detectors', 'losses']
