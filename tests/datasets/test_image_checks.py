"""What reading all images of an index finds."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmdet_miaod.datasets import image_checks
from mmdet_miaod.datasets.image_index import ImageIndex
from tests.datasets.voc_tree import write_image


@pytest.fixture
def photographs(tmp_path) -> str:
    for orientation in (1, 3, 6):
        exif = Image.Exif()
        exif[0x0112] = orientation
        write_image(tmp_path / f'{orientation}.jpg', (40, 30), exif=exif)
    Image.fromarray(np.full((30, 40), 4095, np.uint16)).save(tmp_path / 'dark.png')
    return str(tmp_path)


@pytest.mark.parametrize(('exif', 'size'), [('apply', [30, 40]), ('ignore', [40, 30])])
def test_turned_and_dark_images_are_named(photographs, exif, size) -> None:
    index = ImageIndex.from_files(photographs, exif=exif)
    report = index.check_images()
    assert index.sizes.tolist() == [[40, 30], [40, 30], size, [40, 30]]
    assert report.turned == ((f'{photographs}/3.jpg', 3), (f'{photographs}/6.jpg', 6))
    turned, dark = report.warnings(exif)
    assert (
        turned.startswith('2 of 4 images have an EXIF orientation other than 1')
        and f"exif='{exif}'" in turned
    )
    assert '3.jpg (3), ' in turned and turned.endswith('6.jpg (6)')
    assert '1 of 4 images are nearly black' in dark and 'dark.png (16 bits' in dark


def test_a_clean_pool_has_nothing_to_tell(tmp_path) -> None:
    write_image(tmp_path / 'a.jpg')
    index = ImageIndex.from_files(tmp_path)
    assert index.size_of(0) == (40, 30)
    assert index.check_images('header').warnings('apply') == []
    assert index.size_of(0) == (40, 30)


def test_the_size_of_an_image_that_cannot_be_read_is_not_known(tmp_path) -> None:
    path = write_image(tmp_path / 'a.jpg')
    index = ImageIndex.from_files(tmp_path)
    path.write_bytes(b'')
    assert index.size_of(0) is None


def test_another_word_for_exif_is_refused(tmp_path) -> None:
    write_image(tmp_path / 'a.jpg')
    with pytest.raises(ValueError, match="exif is 'no'; expected 'apply' or 'ignore'"):
        ImageIndex.from_files(tmp_path, exif='no')


def test_many_images_are_checked_in_processes_with_the_same_report(photographs, monkeypatch) -> None:
    index = ImageIndex.from_files(photographs)
    monkeypatch.setattr(image_checks, '_CHUNK', 3)
    alone, state = index.check_images(), torch.random.get_rng_state()
    monkeypatch.setattr(image_checks, '_MANY', 3)
    chunks = []
    many = index.check_images(on_chunk=lambda: chunks.append(1))
    assert (many.turned, many.odd) == (alone.turned, alone.odd) and len(many.turned) == 2
    assert many.sizes.tolist() == alone.sizes.tolist() and many.keys.tolist() == alone.keys.tolist()
    assert len(chunks) == 2 and torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize('limit', [1, 9], ids=['processes', 'threads'])
def test_all_images_that_cannot_be_read_are_one_error(photographs, monkeypatch, limit) -> None:
    index = ImageIndex.from_files(photographs)
    monkeypatch.setattr(image_checks, '_MANY', limit)
    Path(photographs, '1.jpg').unlink()
    with pytest.raises(FileNotFoundError, match='1 of 4 images cannot be read: .*1.jpg .no such file.; they'):
        index.check_images('header')
    Path(photographs, 'dark.png').write_bytes(b'no image')
    expected = '2 of 4 images .*1.jpg .no such file., .*dark.png .cannot identify image file'
    with pytest.raises(ValueError, match=expected):
        index.check_images('header')
