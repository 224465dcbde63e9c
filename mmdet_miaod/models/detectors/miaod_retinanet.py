"""RetinaNet for MI-AOD."""

from __future__ import annotations

from mmdet.models.builder import DETECTORS
from mmdet.models.detectors import RetinaNet

from .miaod_detector import MIAODDetectorMixin


@DETECTORS.register_module()
class MIAODRetinaNet(MIAODDetectorMixin, RetinaNet):
    """RetinaNet whose ``bbox_head`` is an ``MIAODRetinaHead``; the arguments are ``RetinaNet``'s."""
