"""From a config to a run, and from a checkpoint to boxes; configs become plain settings here."""

from ..config.files import load_config
from .inference import inference_detector, init_detector, score_images
from .run_options import RunOptions, StartingPoint
from .train import train

__all__ = [
    'RunOptions',
    'StartingPoint',
    'inference_detector',
    'init_detector',
    'load_config',
    'score_images',
    'train',
]
