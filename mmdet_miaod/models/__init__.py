"""Models; importing this package registers them with MMDetection."""

from . import dense_heads, detectors, losses

__all__ = ['dense_heads', 'detectors', 'losses']
