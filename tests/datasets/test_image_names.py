"""Images by their names: suffixes, folders, hints at what was meant."""

import json

import numpy as np
import pytest
from PIL import Image

from mmdet_miaod.datasets import image_names
from mmdet_miaod.datasets.builder import build_dataset
from mmdet_miaod.datasets.image_index import ImageIndex
from tests.datasets.voc_tree import write_image


def test_suffixes_in_any_case_and_formats_that_are_not_read(tmp_path):
    write_image(tmp_path / 'u.Png')
    assert ImageIndex.from_names(['u.Png'], str(tmp_path), 'x').image_path(0) == str(tmp_path / 'u.Png')
    Image.new('L', (4, 4)).save(tmp_path / 't.tif')
    with pytest.raises(ValueError, match=r't\.tif is there, but only JPEG, PNG, BMP, WEBP files are read'):
        ImageIndex.from_names(['u.Png', 't.tif'], str(tmp_path), 'x')
    with pytest.raises(FileNotFoundError, match=r'1 of 1 images .*: gone\.tif'):
        ImageIndex.from_names(['gone.tif'], str(tmp_path), 'x')


def test_codes_say_which_suffix_was_found(tmp_path):
    for name in ('a.jpg', 'sub/b.PNG', 'c.webp'):
        write_image(tmp_path / name)
    codes = image_names.resolve_suffixes(['a', 'sub/b', 'c.webp'], str(tmp_path), 'list')
    assert codes.dtype == np.uint8
    assert [image_names.SUFFIXES[code] for code in codes] == ['.jpg', '.PNG', '']


def test_images_below_a_folder_are_found_in_order(tmp_path):
    for name in ('b.jpg', 'a/z.PNG', 'a/notes.txt'):
        write_image(tmp_path / name, format='PNG')
    assert image_names.find_images(str(tmp_path)) == [str(tmp_path / 'a/z.PNG'), str(tmp_path / 'b.jpg')]


def test_hidden_folders_and_those_of_other_tools_are_left_out(tmp_path):
    for name in ('a.jpg', '.ipynb_checkpoints/a-checkpoint.jpg', '__MACOSX/a.jpg', '.git/b.jpg'):
        write_image(tmp_path / name)
    assert image_names.find_images(str(tmp_path)) == [str(tmp_path / 'a.jpg')]


@pytest.mark.parametrize(
    ('file', 'name', 'hint'),
    [
        (
            'a.tif',
            'a',
            r'a\.jpg \(there is a\.tif, but only .* files are read: convert it\)',
        ),
        ('a.png', 'a.jpg', r'a\.jpg \(there is a\.png: write that name'),
        ('a b.jpg', '"a b"', r'"a b"\.jpg \(the list has quotes around the name: take them off\)'),
        ('b.jpg', 'a', r'a\.jpg; put them there'),
    ],
)
def test_the_file_that_was_meant_is_named(tmp_path, file, name, hint):
    write_image(tmp_path / file)
    with pytest.raises(FileNotFoundError, match=f'1 of 1 images of list are not in .*: {hint}'):
        image_names.resolve_suffixes([name], str(tmp_path), 'list')


def test_suffixes_with_a_capital_are_found(tmp_path):
    write_image(tmp_path / 'a.Jpg', format='JPEG')
    (code,) = image_names.resolve_suffixes(['a'], str(tmp_path), 'list')
    assert image_names.SUFFIXES[code] == '.Jpg'


def link_into_store(folder, name):
    """An image as DVC and git-annex keep it: a link to a file elsewhere, whose name is a hash."""
    write_image(folder.parent / 'store' / 'ab' / 'cdef', format='JPEG')
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).symlink_to(folder.parent / 'store' / 'ab' / 'cdef')


def test_links_into_a_store_are_taken_where_the_config_says_so(tmp_path):
    link_into_store(tmp_path / 'images', 'sub/a.jpg')
    with pytest.raises(ValueError, match="set links='anywhere' in data.pool and data.test"):
        ImageIndex.from_names(['sub/a'], str(tmp_path / 'images'), 'x')
    index = ImageIndex.from_names(['sub/a'], str(tmp_path / 'images'), 'x', links='anywhere')
    assert index.image_path(0) == str(tmp_path / 'images' / 'sub/a.jpg')
    index.check_images()
    with pytest.raises(ValueError, match="links is 'yes'; expected 'inside' or 'anywhere'"):
        ImageIndex.from_names(['sub/a'], str(tmp_path / 'images'), 'x', links='yes')


def test_a_link_whose_content_was_not_fetched_is_named(tmp_path):
    link_into_store(tmp_path / 'images', 'a.jpg')
    (tmp_path / 'store' / 'ab' / 'cdef').unlink()
    with pytest.raises(FileNotFoundError, match=r'a\.jpg \(a link to .*cdef, which is not there: fetch'):
        ImageIndex.from_names(['a'], str(tmp_path / 'images'), 'x', links='anywhere')


def test_every_data_set_has_the_key(tmp_path):
    write_image(tmp_path / 'store.jpg')
    images = tmp_path / 'VOC' / 'JPEGImages'
    images.mkdir(parents=True)
    (images / 'a.jpg').symlink_to(tmp_path / 'store.jpg')
    (tmp_path / 'list.txt').write_text('a\n')
    picture = dict(id=1, file_name='a.jpg', width=4, height=4)
    category = dict(id=1, name='cat')
    file = tmp_path / 'coco.json'
    file.write_text(json.dumps(dict(images=[picture], annotations=[], categories=[category])))
    voc = dict(ann_file=str(tmp_path / 'list.txt'), img_prefix=str(tmp_path / 'VOC'))
    coco = dict(ann_file=str(file), img_prefix=str(images))
    for config in (
        dict(type='ImagePoolDataset', **voc),
        dict(type='VOCDetectionDataset', **voc),
        dict(type='CocoPoolDataset', **coco),
        dict(type='CocoDetectionDataset', **coco),
        dict(type='PhotographPool', folders=str(images)),
    ):
        assert len(build_dataset(dict(config, links='anywhere'))) == 1
        with pytest.raises(ValueError, match='symbolic link out of its image folder'):
            build_dataset(config)
