"""Passes of a model over images, written to disk chunk by chunk, so that a stopped one resumes."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np

from .. import distributed
from ..engine.live_bar import no_bar, shared_count
from ..run.file_record import DamagedFileError, verify
from ..run.files import save_array
from ..run.manifest import RunState
from ..run.step import FinishedStep
from .cycle_training import model_name
from .feature_files import merge_parts, part_name
from .split import hash_indices, split_names

_LOGGER = logging.getLogger('mmdet')
# What is shown beside the progress, by kind of a chunk's step.
_TITLES = dict(chunk='scoring', quality='class quality', look='second look')
Count = Callable[[int], None]  # is told the number of images newly done
# Given pool indices (n,) and a function to tell of progress, arrays (n, ...) by the name of their file.
Work = Callable[[np.ndarray, Count], dict[str, np.ndarray]]


@dataclass(frozen=True)
class ChunkedPass:
    """Goes through images chunk by chunk, each shared out over the processes and recorded when it is done.

    Attributes:
        kind: kind of a chunk's step in the manifest: ``'chunk'``, ``'quality'`` or ``'look'``.
        state: the run's manifest.
        query: the strategy's config as text, on which results depend beside model and images.
        live: shows progress: a context of a cycle, a name and a number of images, which yields a function to
            call with the number of images that were done.
    """

    kind: str
    state: RunState
    query: str
    live: Callable[[int, str, int], AbstractContextManager[Count]] = no_bar

    def run(self, cycle: int, chunks: list[np.ndarray], work: Work) -> None:
        """Do what is not done yet; for all processes to call.

        Args:
            cycle: number of the cycle.
            chunks: ``(n,)`` pool indices each.
            work: computes arrays for images of a chunk.
        """
        with self.live(cycle, _TITLES[self.kind], sum(map(len, chunks))) as advance:
            for number, chunk in enumerate(chunks):
                count = shared_count(advance, len(chunk))
                done = distributed.on_main(lambda: self._is_done(cycle, number, chunk))  # noqa: B023 (called at once)
                if done:
                    count(len(chunk))
                else:
                    self._do(cycle, number, chunk, lambda images: work(images, count))  # noqa: B023 (called at once)

    def _is_done(self, cycle: int, number: int, chunk: np.ndarray) -> bool:
        step = self.state.find(self.kind, cycle, number)
        # A run that is resumed with --force may have other images or another query now.
        if step is None or not step.files or step.values.get('images') != hash_indices(chunk):
            return False
        if step.values.get('query') != self.query:
            return False
        try:
            for name in step.files:
                verify(self.state.file_record(name))
        except DamagedFileError as error:
            _LOGGER.warning('%s; it is scored again.', error)
            return False
        return True

    def _do(
        self,
        cycle: int,
        number: int,
        chunk: np.ndarray,
        work: Callable[[np.ndarray], dict[str, np.ndarray]],
    ) -> None:
        started = time.monotonic()
        mine = np.arange(distributed.rank(), len(chunk), distributed.world_size())
        arrays = merge_parts(len(chunk), distributed.gather((mine, work(chunk[mine]))))

        def save() -> FinishedStep:
            records = [
                save_array(self.state.path(part_name(cycle, number, name)), values)
                for name, values in arrays.items()
            ]
            needs = [*split_names(cycle), model_name(cycle)]
            values = dict(seconds=time.monotonic() - started, images=hash_indices(chunk), query=self.query)
            files = self.state.relative(records)
            return FinishedStep(self.kind, cycle, number, files=files, needs=needs, values=values)

        self.state.record(distributed.on_main(save))
