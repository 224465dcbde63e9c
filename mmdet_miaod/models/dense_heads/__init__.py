"""Dense heads of MI-AOD, their loss terms and targets."""

from .miaod_atss_head import MIAODATSSHead
from .miaod_mixin import MIAODHeadMixin
from .miaod_retina_head import MIAODRetinaHead
from .miaod_ssd_head import MIAODSSDHead

__all__ = ['MIAODATSSHead', 'MIAODHeadMixin', 'MIAODRetinaHead', 'MIAODSSDHead']
