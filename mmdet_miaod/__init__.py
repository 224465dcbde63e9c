"""Multiple Instance Active Learning for Object Detection (MI-AOD, CVPR 2021) as an MMDetection 2.x plugin.

Importing it checks the installed stack, mends what torch 2 and NumPy 2 need of mmcv and MMDetection, and
registers the data sets, models and query strategies.
"""

# ruff: noqa: E402 -- the order of these imports is what this module is for
import logging
import warnings

from .environment import check_environment
from .version import __version__

check_environment()

# Imported by mmcv, it says at every start on a machine without a GPU that there is none.
logging.getLogger('torch.utils.cpp_extension').setLevel(logging.ERROR)
with warnings.catch_warnings():
    # mmcv 1.7 announces mmcv 2.0 at every import
    warnings.filterwarnings('ignore', message='On January 1, 2023', category=UserWarning)
    import mmcv  # noqa: F401

from . import compat

compat.apply()

from . import active, datasets, engine, models

__all__ = ['__version__', 'active', 'compat', 'datasets', 'engine', 'models']
