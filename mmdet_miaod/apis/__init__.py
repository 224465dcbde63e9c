"""What the tools call: train, test, score and look."""

from .config import load_config
from .train import RunOptions, StartingPoint, train

__all__ = ['RunOptions', 'StartingPoint', 'load_config', 'train']
