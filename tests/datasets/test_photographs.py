"""Photographs in folders."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmdet_miaod.datasets.image_index import ImageIndex
from mmdet_miaod.datasets.photographs import (
    PersonLabeledDataset,
    PhotographPool,
    find_photographs,
    photograph_root,
    same_size_groups,
)


def _photo(path: Path, size: tuple[int, int] = (64, 48), orientation: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new('RGB', size, 'red').save(path, exif=exif)
    return path


@pytest.fixture
def photos(tmp_path) -> Path:
    for name in ('b/2.jpg', 'b/10.JPG', 'a/1.png', 'top.jpeg', '.thumbnails/1.jpg', 'b/._2.jpg'):
        _photo(tmp_path / 'photos' / name)
    (tmp_path / 'photos/b/notes.txt').write_text('no image')
    return tmp_path / 'photos'


def test_images_are_found_in_all_folders_in_a_stable_order(photos) -> None:
    assert find_photographs(str(photos)) == ['a/1.png', 'b/10.JPG', 'b/2.jpg', 'top.jpeg']


def test_images_that_were_added_later_join_at_the_end(photos) -> None:
    known = find_photographs(str(photos))
    _photo(photos / 'a/0.jpg')
    assert find_photographs(str(photos), known) == [*known, 'a/0.jpg']


def test_several_folders_have_one_root_and_a_folder_in_another_counts_once(photos) -> None:
    folders = [str(photos / 'b'), str(photos / 'a'), str(photos / 'b')]
    assert photograph_root(folders) == str(photos)
    assert find_photographs(folders) == ['a/1.png', 'b/10.JPG', 'b/2.jpg']


def test_folders_start_from_the_data_root(photos) -> None:
    assert find_photographs(['a'], data_root=str(photos)) == ['1.png']
    assert PhotographPool(['a'], data_root=str(photos)).index.image_path(0) == str(photos / 'a/1.png')


def test_missing_and_empty_folders_are_refused(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match='no such folder of photographs'):
        find_photographs(str(tmp_path / 'no'))
    with pytest.raises(FileNotFoundError, match='no image in these folders'):
        find_photographs(str(tmp_path))
    with pytest.raises(ValueError, match='no folder of photographs'):
        find_photographs([])


def test_a_file_name_that_is_no_text_is_named(photos) -> None:
    os.rename(os.fsencode(photos / 'top.jpeg'), os.fsencode(photos) + b'/\xff.jpg')
    with pytest.raises(ValueError, match=r"1 file names are not UTF-8, rename them: '\\udcff.jpg'"):
        find_photographs(str(photos))


def test_sizes_are_those_that_a_person_sees(tmp_path) -> None:
    _photo(tmp_path / 'lying.jpg', (64, 48), orientation=6)
    assert PhotographPool(str(tmp_path)).index.sizes.tolist() == [[48, 64]]


def test_only_files_of_one_size_can_be_the_same(tmp_path) -> None:
    for name, content in dict(a='xx', b='y', c='zz', d='').items():
        (tmp_path / name).write_text(content)
    assert same_size_groups([str(tmp_path / name) for name in 'abcd']) == [[0, 2]]


def _dataset(photos: Path, **options) -> PersonLabeledDataset:
    index = ImageIndex.from_names(find_photographs(str(photos)), str(photos), 'photographs')
    return PersonLabeledDataset(('bolt', 'nut'), index=index, **options)


def test_labels_are_those_that_were_given(photos) -> None:
    dataset = _dataset(photos)
    with pytest.raises(ValueError, match=r'a/1.png: nobody labeled this image'):
        dataset.label([0])
    dataset.give({0: [((1, 2, 30, 40), 'nut', False), ((0, 0, 5, 5), 'bolt', True)], 2: []})
    dataset.label([0, 2])
    found = dataset.get_ann_info(0)
    assert found['bboxes'].tolist() == [[1, 2, 30, 40]] and found['labels'].tolist() == [1]
    assert found['labels_ignore'].tolist() == [0] and not len(dataset.get_ann_info(2)['bboxes'])


def test_a_test_set_is_evaluated_as_voc(photos) -> None:
    dataset = _dataset(photos, test_mode=True)
    dataset.give({i: [((1, 2, 30, 40), 'nut', False)] for i in range(4)})
    dataset.label(range(4))
    empty = np.zeros((0, 5), np.float32)
    hit = np.array([[1, 2, 30, 40, 0.9]], np.float32)
    result = dataset.evaluate([[empty, hit]] * 4, logger='silent')
    assert result['AP']['nut'] == pytest.approx(1)
