"""Multiple Instance Active Learning for Object Detection (MI-AOD, CVPR 2021) as an MMDetection 2.x plugin.

Importing it checks the installed stack, mends what torch 2 and NumPy 2 need of mmcv and MMDetection, and
registers the data sets, models and query strategies.
"""

import importlib
import importlib.util
import warnings

from .environment import check_environment
from .version import __version__

__all__ = ['__version__']

check_environment()

with warnings.catch_warnings():
    # mmcv 1.7 announces mmcv 2.0 at every import
    warnings.filterwarnings('ignore', message='On January 1, 2023', category=UserWarning)
    importlib.import_module('mmcv')

importlib.import_module('.compat', __name__).apply()

for _name in ('datasets', 'models', 'active', 'engine'):
    if importlib.util.find_spec(f'{__name__}.{_name}') is not None:
        importlib.import_module(f'{__name__}.{_name}')
