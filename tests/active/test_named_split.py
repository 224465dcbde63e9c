"""Splits of earlier runs, found by the names of their images in a pool that may be another one."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from mmdet_miaod.active.named_split import load_given_split, load_named_split
from mmdet_miaod.active.split import Split, save_split, split_paths, write_name_lists
from mmdet_miaod.datasets.image_index import ImageIndex
from mmdet_miaod.run.starting_point import StartingPoint
from tests.datasets.voc_tree import write_image, write_list

SPLIT = Split(np.array([1, 4]), np.array([0, 2, 5]))


def pool(root: Path, first: str, second: str) -> ImageIndex:
    """Pool of two lists with the images named by single letters; both have an image 'a'."""
    for part, names in (('one', first), ('two', second)):
        for name in names:
            write_image(root / part / 'JPEGImages' / f'{name}.jpg')
        write_list(root / f'{part}.txt', '\n'.join(names))
    lists, folders = ([str(root / f'{part}{end}') for part in ('one', 'two')] for end in ('.txt', ''))
    return ImageIndex.from_lists(lists, folders)


@pytest.fixture
def cycle(tmp_path) -> Path:
    index = pool(tmp_path / 'before', 'abc', 'ade')
    write_name_lists(SPLIT, index.names, index.list_ids, index.tags, tmp_path / 'cycle1')
    return tmp_path / 'cycle1'


def test_names_keep_their_images_whatever_their_numbers_are(cycle, tmp_path) -> None:
    index = pool(tmp_path / 'after', 'xcba', 'eda')
    split = load_named_split(cycle, index)
    named = [
        [f'{index.tags[index.list_ids[i]]}/{index.names[i]}' for i in part]
        for part in (split.labeled, split.unlabeled)
    ]
    assert [sorted(part) for part in named] == [['one/b', 'two/d'], ['one/a', 'one/c', 'two/e']]


def test_images_that_are_gone_are_named(cycle, tmp_path, caplog, monkeypatch) -> None:
    monkeypatch.setattr(logging.getLogger('mmdet'), 'propagate', True)
    split = load_named_split(cycle, pool(tmp_path / 'after', 'ac', 'ade'))
    assert (split.labeled.tolist(), split.unlabeled.tolist()) == ([3], [0, 1, 4])
    assert '1 images of X_L are not in the pool any more and are left out: b.' in caplog.text
    with pytest.raises(ValueError, match='no image of X_L is in the pool'):
        load_named_split(cycle, pool(tmp_path / 'others', 'ac', 'ae'))
    with pytest.raises(FileNotFoundError, match='expected the folder of a cycle of a run'):
        load_named_split(tmp_path, pool(tmp_path / 'more', 'ac', 'ae'))


def test_a_given_split_is_of_arrays_or_of_a_folder(cycle, tmp_path) -> None:
    index = pool(tmp_path / 'after', 'abc', 'ade')
    save_split(SPLIT, tmp_path, 1)
    arrays = StartingPoint(*map(str, split_paths(tmp_path, 1)), cycle=1)
    folder = StartingPoint(str(cycle), str(cycle), cycle=1)
    for start in (arrays, folder):
        start = StartingPoint.from_manifest(start.to_manifest())
        found = load_given_split(start, index)
        assert (found.labeled.tolist(), found.unlabeled.tolist()) == ([1, 4], [0, 2, 5])


def test_a_model_goes_with_either(cycle, tmp_path) -> None:
    (tmp_path / 'model.pth').write_bytes(b'weights')
    start = StartingPoint(str(cycle), str(cycle), 2, str(tmp_path / 'model.pth'))
    assert StartingPoint.from_manifest(start.to_manifest()) == start
