from .miaod_detector import MIAODDetectorMixin
from .miaod_retinanet import MIAODRetinaNet

__all__ = ['MIAODDetectorMixin', 'MIAODRetinaNet']
