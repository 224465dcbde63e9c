"""Splits of earlier runs for a new run, by pool indices or by the names of their images."""

import logging
from pathlib import Path

import numpy as np

from ..datasets.image_files import summarise
from ..datasets.image_index import ImageIndex
from ..datasets.image_lists import read_image_list
from ..run.starting_point import SPLIT_LISTS, StartingPoint
from .split import Split, load_split


def load_given_split(start: StartingPoint, index: ImageIndex) -> Split:
    """Read the split that a run is given.

    Args:
        start: its npy files, or the folder of a cycle, whose lists hold names.
        index: the new run's pool.

    Raises:
        FileNotFoundError, ValueError: see :func:`~mmdet_miaod.active.split.load_split` and
            :func:`load_named_split`.
    """
    if Path(start.labeled_path).is_dir():
        return load_named_split(start.labeled_path, index)
    return load_split(start.labeled_path, start.unlabeled_path, len(index))


def load_named_split(folder: str | Path, index: ImageIndex) -> Split:
    """Find the images of an earlier run's split in a pool, by their names.

    Images that are not in the pool any more are left out, with a warning.

    Args:
        folder: a cycle's folder, with ``trainval_L_{tag}.txt`` and ``trainval_U_{tag}.txt`` for each list.
        index: the pool.

    Raises:
        FileNotFoundError: there are no such lists.
        ValueError: no labeled, or no unlabeled image is in the pool.
    """
    folder = Path(folder)
    if not any(folder.glob(SPLIT_LISTS)):
        raise FileNotFoundError(f'{folder}: has no {SPLIT_LISTS}; expected the folder of a cycle of a run')
    parts = []
    for letter in 'LU':
        found, missing = _find_names(folder, letter, index)
        if missing:
            logging.getLogger('mmdet').warning(
                '%s: %d images of X_%s are not in the pool any more and are left out: %s.',
                *(folder, len(missing), letter, summarise(missing, len(missing))),
            )
        if not len(found):
            raise ValueError(f'{folder}: no image of X_{letter} is in the pool')
        parts.append(found)
    return Split(*parts)


def _find_names(folder: Path, letter: str, index: ImageIndex) -> tuple[np.ndarray, list[str]]:
    """Indices ``(n,)`` int64, ascending, of the named images, and the names that are not in the pool."""
    found, missing = [], []
    for list_id, tag in enumerate(index.tags):
        path = folder / f'trainval_{letter}_{tag}.txt'
        if not path.is_file() or not path.stat().st_size:
            continue
        here = np.flatnonzero(index.list_ids == list_id)
        places = dict(zip((index.names[i] for i in here), here.tolist(), strict=True))
        for name in read_image_list(path):
            if name in places:
                found.append(places[name])
            else:
                missing.append(name)
    return np.unique(np.array(found, np.int64)), missing
