"""Multiple Instance Active Learning for Object Detection (MI-AOD, CVPR 2021) as an MMDetection 2.x plugin.

Importing it checks the installed stack. It mends what torch 2 and NumPy 2 need of mmcv and MMDetection, and
registers the data sets, models and query strategies, at once where mmcv is imported already and else as soon
as it is: a command line is parsed without waiting for PyTorch.
"""

import importlib
import logging
import warnings
from types import ModuleType

from .environment import check_environment
from .import_hook import after_import
from .version import __version__

__all__ = ['__version__', 'active', 'compat', 'datasets', 'engine', 'models']


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return importlib.import_module(f'.{name}', __name__)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def _register() -> None:
    from . import compat

    compat.apply()
    from . import active, datasets, engine, models  # noqa: F401


check_environment()
# Imported by mmcv, it says at every start on a machine without a GPU that there is none.
logging.getLogger('torch.utils.cpp_extension').setLevel(logging.ERROR)
# mmcv 1.7 announces mmcv 2.0 at every import.
warnings.filterwarnings('ignore', message='On January 1, 2023', category=UserWarning)
after_import('mmcv', _register)
