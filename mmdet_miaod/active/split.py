"""The labeled/unlabeled split of an image pool: two integer arrays, on disk as npy and txt files."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..datasets.image_lists import name_lines
from ..run.file_record import FileRecord
from ..run.files import load_array, save_array, write_file


@dataclass(frozen=True)
class Split:
    """Which pool images a cycle trains on (``X_L`` and ``X_U`` of the paper, section 3.1).

    Attributes:
        labeled: ``(n,)`` int64, ascending, unique: the images whose labels are known (X_L).
        unlabeled: ``(m,)`` int64, ascending, unique: the sample of the pool that the uncertainty
            stages train on (X_U). The query looks at *all* images that are not in ``labeled``.
    """

    labeled: np.ndarray
    unlabeled: np.ndarray

    def candidates(self, pool_size: int, excluded: Sequence[int] = ()) -> np.ndarray:
        """Return the int64 indices of a pool that are neither labeled nor excluded, ascending."""
        return _all_but(pool_size, self.labeled, excluded)


def _all_but(pool_size: int, *taken: Sequence[int]) -> np.ndarray:
    """Return the indices of a pool that are in none of ``taken``: a mask, since sets of indices are slow."""
    free = np.ones(pool_size, dtype=bool)
    for indices in taken:
        free[np.asarray(indices, dtype=np.int64)] = False
    return np.flatnonzero(free)


def _count_repeats(ordered: np.ndarray) -> int:
    return np.count_nonzero(ordered[1:] == ordered[:-1])


def hash_indices(indices: np.ndarray) -> str:
    """Return the SHA-256 (hexadecimal) of pool indices in their order, by which they are compared."""
    return hashlib.sha256(np.ascontiguousarray(indices, dtype=np.int64)).hexdigest()


def initial_split(
    pool_size: int,
    initial_size: int,
    seed: int,
    *,
    unlabeled_from: str = 'end',
    excluded: Sequence[int] = (),
    included: Sequence[int] = (),
) -> Split:
    """Draw the first labeled set at random.

    The shuffle is NumPy's legacy Mersenne Twister, bit for bit that of the published code.

    Args:
        pool_size: number of images in the pool.
        initial_size: number of images to label first (``X_L_0_size``); X_U gets as many.
        seed: seed of the shuffle.
        unlabeled_from: ``'end'`` takes X_U from the end of the shuffled order (VOC), ``'next'``
            takes the images that follow the labeled ones (published COCO experiment).
        excluded: pool indices that are in neither set.
        included: pool indices that are labeled whatever is drawn.

    Raises:
        ValueError: when the initial set is empty, larger than the pool or smaller than ``included``.
    """
    order = _all_but(pool_size, excluded)
    if initial_size < max(1, len(included)) or initial_size > len(order):
        raise ValueError(
            f'X_L_0_size is {initial_size}, but the pool has {len(order)} images and {len(included)} are '
            f'always included: choose {max(1, len(included))} to {len(order)}'
        )
    np.random.RandomState(seed).shuffle(order)
    if len(included):
        order = np.concatenate([included, order[~np.isin(order, included)]])
    if unlabeled_from not in ('end', 'next'):
        raise ValueError(f"unlabeled_from is {unlabeled_from!r}: choose 'end' or 'next'")
    taken = slice(-initial_size, None) if unlabeled_from == 'end' else slice(initial_size, 2 * initial_size)
    return Split(np.sort(order[:initial_size]), np.sort(order[taken]))


def next_split(
    split: Split, selected: np.ndarray, pool_size: int, seed: int, excluded: Sequence[int] = ()
) -> Split:
    """Move the selected images to the labeled set and draw a new X_U as large as it.

    Where fewer images are left than X_U needs, labeled images fill it up, as in the published code.

    Args:
        split: the split of the cycle that just ended.
        selected: ``(n,)`` int64 indices in the order in which the query returned them; the order
            counts for the random numbers when X_U has to be filled up.
        pool_size: number of images in the pool.
        seed: seed of the shuffle, the same in every cycle.
        excluded: pool indices that are in neither set.

    Raises:
        ValueError: when a selected image is labeled already, unknown or selected twice.
    """
    _check_selection(split, selected, pool_size)
    labeled = np.concatenate([split.labeled, selected]).astype(np.int64)
    rest = _all_but(pool_size, labeled, excluded)
    random = np.random.RandomState(seed)
    random.shuffle(rest)
    unlabeled = rest[: len(labeled)]
    missing = len(labeled) - len(unlabeled)
    if missing:
        filler = labeled.copy()
        random.shuffle(filler)
        unlabeled = np.concatenate([unlabeled, filler[:missing]])
    return Split(np.sort(labeled), np.sort(unlabeled))


def _check_selection(split: Split, selected: np.ndarray, pool_size: int) -> None:
    ordered = np.sort(selected)
    if len(ordered) and (ordered[0] < 0 or ordered[-1] >= pool_size):
        raise ValueError(f'the query selected an index outside the pool of {pool_size} images')
    if _count_repeats(ordered):
        raise ValueError('the query selected an image twice')
    known = ordered[np.isin(ordered, split.labeled, assume_unique=True)]
    if len(known):
        raise ValueError(f'the query selected images that are labeled already: {known[:10].tolist()}')


def split_paths(directory: str | Path, cycle: int) -> tuple[Path, Path]:
    """Return the paths of a cycle's ``X_L_{c}.npy`` and ``X_U_{c}.npy``."""
    directory = Path(directory)
    return directory / f'X_L_{cycle}.npy', directory / f'X_U_{cycle}.npy'


