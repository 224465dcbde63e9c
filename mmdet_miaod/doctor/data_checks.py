"""Every image and annotation file of a config's data, each looked at once, every problem listed."""

import inspect
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from torch.utils.data import Dataset

from ..apis.settings import RunSettings
from ..datasets import image_files
from ..datasets.builder import build_dataset, build_index
from ..datasets.image_checks import describe_turned
from ..datasets.image_files import ImageFacts
from ..datasets.image_index import ImageIndex
from ..datasets.labeled import LabeledDataset
from ..datasets.photographs import PersonLabeledDataset
from ..run.file_record import hash_file
from .annotation_checks import check_annotations
from .findings import Finding, from_items


@dataclass
class CheckedImages:
    """The images of one role.

    Attributes:
        index: their names and files.
        hashes: SHA-256 of the content, by index, of those that can be read.
    """

    index: ImageIndex
    hashes: dict[int, str] = field(default_factory=dict)


def check_data(settings: RunSettings, all_annotations: bool = False) -> list[Finding]:
    """Check lists, images and annotation files.

    Annotation files are those of the test set and of the first labeled set, which is what exists when
    labels are drawn by people; a pool image has none before it is selected.

    Args:
        settings: what would be run.
        all_annotations: check those of the whole pool too, all of which a simulated annotator needs some day.
    """
    findings: list[Finding] = []
    person = PersonLabeledDataset.__name__
    # A test set that people label is drawn from the pool.
    roles = ('pool',) if settings.data.test['type'] == person else ('pool', 'test')
    images = {role: _check_images(settings, role, findings) for role in roles}
    findings += _duplicates({role: found for role, found in images.items() if found is not None})
    data = settings.data
    for role, name, given in (('pool', 'train', data.labeled), ('test', 'test', data.test)):
        found = images.get(role)
        if found is None or given['type'] == person:
            continue
        dataset = _unlabeled_dataset(given, found.index)
        if dataset is None:
            continue
        if not isinstance(dataset, LabeledDataset):
            findings.append(
                Finding(
                    'data',
                    f'annotations of data.{name}',
                    'note',
                    f'{given["type"]} is not known here',
                )
            )
            continue
        indices = range(len(found.index))
        if role == 'pool' and not all_annotations:
            indices = _first_labeled(settings, found.index)
        title = {'pool': 'pool' if all_annotations else 'first labeled set', 'test': 'test set'}[role]
        findings += check_annotations(dataset, indices, title)
    return findings


def _check_images(settings: RunSettings, role: str, findings: list[Finding]) -> CheckedImages | None:
    name = f'{role} images'
    try:
        found = CheckedImages(_index(getattr(settings.data, role)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        findings.append(Finding('data', name, 'error', str(error)))
        return None
    read = image_files.read_header if settings.data.check_images == 'header' else image_files.decode

    def look(i: int) -> tuple[ImageFacts, str] | str:
        path = found.index.image_path(i)
        try:
            return read(path), hash_file(path)[1]
        except Exception as error:  # Pillow's plugins raise almost anything on damaged files
            return f'{path} ({str(error) or type(error).__name__})'

    bad, turned, odd = [], [], []
    sizes = np.zeros((len(found.index), 2), np.int32)
    with ThreadPoolExecutor(min(32, 2 * (os.cpu_count() or 1))) as threads:
        for i, result in enumerate(threads.map(look, range(len(found.index)))):
            if isinstance(result, str):
                bad.append(result)
                continue
            facts, found.hashes[i] = result
            sizes[i] = facts.size(found.index.exif)
            path = found.index.image_path(i)
            turned += [f'{path} ({facts.orientation})'] * (facts.orientation != 1)
            odd += [f'{path} ({facts.remark})'] * bool(facts.remark)
    good = f'{len(found.index)}, all readable'
    findings.append(from_items('data', name, bad, 'images cannot be read', good, 'error'))
    if not bad:
        found.index.use_sizes(sizes)
    for part, items, described in (
        ('EXIF orientation', turned, f'images {describe_turned(found.index.exif)}'),
        ('brightness', odd, 'images are nearly black: save them with 8 bits per value'),
    ):
        findings.append(from_items('data', f'{name}: {part}', items, described, 'nothing odd'))
    return found


def _index(data_config: Mapping) -> ImageIndex:
    """Index of a data set, without labels; those of other kinds than VOC label what they like."""
    if data_config['type'] in ('VOCDetectionDataset', 'ImagePoolDataset') and 'index' not in data_config:
        keys = inspect.signature(build_index).parameters.keys() & data_config.keys()
        return build_index(**{key: data_config[key] for key in keys})
    return build_dataset(data_config).index


def _duplicates(images: Mapping[str, CheckedImages]) -> list[Finding]:
    """Images whose files are equal: the same picture labeled twice, or trained and tested on."""
    first: dict[str, tuple[str, str]] = {}
    same: dict[str, list[str]] = {'within a set': [], 'in pool and test set': []}
    for role, found in images.items():
        for i, digest in found.hashes.items():
            path = found.index.image_path(i)
            other_role, other = first.setdefault(digest, (role, path))
            if other != path or other_role != role:
                kind = 'within a set' if other_role == role else 'in pool and test set'
                same[kind].append(f'{path} = {other}')
    good = 'no two files are equal'
    # Of what could not be indexed nothing is known.
    needed = {'within a set': 1, 'in pool and test set': 2}
    return [
        from_items('data', f'duplicates {kind}', items, 'images are copies of another', good)
        for kind, items in same.items()
        if len(images) >= needed[kind]
    ]


def _first_labeled(settings: RunSettings, index: ImageIndex) -> list[int]:
    """Indices of the first labeled set, or as much of it as the pool has."""
    selection = settings.labeling.selection(index.names)
    size = min(settings.labeling.initial_size, len(index) - len(selection.excluded))
    labeling = replace(settings.labeling, initial_size=size)
    return labeling.draw_split(len(index), selection, settings.seed).labeled.tolist()


def _unlabeled_dataset(data_config: Mapping, index: ImageIndex) -> Dataset | None:
    """Build a data set that has asked for no labels yet; None where it cannot be built."""
    try:
        return build_dataset({**data_config, 'test_mode': False}, index=index)
    except (OSError, ValueError, TypeError, KeyError):
        return None  # the quick part, which builds the data set, says what is wrong
