"""Configs that come with the package: in a wheel and in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def packaged_configs() -> Path:
    """Return the folder of the configs: in an installed package ``.mim/configs``, as MMDetection's wheels
    have it, in a checkout ``configs``."""
    installed = _PACKAGE / '.mim' / 'configs'
    return installed if installed.is_dir() else _PACKAGE.parent / 'configs'


def find_config(path: str) -> str:
    """Return the path of a config: as it is where there is such a file, else of the package's own.

    Args:
        path: such as ``configs/MIAOD.py``; one that is neither here nor in the package is returned unchanged.
    """
    if not Path(path).exists() and Path(path).parts[:1] == ('configs',):
        packaged = packaged_configs().joinpath(*Path(path).parts[1:])
        if packaged.is_file():
            return str(packaged)
    return path
