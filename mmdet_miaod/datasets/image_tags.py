"""Tags: the names by which a run's files tell the image lists apart, e.g. '07' and '12'."""

import re
from collections.abc import Sequence
from pathlib import Path

_VOC_FOLDER = re.compile(r'VOC20(\d\d)')
_TAG = re.compile(r'[\w.-]*\w[\w.-]*')


def default_tags(lists: Sequence[str], prefixes: Sequence[str]) -> tuple[str, ...]:
    """One tag per list: '07' for a folder VOC2007, else the list's file name; made unique.

    Args:
        lists: paths of the lists.
        prefixes: as many image folders.
    """
    stems = [re.sub(r'[^\w.-]', '_', Path(path).stem) for path in lists]
    tags: list[str] = []
    for stem, prefix in zip(stems, prefixes, strict=True):
        years = [match[1] for part in Path(prefix).parts if (match := _VOC_FOLDER.fullmatch(part))]
        wanted = years[-1] if years else stem
        if wanted in tags and years:
            wanted = f'{wanted}_{stem}'
        tag, number = wanted, 1
        while tag in tags:
            number += 1
            tag = f'{wanted}_{number}'
        tags.append(tag)
    return tuple(tags)


def checked_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Return the tags as they are.

    Raises:
        ValueError: they cannot name files side by side: equal ones, or odd characters.
    """
    if len(set(tags)) != len(tags) or not all(_TAG.fullmatch(tag) for tag in tags):
        raise ValueError(
            f'tags {tuple(tags)}: they name files: give different ones of letters, digits, "_-."'
        )
    return tuple(tags)


def paired_prefixes(
    ann_files: str | Sequence[str], img_prefixes: str | Sequence[str]
) -> tuple[list[str], list[str]]:
    """Image lists and as many folders: one folder may serve all lists.

    Raises:
        ValueError: no list, or another number of folders than one or that of the lists.
    """
    lists = [str(path) for path in ([ann_files] if isinstance(ann_files, (str, Path)) else ann_files)]
    if not lists:
        raise ValueError('ann_file names no image list')
    if isinstance(img_prefixes, (str, Path)):
        return lists, [str(img_prefixes)] * len(lists)
    if len(img_prefixes) != len(lists):
        raise ValueError(
            f'{len(lists)} image lists but {len(img_prefixes)} image folders: give one, or one per list'
        )
    return lists, [str(prefix) for prefix in img_prefixes]
