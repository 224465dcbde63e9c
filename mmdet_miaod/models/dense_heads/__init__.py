from .miaod_mixin import MIAODHeadMixin
from .miaod_retina_head import MIAODRetinaHead

__all__ = ['MIAODHeadMixin', 'MIAODRetinaHead']
