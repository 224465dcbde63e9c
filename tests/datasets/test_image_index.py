"""The index of the image pool."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmdet_miaod.datasets import image_files
from mmdet_miaod.datasets.image_index import ImageIndex
from tests.datasets.voc_tree import write_image, write_list, write_voc


def plain_tree(root: Path, names, list_text=None) -> tuple[str, str]:
    for name in names:
        write_image(root / 'JPEGImages' / name)
    stems = [name.rsplit('.', 1)[0] for name in names]
    return str(write_list(root / 'trainval.txt', list_text or '\n'.join(stems))), str(root)


def two_years(root: Path) -> ImageIndex:
    pairs = [
        write_voc(root / 'VOC2007', {'000005': ((40, 30), []), '000001': ((30, 40), [])}),
        write_voc(root / 'VOC2012', {'000005': ((30, 30), []), 'x/2008_1': ((50, 20), [])}),
    ]
    return ImageIndex.from_lists(*map(list, zip(*pairs, strict=True)))


def test_two_voc_years(tmp_path):
    index = two_years(tmp_path)
    assert index.names == ['000005', '000001', '000005', 'x/2008_1']
    np.testing.assert_array_equal(index.list_ids, [0, 0, 1, 1])
    assert index.tags == ('07', '12')
    assert index.image_path(2) == str(tmp_path / 'VOC2012/JPEGImages/000005.jpg')
    assert index.image_file(3) == (str(tmp_path / 'VOC2012/JPEGImages'), 'x/2008_1.jpg')
    assert index.annotation_path(3) == str(tmp_path / 'VOC2012/Annotations/x/2008_1.xml')
    np.testing.assert_array_equal(index.sizes, [(40, 30), (30, 40), (30, 30), (50, 20)])
    assert index.sizes.dtype == np.int32
    np.testing.assert_array_equal(index.aspect_flags, np.array([1, 0, 0, 1], np.uint8))


def test_index_survives_pickling(tmp_path):
    index = two_years(tmp_path)
    copy = pickle.loads(pickle.dumps(index))
    assert copy.names == index.names
    assert copy.fingerprint() == index.fingerprint()
    assert copy.image_path(3) == index.image_path(3)


def test_building_an_index_opens_no_image_and_needs_no_annotations(tmp_path, monkeypatch):
    names, prefix = plain_tree(tmp_path, ['a.jpg', 'b.jpg'])
    monkeypatch.setattr(image_files.Image, 'open', lambda *_, **__: pytest.fail('an image was opened'))
    assert not (tmp_path / 'Annotations').exists()
    assert len(ImageIndex.from_lists(names, prefix)) == 2


def test_fingerprint_is_over_tags_and_names(tmp_path):
    def fingerprint(names, tag):
        for name in names:
            write_image(tmp_path / f'{name}.jpg')
        return ImageIndex.from_names(names, str(tmp_path), tag).fingerprint()

    known = fingerprint(['a', 'b'], '07')
    assert known == fingerprint(['a', 'b'], '07')
    assert (
        len({known, fingerprint(['b', 'a'], '07'), fingerprint(['a', 'b'], '12'), fingerprint(['a'], '07')})
        == 4
    )


def test_suffixes_are_found_by_the_listing(tmp_path):
    names = ['a.jpg', 'b.JPG', 'c.png', 'd.jpeg', 'e.bmp', 'v1.2.PNG']
    index = ImageIndex.from_lists(*plain_tree(tmp_path, names))
    assert [os.path.basename(index.image_path(i)) for i in range(6)] == names
    assert index.names[5] == 'v1.2'
    assert index.annotation_path(5).endswith('/Annotations/v1.2.xml')


def test_names_may_carry_their_suffix(tmp_path):
    index = ImageIndex.from_lists(*plain_tree(tmp_path, ['a.jpg', 'b.png'], 'b.png\na.jpg\n'))
    assert index.names == ['b.png', 'a.jpg']
    assert index.image_path(0).endswith('/JPEGImages/b.png')
    assert index.annotation_path(0).endswith('/Annotations/b.xml')


def test_each_folder_is_listed_once(tmp_path, monkeypatch):
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(
        image_files.os, 'scandir', lambda folder: listed.append(str(folder)) or scandir(folder)
    )
    ImageIndex.from_lists(*plain_tree(tmp_path, [f'{s}/{i}.jpg' for i in range(9) for s in 'xy']))
    assert sorted(os.path.basename(folder) for folder in listed) == ['x', 'y']


def test_missing_images_are_counted_and_the_first_ten_named(tmp_path):
    args = plain_tree(tmp_path, ['a.jpg'], 'a\n' + '\n'.join(f'm{i}' for i in range(12)))
    with pytest.raises(FileNotFoundError, match='12 of 13 images') as caught:
        ImageIndex.from_lists(*args)
    message = str(caught.value)
    assert 'm9.jpg and 2 more' in message
    assert 'm10.jpg' not in message
    assert 'trainval.txt' in message
    assert 'data_root' in message


def test_missing_folder_is_named(tmp_path):
    names, prefix = plain_tree(tmp_path, ['a.jpg'])
    with pytest.raises(FileNotFoundError, match=r'Pictures: no such image folder; set data_root'):
        ImageIndex.from_lists(names, prefix, img_subdir='Pictures')


def test_folders_and_dangling_links_are_no_images(tmp_path):
    args = plain_tree(tmp_path, ['a.jpg'], 'a\nb\nc')
    (tmp_path / 'JPEGImages/b.jpg').mkdir()
    (tmp_path / 'JPEGImages/c.jpg').symlink_to(tmp_path / 'gone.jpg')
    with pytest.raises(FileNotFoundError, match='2 of 3 images'):
        ImageIndex.from_lists(*args)


@pytest.mark.parametrize('text', ['a\nb\na\n', 'a\nb\na.jpg\n'])
def test_image_twice_in_a_list_is_refused(tmp_path, text):
    args = plain_tree(tmp_path, ['a.jpg', 'b.jpg'], text)
    with pytest.raises(ValueError, match=r'trainval\.txt, line 3: .*a\.jpg is already there .*line 1'):
        ImageIndex.from_lists(*args)


def test_image_in_two_lists_is_refused(tmp_path):
    names, prefix = plain_tree(tmp_path, ['a.jpg', 'b.jpg'])
    more = str(write_list(tmp_path / 'more.txt', 'b'))
    (tmp_path / 'link').symlink_to(tmp_path)
    for second in (prefix, str(tmp_path / 'link')):
        with pytest.raises(ValueError, match=r'more\.txt, line 1: .*trainval\.txt, line 2'):
            ImageIndex.from_lists([names, more], [prefix, second])


@pytest.mark.parametrize('tags', [['a'], ['a', 'a'], ['a', '../b']])
def test_tags_must_name_files(tmp_path, tags):
    names, prefix = plain_tree(tmp_path, ['a.jpg', 'b.jpg'], 'a')
    more = str(write_list(tmp_path / 'more.txt', 'b'))
    with pytest.raises(ValueError, match='tags'):
        ImageIndex.from_lists([names, more], prefix, tags=tags)


def test_plain_files_and_folders(tmp_path):
    for name in ('b.jpg', 'sub/a.PNG', 'sub/notes.txt'):
        write_image(tmp_path / 'in' / name) if 'notes' not in name else write_list(
            tmp_path / 'in' / name, 'x'
        )
    single = write_image(tmp_path / 'single.bmp')
    index = ImageIndex.from_files([single, tmp_path / 'in'])
    assert index.names == [str(single), str(tmp_path / 'in/b.jpg'), str(tmp_path / 'in/sub/a.PNG')]
    assert [index.image_path(i) for i in range(3)] == list(index.names)
    assert index.image_file(2) == (str(tmp_path / 'in/sub'), 'a.PNG')
    assert index.sizes.tolist() == [[40, 30]] * 3
    with pytest.raises(ValueError, match='without annotations'):
        index.annotation_path(0)


def test_plain_files_must_exist_and_differ(tmp_path):
    image = write_image(tmp_path / 'a.jpg')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match=r'gone\.jpg'):
        ImageIndex.from_files([image, tmp_path / 'gone.jpg'])
    with pytest.raises(FileNotFoundError, match='no image in this folder'):
        ImageIndex.from_files(tmp_path / 'empty')
    with pytest.raises(ValueError, match='already there'):
        ImageIndex.from_files([image, image])
    with pytest.raises(ValueError, match='no images'):
        ImageIndex.from_files([])


@pytest.mark.parametrize('name', ['../a', '/a', 'a\nb', 'a\0', ''])
def test_explicit_names_are_checked(tmp_path, name):
    with pytest.raises(ValueError, match='is refused'):
        ImageIndex.from_names([name], str(tmp_path), 'coco')


def noise_index(tmp_path, count=3) -> ImageIndex:
    for i in range(count):
        noise = np.random.RandomState(i).randint(0, 255, (30, 40, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / f'{i}.jpg')
    return ImageIndex.from_files(tmp_path)


def test_truncated_image_is_found_by_decoding_only(tmp_path):
    index = noise_index(tmp_path)
    damaged = Path(index.image_path(1))
    damaged.write_bytes(damaged.read_bytes()[:-300])
    index.check_images('header')
    assert index.sizes.tolist() == [[40, 30]] * 3
    with pytest.raises(ValueError, match=r'1 of 3 images cannot be read: .*1\.jpg \(.*truncated'):
        index.check_images('decode')


def test_check_images_sets_the_sizes(tmp_path):
    index = noise_index(tmp_path)
    index.check_images('decode')
    for i in range(3):
        Path(index.image_path(i)).unlink()
    assert index.sizes.tolist() == [[40, 30]] * 3


def test_files_that_went_or_are_no_images(tmp_path):
    index = noise_index(tmp_path)
    Path(index.image_path(0)).unlink()
    with pytest.raises(FileNotFoundError, match=r'1 of 3 images .*0\.jpg \(no such file\)'):
        index.check_images('header')
    Path(index.image_path(1)).write_bytes(b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n')
    with pytest.raises(ValueError, match='2 of 3 images'):
        _ = index.sizes
    with pytest.raises(ValueError, match='mode'):
        index.check_images('all')


def test_pipe_in_place_of_an_image_does_not_block(tmp_path):
    index = noise_index(tmp_path)
    Path(index.image_path(0)).unlink()
    os.mkfifo(index.image_path(0))
    with pytest.raises(ValueError, match=r'0\.jpg: is a pipe'):
        index.check_images('header')


def test_random_bytes_are_refused_not_raised(tmp_path):
    random = np.random.RandomState(0)
    heads = (b'\xff\xd8\xff\xe0', b'\x89PNG\r\n\x1a\n', b'BM', b'RIFF\x10\0\0\0WEBPVP8 ', b'')
    for i in range(100):
        (tmp_path / f'{i}.jpg').write_bytes(heads[i % 5] + random.bytes(random.randint(0, 200)))
    with pytest.raises(ValueError, match='100 of 100 images'):
        ImageIndex.from_files(tmp_path).check_images('decode')
