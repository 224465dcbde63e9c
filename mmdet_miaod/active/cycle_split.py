"""The split of each cycle in a run directory: arrays, and lists of names made of them."""

import logging
from dataclasses import dataclass

from .. import distributed
from ..datasets.pool import ImagePoolDataset
from ..run.file_record import FileRecord
from ..run.files import write_text
from ..run.manifest import RunState
from ..run.step import FinishedStep
from .annotator import Annotator
from .split import Split, hash_indices, load_split, save_split, split_names, split_paths, write_name_lists

_LOGGER = logging.getLogger('mmdet')


@dataclass(frozen=True)
class CycleSplits:
    """Saves and loads the splits of a run.

    Attributes:
        pool: the image pool.
        annotator: adds files in the data's own format.
        state: the run's manifest.
    """

    pool: ImagePoolDataset
    annotator: Annotator
    state: RunState

    def save(self, cycle: int, split: Split) -> None:
        """Write a cycle's split, as npy and as lists of names, and record it; once."""

        def save() -> FinishedStep:
            records = save_split(split, self.state.directory, cycle)
            records += self._write_lists(cycle, split)
            values = dict(labeled=len(split.labeled), unlabeled=len(split.unlabeled), pool=len(self.pool))
            files = self.state.relative(records)
            return FinishedStep('split', cycle, files=files, needs=split_names(cycle), values=values)

        self.state.once('split', cycle, lambda: distributed.on_main(save))
        distributed.same_everywhere([hash_indices(split.labeled), hash_indices(split.unlabeled)], 'the split')

    def load(self, cycle: int) -> Split:
        """Read a cycle's split."""
        return load_split(*split_paths(self.state.directory, cycle), len(self.pool))

    @distributed.main_only
    def tidy(self) -> None:
        """Write the lists of names again where one is damaged; they are made of the npy files."""
        for step in self.state.of_kind('split'):
            arrays = split_names(step.cycle)
            lists = [name for name in step.files if name not in arrays]
            if self.state.damaged(lists) and not self.state.damaged(arrays):
                _LOGGER.info('The lists of names of cycle %d are written again.', step.cycle)
                self._write_lists(step.cycle, self.load(step.cycle))

    def _write_lists(self, cycle: int, split: Split) -> list[FileRecord]:
        index, folder = self.pool.index, self.state.path(f'cycle{cycle}')
        records = write_name_lists(split, index.names, index.list_ids, index.tags, folder)
        texts = self.annotator.split_files(split.labeled, split.unlabeled)
        return [*records, *(write_text(folder / name, text) for name, text in texts.items())]
