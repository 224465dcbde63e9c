"""What the tools call: train, test, score and look."""

from .config import load_config
from .run_options import RunOptions, StartingPoint
from .train import train

__all__ = ['RunOptions', 'StartingPoint', 'load_config', 'train']
