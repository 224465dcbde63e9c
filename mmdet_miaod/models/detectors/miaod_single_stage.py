"""Any stock single-stage detector for MI-AOD."""

from __future__ import annotations

from mmdet.models.builder import DETECTORS
from mmdet.models.detectors import SingleStageDetector

from .miaod_detector import MIAODDetectorMixin


@DETECTORS.register_module()
class MIAODSingleStageDetector(MIAODDetectorMixin, SingleStageDetector):
    """Backbone, neck and any head that is an ``MIAODHeadMixin``: SSD, ATSS and heads of your own."""
