"""Image files: found by their names, sizes as the pipeline decodes them, damage found."""

import struct
import zlib

import mmcv
import numpy as np
import pytest
from PIL import Image

from mmdet_miaod.datasets import image_files
from mmdet_miaod.datasets.image_index import ImageIndex
from tests.datasets.voc_tree import write_image


@pytest.mark.parametrize('suffix', ['jpg', 'png', 'webp', 'bmp'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_sizes_are_those_that_the_pipeline_decodes(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = write_image(tmp_path / f'a.{suffix}', (40, 30), exif=exif)
    height, width = mmcv.imfrombytes(path.read_bytes(), flag='color').shape[:2]
    assert image_files.read_header(str(path)).size() == (width, height)
    assert image_files.decode(str(path)).size() == (width, height)


def test_exif_after_the_image_data_of_a_png(tmp_path):
    path = write_image(tmp_path / 'a.png')
    exif = Image.Exif()
    exif[0x0112] = 6
    body = b'eXIf' + exif.tobytes()[6:]
    chunk = struct.pack('>I', len(body) - 4) + body + struct.pack('>I', zlib.crc32(body))
    data = path.read_bytes()
    path.write_bytes(data[:-12] + chunk + data[-12:])
    height, width = mmcv.imfrombytes(path.read_bytes(), flag='color').shape[:2]
    assert image_files.read_header(str(path)).size() == (width, height)


def test_orientation_in_xmp_is_none_to_the_pipeline(tmp_path):
    path = write_image(tmp_path / 'a.jpg', xmp=b'<x:xmpmeta tiff:Orientation="6"/>')
    assert mmcv.imread(str(path)).shape[:2] == (30, 40)
    assert image_files.read_header(str(path)).size() == (40, 30)


def test_damaged_exif_does_not_matter(tmp_path):
    path = write_image(tmp_path / 'a.jpg', exif=b'Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12')
    assert image_files.read_header(str(path)).size() == (40, 30)


def test_decompression_bomb_is_refused(tmp_path, monkeypatch):
    path = write_image(tmp_path / 'a.png')
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack('>II', 60000, 60000)
    data[29:33] = struct.pack('>I', zlib.crc32(bytes(data[12:29])))
    path.write_bytes(data)
    index = ImageIndex.from_files(path)
    for mode in ('header', 'decode'):
        with pytest.raises(ValueError, match=r'1 of 1 images .*a\.png'):
            index.check_images(mode)
    monkeypatch.setattr(image_files, 'MAX_PIXELS', 1199)
    with pytest.raises(ValueError, match='40 x 30 pixels'):
        image_files.read_header(str(write_image(tmp_path / 'b.jpg')))


def test_probe_puts_none_and_the_error_where_a_file_cannot_be_read(tmp_path):
    good, bad = str(write_image(tmp_path / 'a.jpg')), str(tmp_path / 'gone.jpg')
    found, ((path, error),) = image_files.probe([bad, good], image_files.read_header)
    assert found[0] is None and found[1].size() == (40, 30)
    assert path == bad and isinstance(error, FileNotFoundError)


def test_one_error_is_raised_for_all_failures():
    image_files.raise_failures([], 3)
    gone, odd = ('a.jpg', FileNotFoundError()), ('b.jpg', ValueError('odd'))
    with pytest.raises(FileNotFoundError, match=r'^1 of 3 images cannot be read: a\.jpg \(no such file\)'):
        image_files.raise_failures([gone], 3)
    with pytest.raises(ValueError, match=r'^2 of 3 .*a\.jpg \(no such file\), b\.jpg \(odd\)'):
        image_files.raise_failures([gone, odd], 3)


def test_summary_shows_ten_items_and_counts_the_rest():
    items = [str(i) for i in range(12)]
    assert image_files.summarise(items[:2], 2) == '0, 1'
    assert image_files.summarise(items, 12) == '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more'


@pytest.mark.parametrize('missing', [1, 11, 12, 19, 100])
def test_a_png_without_its_end_is_refused(tmp_path, missing):
    path = write_image(tmp_path / 'a.png')
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises((OSError, ValueError, SyntaxError)):
        image_files.decode(str(path))
    with pytest.raises(ValueError, match=r'a\.png: cannot be read'):
        image_files.refuse_unreadable(str(path))


@pytest.mark.parametrize(('size', 'form'), [((1_000_001, 1), 'png'), ((1, (1 << 20) + 1), 'bmp')])
def test_images_wider_or_higher_than_opencv_reads_are_refused(tmp_path, size, form):
    path = str(write_image(tmp_path / f'a.{form}', size))
    assert image_files.read_header(path).size() == size
    with pytest.raises(ValueError, match='OpenCV, which loads images for training'):
        image_files.decode(path)


@pytest.mark.parametrize('bits', [10, 12, 14, 16])
def test_sixteen_bits_that_use_fewer_are_told(tmp_path, bits):
    values = np.arange(1200, dtype=np.uint32).reshape(30, 40) * (2**bits - 1) // 1199
    Image.fromarray(values.astype(np.uint16)).save(tmp_path / 'a.png')
    remark = image_files.decode(str(tmp_path / 'a.png')).remark
    brightest = 2 ** (bits - 8) - 1
    expected = f'16 bits per value, but the brightest is {brightest} of 255 once read as 8 bits'
    assert remark == ('' if bits == 16 else expected)


def test_a_jpeg_cut_off_later_is_refused_and_bytes_behind_its_end_are_not(tmp_path):
    path = write_image(tmp_path / 'a.jpg')
    image_files.refuse_cut(str(path))
    whole = path.read_bytes()
    path.write_bytes(whole + b'more')
    image_files.refuse_cut(str(path))
    path.write_bytes(whole[:-6])
    with pytest.raises(ValueError, match=r'a\.jpg: cannot be read .*truncated'):
        image_files.refuse_cut(str(path))
    image_files.refuse_cut(str(write_image(tmp_path / 'b.png')))


@pytest.mark.parametrize('place', [300, -20])
@pytest.mark.parametrize('read', [image_files.read_header, image_files.decode])
def test_another_picture_of_the_same_size_in_bytes_has_another_key(tmp_path, read, place):
    path = write_image(tmp_path / 'a.bmp', (200, 100))
    before, data = read(str(path)).key, bytearray(path.read_bytes())
    assert read(str(path)).key == before != 0 and len(data) > 8192
    data[place] ^= 1
    path.write_bytes(data)
    assert read(str(path)).key != before
