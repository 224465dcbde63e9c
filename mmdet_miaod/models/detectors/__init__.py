"""Detectors of MI-AOD."""

from .miaod_detector import MIAODDetectorMixin, MIAODRetinaNet, MIAODSingleStageDetector

__all__ = ['MIAODDetectorMixin', 'MIAODRetinaNet', 'MIAODSingleStageDetector']