def split_names(cycle: int) -> list[str]:
    """Paths of a cycle's split files in the run directory."""
    return [path.as_posix() for path in split_paths('', cycle)]


def save_split(split: Split, directory: str | Path, cycle: int) -> list[FileRecord]:
    """Write ``X_L_{c}.npy`` and ``X_U_{c}.npy`` (int64, ascending), each whole or not at all."""
    arrays = (split.labeled, split.unlabeled)
    return [save_array(path, a) for path, a in zip(split_paths(directory, cycle), arrays, strict=True)]


def load_split(labeled_path: str | Path, unlabeled_path: str | Path, pool_size: int) -> Split:
    """Read a split from npy files, this project's or the published code's.

    Raises:
        FileNotFoundError: when a file is not there.
        ValueError: when a file is no array of unique indices of a pool of ``pool_size`` images.
    """
    return Split(_load_indices(labeled_path, pool_size), _load_indices(unlabeled_path, pool_size))


def _load_indices(path: str | Path, pool_size: int) -> np.ndarray:
    array = load_array(path)
    if array.ndim != 1 or not len(array):
        raise ValueError(f'{path}: expected a list of image indices, found an array of shape {array.shape}')
    whole = array.astype(np.int64) if np.issubdtype(array.dtype, np.number) else None
    if whole is None or not np.array_equal(whole, array):
        raise ValueError(f'{path}: image indices must be whole numbers, found {array.dtype}')
    if whole.min() < 0 or whole.max() >= pool_size:
        raise ValueError(
            f'{path}: index {whole.min() if whole.min() < 0 else whole.max()} is outside the pool of '
            f'{pool_size} images; was it saved for another data set?'
        )
    ordered = np.sort(whole)
    if repeats := _count_repeats(ordered):
        raise ValueError(f'{path}: {repeats} image indices appear twice')
    return ordered


def write_name_lists(
    split: Split, names: Sequence[str], list_ids: np.ndarray, tags: Sequence[str], directory: str | Path
) -> list[FileRecord]:
    """Write ``trainval_L_{tag}.txt`` and ``trainval_U_{tag}.txt``, one pair for each annotation list.

    Args:
        split: the split to write.
        names: image names of the whole pool.
        list_ids: ``(N,)`` which annotation list each pool image is from.
        tags: one tag for each annotation list, for example ``('07', '12')``.
        directory: where the files go.
    """
    records = []
    for list_id, tag in enumerate(tags):
        for letter, indices in (('L', split.labeled), ('U', split.unlabeled)):
            chosen = indices[list_ids[indices] == list_id]
            path = Path(directory) / f'trainval_{letter}_{tag}.txt'
            lines = name_lines(names, chosen)
            records.append(write_file(path, lambda file, lines=lines: file.writelines(lines)))
    return records
