"""Images and labels that a run has used: whether they are the same in a later session."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import distributed
from ..datasets.image_files import summarise
from ..datasets.image_index import ImageIndex
from ..run.files import load_array, save_array
from ..run.manifest import RunState

_LOGGER = logging.getLogger('mmdet')
_FILE, _LABELS = 0, 1  # columns


@dataclass
class SeenInputs:
    """Keys of image files and of labels, in ``pool_inputs.npy`` and ``test_inputs.npy`` of a run directory.

    Each is ``(N, 2)`` uint64, for each image the key of its file
    (:attr:`~mmdet_miaod.datasets.image_index.ImageIndex.keys`) and of its labels as they are trained on or
    evaluated with; 0: not seen yet. A last row is the checksum of the others. A run of an earlier version has
    none, and is given them when it resumes.

    Attributes:
        state: the run's manifest.
        pool: all images, checked.
        labeled: the data set with their labels.
        test: the test set, whose labels come with the data; None without one.
        force: resume with other images and labels than before; what changed is logged.
    """

    state: RunState
    pool: ImageIndex
    labeled: Any
    test: Any
    force: bool
    _keys: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.uint64), init=False)

    @distributed.main_only
    def begin(self) -> None:
        """Compare the image files, and the labels of the test set, with those of earlier sessions.

        For all processes to call.

        Raises:
            ValueError: they are others, and it is not forced.
        """
        before = self._load('pool_inputs.npy')
        count = min(len(before), len(self.pool))
        now = np.zeros((len(self.pool), 2), np.uint64)
        now[:, _FILE], now[:count, _LABELS] = self.pool.keys, before[:count, _LABELS]
        self._compare('files of images', before[:count], now[:count], self.pool.names)
        self._keep(now)
        if self.test is not None:
            self._compare_test(self.test)

    def _compare_test(self, test: Any) -> None:
        labels = [label_key(test.get_ann_info(i)) for i in range(len(test))]
        now = np.stack([test.index.keys, np.array(labels, np.uint64)], axis=1)
        before = self._load('test_inputs.npy')
        if len(before) == len(now):  # else the images are others, which the manifest tells
            self._compare('images of the test set or their labels', before, now, test.index.names)
        self._save('test_inputs.npy', now)

    @distributed.main_only
    def label(self, indices: np.ndarray) -> None:
        """Compare the labels of labeled images ``(n,)`` with those that they had; for all processes to call.

        Raises:
            ValueError: they are others, and it is not forced.
        """
        now = self._keys.copy()
        now[indices, _LABELS] = [label_key(self.labeled.get_ann_info(int(i))) for i in indices]
        self._compare('labels of images', self._keys, now, self.pool.names)
        if (now != self._keys).any():
            self._keep(now)

    def _keep(self, now: np.ndarray) -> None:
        self._keys = now
        self._save('pool_inputs.npy', now)

    def _compare(self, what: str, before: np.ndarray, now: np.ndarray, names: Sequence[str]) -> None:
        changed = np.flatnonzero(((before != now) & (before != 0)).any(axis=1))
        if not len(changed):
            return
        listed = summarise([names[int(i)] for i in changed[:10]], len(changed))
        text = f'{self.state.directory}: {len(changed)} {what} are not what this run has used: {listed}'
        if not self.force:
            raise ValueError(f'{text}; put the old ones back, or resume with --force')
        _LOGGER.warning('Resuming although this changed: %s', text)

    def _load(self, name: str) -> np.ndarray:
        path = self.state.directory / name
        with suppress(FileNotFoundError):
            try:
                saved = load_array(path)
                fits = saved.dtype == np.uint64 and saved.shape[1:] == (2,)
                if fits and (saved[-1:] == _checksum(saved[:-1])).all():
                    return saved[:-1]
                raise ValueError(f'{path}: is damaged')
            except ValueError as error:
                _LOGGER.warning('%s; whether images or labels changed is not known.', error)
        return np.zeros((0, 2), np.uint64)

    def _save(self, name: str, keys: np.ndarray) -> None:
        # With its checksum, and not in the manifest: the two could not be written at once.
        save_array(self.state.path(name), np.concatenate([keys, _checksum(keys)]))


def _checksum(keys: np.ndarray) -> np.ndarray:
    return np.frombuffer(hashlib.blake2b(keys.tobytes(), digest_size=16).digest(), np.uint64)[None]


def label_key(annotation: Mapping[str, Any]) -> int:
    """Return a number, not 0, of the boxes and labels of an image as ``get_ann_info`` gives them."""
    digest = hashlib.blake2b(digest_size=8)
    for name in ('bboxes', 'labels', 'bboxes_ignore', 'labels_ignore'):
        values = np.ascontiguousarray(annotation[name])
        digest.update(f'{name} {values.shape}'.encode() + values.tobytes())
    return int.from_bytes(digest.digest(), 'little') or 1
