"""Photographs that people label: what a run records of its pool, its test set, and its first batch."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import distributed
from ..active.selection import SelectionSettings
from ..active.taken_labels import Objects, read_objects
from ..annotation.importing import LABELS
from ..config.files import weights_content
from ..datasets.builder import build_dataset
from ..datasets.image_files import summarise
from ..datasets.image_index import ImageIndex
from ..datasets.photographs import (
    TAG,
    PersonLabeledDataset,
    PhotographPool,
    find_photographs,
    photograph_root,
    same_size_groups,
)
from ..randomness import derive_seeds
from ..run.checked_json import read_checked_json, write_checked_json
from ..run.file_record import DamagedFileError, hash_file
from ..run.identity import RunIdentity, plain_json
from ..run.manifest import RunState
from .data import RunData
from .settings import RunSettings

RECORD_NAME = 'images.json'
# Distinguishes the draw of the test set from all that cycles and stages draw.
_TEST_DRAW = 0x54455354


@dataclass(frozen=True)
class PhotographRecord:
    """The photographs of a run, which keep their pool indices.

    Attributes:
        names: of all photographs; index i is image i of the pool.
        begun_with: how many of them there were when the run began: the test set is drawn from these.
    """

    names: tuple[str, ...]
    begun_with: int

    def index(self, pool: Mapping[str, Any]) -> ImageIndex:
        """Index the photographs.

        Args:
            pool: ``data.pool`` of the config.

        Raises:
            FileNotFoundError: a photograph is not there any more.
        """
        root = photograph_root(pool['folders'], pool.get('data_root'))
        return ImageIndex.from_names(self.names, root, TAG, links=pool.get('links', 'inside'))


@distributed.main_only
def find_record(pool: Mapping[str, Any], directory: str | Path | None) -> PhotographRecord | None:
    """Find the photographs of a run: those that it has recorded, and at the end those that were added since.

    Args:
        pool: ``data.pool`` of the config.
        directory: the run directory, None for a new run.

    Returns:
        The photographs; None where the pool is not given as folders of photographs.

    Raises:
        FileNotFoundError: a folder is missing or empty.
        ValueError: the record is damaged.
    """
    if pool['type'] != PhotographPool.__name__:
        return None
    known, begun_with = (), None
    if directory is not None and (path := Path(directory) / RECORD_NAME).exists():
        try:
            content = read_checked_json(path)
            known, begun_with = content['names'], content['begun_with']
        except (DamagedFileError, KeyError) as error:
            raise ValueError(f'{error}: the run does not know which image is which any more') from error
    names = tuple(find_photographs(pool['folders'], known, pool.get('data_root')))
    return PhotographRecord(names, len(names) if begun_with is None else begun_with)


def run_identity(settings: RunSettings, data: RunData, photographs: PhotographRecord | None) -> RunIdentity:
    """What a run must not change; photographs may join its pool."""
    pool = index = data.pool.index
    if photographs is not None and photographs.begun_with < len(pool):
        first = replace(photographs, names=photographs.names[: photographs.begun_with])
        index = first.index(settings.data.pool)
    facts = {'classes': list(data.labeled.CLASSES), **weights_content(settings.identity)}
    if data.test is not None and not isinstance(data.test, PersonLabeledDataset):
        test = data.test.index
        facts['images of the test set'] = f'{len(test)} (fingerprint {test.fingerprint()[:16]})'
    return RunIdentity(settings.identity, index.fingerprint(), len(index), settings.seed, plain_json(facts))


@distributed.main_only
def write_record(directory: Path, record: PhotographRecord) -> None:
    """Write the photographs of a run into its directory."""
    content = dict(names=list(record.names), begun_with=record.begun_with)
    write_checked_json(directory / RECORD_NAME, content)


def tell_copies(index: ImageIndex) -> None:
    """Warn of photographs that are there twice, to the bit: both would be labeled."""

    def find(heartbeat: Callable[[], None]) -> list[str]:
        found = []
        paths = [index.image_path(i) for i in range(len(index))]
        for group in same_size_groups(paths):
            first: dict[str, int] = {}
            for i in group:
                original = first.setdefault(hash_file(paths[i])[1], i)
                if original != i:
                    found.append(f'{index.names[i]} = {index.names[original]}')
                heartbeat()
        return found

    copies = distributed.on_main_for_long(find)
    if copies:
        logging.getLogger('mmdet').warning(
            '%d photographs are copies of others, to the bit: %s; remove them, or list them in "exclude"',
            *(len(copies), summarise(copies, len(copies))),
        )


def draw_test_images(
    settings: RunSettings, data: RunData, photographs: PhotographRecord | None, selection: SelectionSettings
) -> np.ndarray:
    """Draw the test set that people are to label, before anything else is drawn.

    Args:
        settings: of the run.
        data: indexed.
        photographs: of the run; the test set is of those that it began with.
        selection: its ``excluded`` and ``included`` images are not in the test set.

    Returns:
        ``(n,)`` int64 pool indices in the order of the draw, perhaps none.

    Raises:
        ValueError: the annotator, ``data.pool``, ``data.train`` and ``data.test`` do not belong together, or
            there are too few images.
    """
    person = isinstance(data.labeled, PersonLabeledDataset)
    if person != (settings.annotator is not None):
        raise ValueError(
            f'annotator is {"simulated" if person else "batches"}, but data.train is '
            f'{type(data.labeled).__name__}: people label a PersonLabeledDataset in batches, a simulated '
            'annotator answers from annotation files'
        )
    if person and data.pool.index.exif == 'ignore':
        raise ValueError(
            "data.pool has exif='ignore', but people see images turned by their EXIF orientation, and draw "
            'boxes on these: leave it out'
        )
    size = 0 if settings.annotator is None else settings.annotator.test_size
    if size and data.test is not None:
        raise ValueError('annotator.test_size draws a test set, but data.test has one: leave one of them out')
    begun_with = len(data.pool) if photographs is None else photographs.begun_with
    free = np.setdiff1d(np.arange(begun_with), [*selection.excluded, *selection.included])
    if not 0 <= size < len(free):
        raise ValueError(f'annotator.test_size is {size}, but there are {len(free)} images: make it smaller')
    random = np.random.RandomState(int(derive_seeds(1, settings.seed, _TEST_DRAW)[0]) % 2**32)
    return random.permutation(free)[:size]


def taken_labels(directory: Path, purpose: str) -> dict[int, Objects]:
    """Read the labels by pool index that a run has taken, of its pool or of its test set.

    Args:
        directory: the run directory.
        purpose: ``TRAIN`` or ``TEST``.

    Raises:
        ValueError: they are not there any more, or not what they were.
    """
    state, _ = RunState.recover(directory)
    objects: dict[int, Objects] = {}
    for step in state.of_kind(LABELS):
        if step.values['purpose'] == purpose:
            objects.update(read_objects(state, step))
    return objects


def unlabeled_test_set(config: Mapping[str, Any], pool: ImageIndex, indices: np.ndarray) -> Any:
    """Build the data set of the test images alone, without labels.

    Args:
        config: ``data.test``.
        pool: index of all photographs.
        indices: ``(n,)`` int64 pool indices.
    """
    files = ['/'.join(pool.image_file(i)) for i in indices.tolist()]
    index = ImageIndex.from_files(files, tag='test')
    index.use_sizes(pool.sizes[indices])
    return build_dataset(config, index=index)


def build_test_set(config: Mapping[str, Any], pool: ImageIndex, objects: Mapping[int, Objects]) -> Any:
    """Build the test set of the labels that people gave.

    Args:
        config: ``data.test``.
        pool: index of all photographs.
        objects: labels by pool index, of the reviewed images.

    Returns:
        The data set, None without a labeled image.

    Raises:
        ValueError: there is not a single box.
    """
    if not objects:
        return None
    chosen = sorted(objects)
    test = unlabeled_test_set(config, pool, np.array(chosen))
    test.give({position: objects[i] for position, i in enumerate(chosen)})
    test.label(range(len(chosen)))
    return test
