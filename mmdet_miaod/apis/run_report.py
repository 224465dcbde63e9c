"""The report of a run: written while it runs, where nothing that goes wrong may stop it, and its images."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import Dataset

from .. import distributed
from ..active.taken_labels import TEST, TRAIN
from ..config.files import complete_config, saved_config
from ..datasets.builder import build_dataset
from ..datasets.photographs import PersonLabeledDataset, PhotographPool
from ..run.log import muted
from .data import RunData
from .photographs import build_test_set, find_record, taken_labels
from .settings import RunSettings, load_settings

if TYPE_CHECKING:
    from ..visualization.run_images import RunImages
    from ..visualization.run_reader import RunRecord

_LOGGER = logging.getLogger('mmdet')


def refresh_report(
    directory: str | Path,
    data: RunData,
    open_test: Callable[[], Any],
    *,
    last: bool = False,
) -> None:
    """Write the report anew, in the main process; what goes wrong is a warning in the log.

    Args:
        directory: the run directory.
        data: the run's data, with the images unlocked that were labeled.
        open_test: gives the test set, None without one.
        last: whether the run is finished: only then PNG files are written, which take the longest.
    """
    if not distributed.is_main():
        return
    try:
        # Here, so that not even a broken matplotlib stops a run.
        from ..visualization.report import write_report
        from ..visualization.run_images import RunImages

        page = write_report(
            [directory], lambda record: RunImages(data.pool, data.labeled, open_test), png=last
        )
    except Exception as error:
        _LOGGER.warning(
            'The report could not be written (%s: %s); the run continues.', type(error).__name__, error
        )
        _LOGGER.debug('Where the report failed:', exc_info=True)
    else:
        if last:
            _LOGGER.info('Report: %s', page)


class RunReports:
    """The reports of a run: at its end, and after cycles as far as they take little of its time.

    Args:
        directory, data, open_test: see :func:`refresh_report`.
    """

    SHARE = 0.02  # of the time since the first one, what reports after cycles take at most

    def __init__(self, directory: str | Path, data: RunData, open_test: Callable[[], Any]) -> None:
        self._of_run = (directory, data, open_test)
        self._first: float | None = None
        self._spent = 0.0

    def after_cycle(self) -> None:
        """Write the report, where there is time for it."""
        self._first = time.monotonic() if self._first is None else self._first
        if self._spent <= self.SHARE * (time.monotonic() - self._first):
            self.write(last=False)

    def write(self, last: bool) -> None:
        """Write the report; see :func:`refresh_report`."""
        started = time.monotonic()
        refresh_report(*self._of_run, last=last)
        self._spent += time.monotonic() - started


def open_config_images(config: str | Path, data_root: str | None, count: int) -> tuple[RunImages, np.ndarray]:
    """Open the pool of a config, and the labels of some of its images, spread evenly over it.

    Args:
        config: a config file.
        data_root: where the data is, if not where the config says.
        count: number of images whose annotations are read.

    Returns:
        The images, and the indices of the labeled ones.

    Raises:
        FileNotFoundError, ValueError, KeyError: when the config, the data or these annotations are not right.
    """
    from ..visualization.run_images import RunImages

    data = load_settings(config, data_root=data_root).data
    pool = build_dataset(data.pool)
    labeled = build_dataset(data.labeled, index=pool.index)
    indices = np.unique(np.linspace(0, len(pool) - 1, min(count, len(pool)), dtype=int))
    labeled.label(indices)
    return RunImages(pool, labeled), indices


def _open_pool(record: RunRecord, config: Mapping[str, Any]) -> Dataset:
    """Open the pool of a run; images that a run of photographs does not know yet are not in it."""
    if config['type'] == PhotographPool.__name__:
        return build_dataset(config, index=find_record(config, record.directory).index(config))
    pool = build_dataset(config)
    if not isinstance(pool, PhotographPool) and record.pool_size not in (None, len(pool)):
        raise ValueError(
            f'the pool has {len(pool)} images, but the run had {record.pool_size}: give the data of the '
            'run with --data-root'
        )
    return pool


def open_run_images(record: RunRecord, data_root: str | None = None) -> RunImages:
    """Open the images of a run by its dumped config. Annotation files of labeled images alone are opened.

    Args:
        record: of the run directory.
        data_root: where the data is now, if not where the run had it.

    Raises:
        FileNotFoundError, ValueError, KeyError: when the data, or the config, is not there or not right.
    """
    from ..visualization.run_images import RunImages

    if not record.config_text:
        raise FileNotFoundError(f'{record.directory}: there is no dumped config')
    if data_root is not None and not data_root.endswith('/'):
        data_root = f'{data_root}/'  # configs may join it with a plain sum, as mmdet's do
    # Nothing that a run directory names is run, its custom_imports neither.
    config = saved_config(record.config_text, record.directory / record.config_file, modules=False)
    data = RunSettings.from_config(complete_config(config, data_root=data_root)).data
    pool = _open_pool(record, data.pool)
    with muted(_LOGGER):  # the run's log has told what is in these files
        labeled = build_dataset(data.labeled, index=pool.index)
        if isinstance(labeled, PersonLabeledDataset):
            labeled.give(taken_labels(record.directory, TRAIN))
        if record.labeled:
            labeled.label(record.labeled[max(record.labeled)])

    def open_test() -> Dataset | None:
        with muted(_LOGGER):
            if isinstance(labeled, PersonLabeledDataset):
                return build_test_set(data.test, pool.index, taken_labels(record.directory, TEST))
            return build_dataset(data.test)

    return RunImages(pool, labeled, open_test)
