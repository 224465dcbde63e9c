"""Passes of a cycle's model over the pool: scores and features, quality of classes, the second look."""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from torch import Tensor, nn

from .. import distributed
from ..datasets.pool import ImagePoolDataset
from ..engine.inference import ScoringSettings
from ..engine.live_bar import no_bar
from ..run.file_record import FileRecord, verify
from ..run.files import load_array, save_array, write_file
from ..run.manifest import RunState
from ..run.step import FinishedStep
from .chunked_pass import ChunkedPass, Count
from .class_quality import QUALITY_RULES, anchor_quality, fill_unknown
from .feature_files import join_features, part_name
from .query.base import QueryStrategy
from .scoring import Look, look_at, scores_and_features, second_look, split_chunks
from .split import split_names

_LOOK_CHUNK = 256  # images: 27 MB of 100 detections with 256 channels each
_BLOCK = 1 << 20  # NaNs that are written at a time
_LOGGER = logging.getLogger('mmdet')


@dataclass(frozen=True, kw_only=True)
class CycleScorer:
    """Writes the candidates' scores to ``cycle{c}/scores.npy``, and what else a strategy needs beside them.

    Attributes:
        pool: the image pool; its annotation files are never opened.
        strategy: whose scores are computed.
        settings: batch size, workers, chunk size, device.
        state: the run's manifest.
        query: the strategy's config as text, since scores depend on it beside model and image.
        annotations: tells the boxes of a labeled image, as ``LabeledDataset.get_ann_info``; asked for
            strategies that need the quality of classes.
        live: shows progress, see :class:`~mmdet_miaod.active.chunked_pass.ChunkedPass`.
    """

    pool: ImagePoolDataset
    strategy: QueryStrategy
    settings: ScoringSettings
    state: RunState
    query: str
    annotations: Callable[[int], Mapping[str, np.ndarray]] | None = None
    live: Callable[[int, str, int], AbstractContextManager[Count]] = no_bar

    def is_current(self, step: FinishedStep) -> bool:
        """Tell whether recorded scores are those of this query and not of another (as after --force)."""
        return step.values.get('query') == self.query

    def score(
        self,
        cycle: int,
        model: Callable[[int], nn.Module],
        candidates: np.ndarray,
        labeled: np.ndarray,
    ) -> FinishedStep:
        """Score what is not scored yet, and put the scores together.

        Args:
            cycle: number of the cycle.
            model: returns its trained model; not called for strategies that do not look at the images.
            candidates: ``(n,)`` int64 pool indices to score, ascending.
            labeled: ``(m,)`` int64 pool indices, ascending: their features are computed too, for strategies
                that compare images; they get no score.

        Returns:
            The step to record.
        """
        images = np.union1d(candidates, labeled) if self.strategy.features else candidates
        chunks = split_chunks(images, self.settings.chunk_size) if self.strategy.needs_model else []
        if chunks:
            _LOGGER.info('Cycle %d: scoring %d unlabeled images.', cycle, len(candidates))
            self._go_through('chunk', cycle, chunks, model(cycle), scores_and_features(self.strategy))
        measured = split_chunks(labeled, self.settings.chunk_size) if self.strategy.needs_quality else []
        if measured:
            self._go_through('quality', cycle, measured, model(cycle), self._quality)
        return distributed.on_main(lambda: self._join(cycle, chunks, labeled, measured))

    def look_again(self, cycle: int, model: nn.Module, images: np.ndarray) -> None:
        """Look at preselected images again, as far as that is not done.

        Args:
            cycle: number of the cycle.
            model: its trained model.
            images: ``(p,)`` int64 pool indices.
        """
        _LOGGER.info('Cycle %d: a second look at %d images.', cycle, len(images))
        self._go_through('look', cycle, self._look_chunks(images), model, second_look(self.strategy))

    def load_second_look(self, cycle: int, images: np.ndarray) -> np.ndarray:
        """Read what :meth:`look_again` found, ``(p, ...)`` float32 in the order of ``images``."""
        found = None
        parts = enumerate(self._look_chunks(np.arange(len(images))))
        for number, rows in parts:
            part = load_array(self.state.directory / part_name(cycle, number, 'second_look'))
            if found is None:
                found = np.empty((len(images), *part.shape[1:]), dtype=np.float32)
            found[rows] = part
        return np.zeros((0, 0, 0), dtype=np.float32) if found is None else found

    def tidy(self) -> None:
        """Delete the chunks of scores that are put together, and of second looks of cycles that are over."""
        forgotten = []
        for step in self.state.of_kind('scores'):
            for kind in ('chunk', 'quality'):
                forgotten += self.state.forget_files(kind, step.cycle)
        newest = max((step.cycle for step in self.state.of_kind('split')), default=0)
        for cycle in {step.cycle for step in self.state.of_kind('look') if step.cycle < newest}:
            forgotten += self.state.forget_files('look', cycle)
        self.state.drop(forgotten)

    def _look_chunks(self, images: np.ndarray) -> list[np.ndarray]:
        return split_chunks(images, min(self.settings.chunk_size, _LOOK_CHUNK))

    def _go_through(
        self, kind: str, cycle: int, chunks: list[np.ndarray], model: nn.Module, look: Look
    ) -> None:
        where = dict(view=self.pool.scoring_view(), settings=self.settings)

        def work(images: np.ndarray, count: Count) -> dict[str, np.ndarray]:
            return look_at(model, look, indices=images, on_progress=count, **where)

        ChunkedPass(kind, self.state, self.query, self.live).run(cycle, chunks, work)

    def _quality(
        self, model: nn.Module, img: Tensor, img_metas: list[dict], indices: np.ndarray
    ) -> dict[str, Tensor]:
        annotations = [self.annotations(int(i)) for i in indices]
        return dict(quality=anchor_quality(model, model.extract_feat(img), img_metas, annotations))

    def _join(
        self, cycle: int, chunks: list[np.ndarray], labeled: np.ndarray, measured: list[np.ndarray]
    ) -> FinishedStep:
        parts = (
            (chunk, self._scores_of_unlabeled(cycle, number, chunk, labeled))
            for number, chunk in enumerate(chunks)
        )
        record = write_scores(self.state.path(scores_name(cycle)), len(self.pool), parts)
        verify(record)
        features = join_features(
            self.state.directory,
            cycle,
            names=self.strategy.features,
            chunks=chunks,
            pool_size=len(self.pool),
        )
        quality = [self._join_quality(cycle, len(measured))] if measured else []
        files = self.state.relative([record, *features, *quality])
        values = dict(query=self.query)
        return FinishedStep('scores', cycle, files=files, needs=[*split_names(cycle), *files], values=values)

    def _join_quality(self, cycle: int, count: int) -> FileRecord:
        paths = [self.state.directory / part_name(cycle, number, 'quality') for number in range(count)]
        found = np.concatenate([load_array(path) for path in paths])
        quality = QUALITY_RULES[self.strategy.needs_quality](found)
        unknown = np.flatnonzero(np.isnan(quality)).tolist()
        if unknown:
            _LOGGER.warning(
                'Cycle %d: no labeled box of the classes %s; their quality is the mean of the others.',
                *(cycle, unknown),
            )
        return save_array(self.state.path(quality_name(cycle)), fill_unknown(quality))

    def _scores_of_unlabeled(
        self, cycle: int, number: int, chunk: np.ndarray, labeled: np.ndarray
    ) -> np.ndarray:
        scores = load_array(self.state.directory / part_name(cycle, number, 'scores'))
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


def quality_name(cycle: int) -> str:
    """Path of the classes' quality ``(C,)`` in the run directory."""
    return f'cycle{cycle}/class_quality.npy'
