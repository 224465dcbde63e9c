"""Scoring of a cycle's images, written to disk chunk by chunk, so that a stopped one resumes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from torch import nn

from .. import distributed
from ..datasets.pool import ImagePoolDataset
from ..engine.inference import ScoringSettings
from ..engine.live_bar import no_bar, shared_count
from ..run.file_record import DamagedFileError, FileRecord, verify
from ..run.files import load_array, save_array, write_file
from ..run.manifest import RunState
from ..run.step import FinishedStep
from .cycle_training import model_name
from .feature_files import join_features, merge_parts, save_feature_parts
from .query.base import QueryStrategy
from .scoring import score_chunk, split_chunks
from .split import hash_indices, split_names

_BLOCK = 1 << 20  # NaNs that are written at a time


class CycleScorer:
    """Writes the candidates' scores to ``cycle{c}/scores.npy``, and features beside them.

    Args:
        pool: the image pool; its annotation files are never opened.
        strategy: whose scores are computed.
        settings: batch size, workers, chunk size, device.
        state: the run's manifest.
        logger: for the text log.
        query: the strategy's config as text, since scores depend on it beside model and image.
        live: shows progress: a context of a description and a number of images, which yields a function to
            call with the number of images that were done.
    """

    def __init__(
        self,
        *,
        pool: ImagePoolDataset,
        strategy: QueryStrategy,
        settings: ScoringSettings,
        state: RunState,
        logger: logging.Logger,
        query: str,
        live: Callable[[str, int], AbstractContextManager[Callable[[int], None]]] = no_bar,
    ) -> None:
        self._view = pool.scoring_view()
        self._strategy = strategy
        self._settings = settings
        self._state = state
        self._logger = logger
        self._query = query
        self._live = live

    def is_current(self, step: FinishedStep) -> bool:
        """Tell whether recorded scores are those of this query and not of another (as after --force)."""
        return step.values.get('query') == self._query

    def score(
        self, cycle: int, model: nn.Module | None, candidates: np.ndarray, labeled: np.ndarray
    ) -> FinishedStep:
        """Score what is not scored yet, and put the scores together.

        Args:
            cycle: number of the cycle.
            model: its trained model; not used by strategies that do not look at the images.
            candidates: ``(n,)`` int64 pool indices to score, ascending.
            labeled: ``(m,)`` int64 pool indices, ascending: their features are computed too, for strategies
                that compare images; they get no score.

        Returns:
            The step to record.
        """
        images = np.union1d(candidates, labeled) if self._strategy.features else candidates
        chunks = split_chunks(images, self._settings.chunk_size) if self._strategy.needs_model else []
        if chunks:
            self._logger.info('Cycle %d: scoring %d unlabeled images.', cycle, len(candidates))
            with self._live(f'cycle {cycle} scoring', len(images)) as advance:
                for number, chunk in enumerate(chunks):
                    count = shared_count(advance, len(chunk))
                    done = distributed.on_main(lambda: self._is_done(cycle, number, chunk))  # noqa: B023 (called at once)
                    if done:
                        count(len(chunk))
                    else:
                        self._score_chunk(cycle, number, chunk, model=model, count=count)
        return self._join(cycle, chunks, labeled)

    def tidy(self) -> None:
        """Delete the chunks of every cycle whose scores are put together."""
        forgotten = []
        for step in self._state.of_kind('scores'):
            forgotten += self._state.forget_files('chunk', step.cycle)
        self._state.drop(forgotten)

    def _is_done(self, cycle: int, number: int, chunk: np.ndarray) -> bool:
        step = self._state.find('chunk', cycle, number)
        record = self._state.file_record(chunk_name(cycle, number))
        # A run that is resumed with --force may have other candidates or another query now.
        if step is None or record is None or step.values.get('images') != hash_indices(chunk):
            return False
        if step.values.get('query') != self._query:
            return False
        try:
            for name in step.files:
                verify(self._state.file_record(name))
        except DamagedFileError as error:
            self._logger.warning('%s; it is scored again.', error)
            return False
        return True

    def _score_chunk(
        self, cycle: int, number: int, chunk: np.ndarray, *, model: nn.Module, count: Callable[[int], None]
    ) -> None:
        started = time.monotonic()
        mine = np.arange(distributed.rank(), len(chunk), distributed.world_size())
        found = score_chunk(
            model,
            self._strategy,
            view=self._view,
            indices=chunk[mine],
            settings=self._settings,
            on_progress=count,
        )
        features = merge_parts(len(chunk), distributed.gather((mine, found)))
        scores = features.pop('scores')

        def save() -> FinishedStep:
            name = chunk_name(cycle, number)
            records = [save_array(self._state.path(name), scores)]
            records += save_feature_parts(self._state.directory, cycle, number, features)
            needs = [*split_names(cycle), model_name(cycle)]
            values = dict(seconds=time.monotonic() - started, images=hash_indices(chunk), query=self._query)
            return FinishedStep(
                'chunk', cycle, number, files=self._state.relative(records), needs=needs, values=values
            )

        self._state.record(distributed.on_main(save))

    def _join(self, cycle: int, chunks: list[np.ndarray], labeled: np.ndarray) -> FinishedStep:
        def save() -> FinishedStep:
            parts = (
                (chunk, self._scores_of_unlabeled(cycle, number, chunk, labeled))
                for number, chunk in enumerate(chunks)
            )
            record = write_scores(self._state.path(scores_name(cycle)), len(self._view), parts)
            verify(record)
            features = join_features(
                self._state.directory,
                cycle,
                names=self._strategy.features,
                chunks=chunks,
                pool_size=len(self._view),
            )
            files = self._state.relative([record, *features])
            values = dict(query=self._query)
            return FinishedStep(
                'scores', cycle, files=files, needs=[*split_names(cycle), *files], values=values
            )

        return distributed.on_main(save)

    def _scores_of_unlabeled(
        self, cycle: int, number: int, chunk: np.ndarray, labeled: np.ndarray
    ) -> np.ndarray:
        scores = load_array(self._state.directory / chunk_name(cycle, number))
        return np.where(np.isin(chunk, labeled, assume_unique=True), np.float32(np.nan), scores)


def write_scores(
    path: str | Path, pool_size: int, parts: Iterable[tuple[np.ndarray, np.ndarray]]
) -> FileRecord:
    """Write the scores of a pool as ``np.save`` would, holding one part at a time.

    Args:
        path: of the npy file, ``(N,)`` float32.
        pool_size: number of images N in the pool; those in no part get NaN.
        parts: ``(n,)`` int64 pool indices, ascending over all parts together, and their ``(n,)`` float32
            scores.
    """

    def write(file: BinaryIO) -> None:
        header = dict(descr='<f4', fortran_order=False, shape=(pool_size,))
        np.lib.format.write_array_header_1_0(file, header)
        done = 0
        for indices, scores in parts:
            # Up to the part's last image; images between its own have no score.
            block = np.full(indices[-1] + 1 - done, np.nan, dtype='<f4')
            block[indices - done] = scores
            file.write(block)
            done += len(block)
        for start in range(done, pool_size, _BLOCK):
            file.write(np.full(min(_BLOCK, pool_size - start), np.nan, dtype='<f4'))

    return write_file(path, write)


def scores_name(cycle: int) -> str:
    """Path of a cycle's scores in the run directory."""
    return f'cycle{cycle}/scores.npy'


def chunk_name(cycle: int, number: int) -> str:
    """Path of one chunk of a cycle's scores, while the scoring lasts."""
    return f'cycle{cycle}/scores_part_{number:05d}.npy'
