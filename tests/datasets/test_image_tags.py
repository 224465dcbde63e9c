"""Tags of image lists."""

import pytest

from mmdet_miaod.datasets.image_tags import checked_tags, default_tags, paired_prefixes


@pytest.mark.parametrize(
    ('lists', 'prefixes', 'tags'),
    [
        (['a/trainval.txt', 'b/trainval.txt'], ['d/VOC2007', 'd/VOC2012/'], ('07', '12')),
        (['train.txt', 'val.txt'], ['VOC2007', 'VOC2007'], ('07', '07_val')),
        (['x/train.txt', 'y/train.txt', 'pool 1.txt'], ['d', 'e', 'f'], ('train', 'train_2', 'pool_1')),
    ],
)
def test_default_tags(lists, prefixes, tags):
    assert default_tags(lists, prefixes) == tags


def test_tags_that_can_name_files_pass():
    assert checked_tags(['07', 'a-b.c_1']) == ('07', 'a-b.c_1')


@pytest.mark.parametrize('tags', [['a', 'a'], [''], ['../b'], ['..'], ['a b']])
def test_other_tags_are_refused(tags):
    with pytest.raises(ValueError, match='they name files'):
        checked_tags(tags)


def test_one_folder_serves_all_lists():
    assert paired_prefixes(['a.txt', 'b.txt'], 'd') == (['a.txt', 'b.txt'], ['d', 'd'])
    assert paired_prefixes('a.txt', ['d']) == (['a.txt'], ['d'])


@pytest.mark.parametrize(
    ('lists', 'prefixes', 'message'),
    [([], 'd', 'names no image list'), (['a'], ['d', 'e'], '1 image lists but 2 image folders')],
)
def test_numbers_of_lists_and_folders_must_agree(lists, prefixes, message):
    with pytest.raises(ValueError, match=message):
        paired_prefixes(lists, prefixes)
