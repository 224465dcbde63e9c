"""Losses of MI-AOD."""

from .discrepancy import DiscrepancyLoss
from .focal import SigmoidFocalLoss
from .mil import MILLoss

__all__ = ['DiscrepancyLoss', 'MILLoss', 'SigmoidFocalLoss']
