"""Images that a person names for scoring."""

import pytest

from mmdet_miaod.datasets.image_sources import find_readable, list_images
from tests.datasets.voc_tree import write_image


def test_a_list_in_another_encoding_is_named(tmp_path) -> None:
    (tmp_path / 'list.txt').write_text('a.jpg\r\n', encoding='utf-16')
    with pytest.raises(ValueError, match=r'list\.txt: is not UTF-8 \(UTF-16\?\)'):
        list_images(tmp_path / 'list.txt')


def test_a_voc_list_has_no_paths(tmp_path) -> None:
    (tmp_path / 'list.txt').write_text('000005\n000007\n')
    with pytest.raises(
        ValueError, match="the first is '000005'; a list has the path of an image file in each line"
    ):
        list_images(tmp_path / 'list.txt')


def test_files_that_training_could_not_load_are_skipped_and_named(tmp_path) -> None:
    good, bad = write_image(tmp_path / 'a.png'), write_image(tmp_path / 'b.png')
    bad.write_bytes(bad.read_bytes()[:-12])
    readable, ((path, problem),) = find_readable(list_images(tmp_path))
    assert (readable, path) == ([str(good)], str(bad)) and 'OpenCV' in problem


def test_a_folder_without_images_names_what_is_there(tmp_path) -> None:
    (tmp_path / 'a.tif').write_bytes(b'II')
    with pytest.raises(
        FileNotFoundError, match=r'no image in it; there is .*a\.tif, but only JPEG.*convert it'
    ):
        list_images(tmp_path)
