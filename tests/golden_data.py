"""Reference numbers of the published implementation, read where the tests need them."""

import json
import os
from pathlib import Path

import numpy as np


def golden_folder() -> Path:
    """Folder of the golden files: the one named by ``MIAOD_GOLDEN``, else ``tests/golden``."""
    return Path(os.environ.get('MIAOD_GOLDEN') or Path(__file__).parent / 'golden')


def load_golden(name: str) -> dict:
    """Read one golden file.

    Args:
        name: File name without suffix, e.g. ``'ap_c5'``.

    Returns:
        Array by key, as stored; ``meta`` is the decoded JSON object.

    Raises:
        FileNotFoundError: No such file in the golden folder.
    """
    path = golden_folder() / f'{name}.npz'
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such golden file; set MIAOD_GOLDEN to the folder that holds it')
    with np.load(path, allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    if 'meta' in arrays:
        arrays['meta'] = json.loads(str(arrays['meta']))
    return arrays


def golden_names(prefix: str = '') -> list[str]:
    """Names, sorted, of the golden files that start with ``prefix``; at least one is required."""
    names = sorted(path.stem for path in golden_folder().glob(f'{prefix}*.npz'))
    if not names:
        raise FileNotFoundError(f'{golden_folder()}: no golden files {prefix}*.npz; set MIAOD_GOLDEN')
    return names
