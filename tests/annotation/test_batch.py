"""The manifest of a batch."""

import json
from dataclasses import replace

import pytest

from mmdet_miaod.annotation.batch import image_uids, read_batch, rounded_corners, write_batch
from mmdet_miaod.run.file_record import DamagedFileError
from tests.annotation.batches import make_batch


def test_a_batch_is_read_as_it_was_written(tmp_path) -> None:
    batch = make_batch()
    write_batch(tmp_path, batch)
    assert read_batch(tmp_path) == batch


def test_a_changed_manifest_is_damage(tmp_path) -> None:
    path = write_batch(tmp_path, make_batch()).path
    path.write_text(path.read_text().replace('"nut"', '"hut"'))
    with pytest.raises(DamagedFileError, match=r'manifest.json: is damaged'):
        read_batch(tmp_path)


def test_a_folder_without_a_manifest_says_so(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match='no such file'):
        read_batch(tmp_path)


@pytest.mark.parametrize('name', ['../b2-0001.jpg', 'b2-0001.a.jpg', 'other.jpg', 'b2-0001', 'b2-0001.'])
def test_a_file_name_that_is_no_uid_and_suffix_is_refused(tmp_path, name: str) -> None:
    batch = make_batch(1)
    image = replace(batch.images[0], uid='b2-0001', file_name=name)
    with pytest.raises(ValueError, match='is no file name'):
        write_batch(tmp_path, replace(batch, images=(image,)))


def test_a_box_beyond_its_image_is_refused(tmp_path) -> None:
    batch = make_batch(1, 1)
    box = replace(batch.images[0].boxes[0], corners=(0.0, 0.0, 400.0, 10.0))
    with pytest.raises(ValueError, match='impossible box'):
        write_batch(tmp_path, replace(batch, images=(replace(batch.images[0], boxes=(box,)),)))


def test_uids_differ_between_batches_and_sort_in_order() -> None:
    contents = [str(i) for i in range(12_000)]
    first, second = image_uids('run', 1, contents), image_uids('run', 2, contents)
    assert not set(first) & set(second) and not set(first) & set(image_uids('other', 1, contents))
    assert sorted(first) == first and len(set(first)) == len(first)
    assert all('.' not in uid for uid in first)


def test_pixels_have_two_digits_and_no_minus_zero() -> None:
    assert json.dumps(rounded_corners((-0.001, 1.234567, 2, 3.999))) == '[0.0, 1.23, 2.0, 4.0]'
