from .miaod_detector import MIAODDetectorMixin
from .miaod_retinanet import MIAODRetinaNet
from .miaod_single_stage import MIAODSingleStageDetector

__all__ = ['MIAODDetectorMixin', 'MIAODRetinaNet', 'MIAODSingleStageDetector']
