"""The pool as a data set: images, and nothing else."""

import shutil

import numpy as np
import pytest
import torch

from mmdet_miaod.datasets import ImageIndex, ImagePoolDataset
from mmdet_miaod.datasets.seeding import Draw
from tests.datasets.voc_tree import object_xml, write_image, write_voc

UNLABELED = [
    {'type': 'LoadImageFromFile'},
    {'type': 'Resize', 'img_scale': (64, 48), 'keep_ratio': True},
    {'type': 'RandomFlip', 'flip_ratio': 0.5},
    {'type': 'Pad', 'size_divisor': 32},
    {'type': 'DefaultFormatBundle'},
    {'type': 'Collect', 'keys': ['img']},
]
SCORE = [
    {'type': 'LoadImageFromFile'},
    {
        'type': 'MultiScaleFlipAug',
        'img_scale': (64, 48),
        'flip': False,
        'transforms': [
            {'type': 'Resize', 'keep_ratio': True},
            {'type': 'Pad', 'size_divisor': 32},
            {'type': 'ImageToTensor', 'keys': ['img']},
            {'type': 'Collect', 'keys': ['img'], 'meta_keys': ('filename', 'ori_filename', 'pad_shape')},
        ],
    },
]


def two_years(root):
    images = {'a': ((40, 30), [object_xml()]), 'b': ((30, 40), [])}
    pairs = [write_voc(root / f'VOC20{year}', images) for year in ('07', '12')]
    return dict(zip(('ann_file', 'img_prefix'), map(list, zip(*pairs, strict=True)), strict=True))


@pytest.fixture
def pool(tmp_path):
    lists = two_years(tmp_path)
    for year in ('07', '12'):
        shutil.rmtree(tmp_path / f'VOC20{year}' / 'Annotations')
    return ImagePoolDataset(**lists, pipeline=UNLABELED, score_pipeline=SCORE)


def test_sample_is_an_image_and_its_meta_data(pool):
    assert len(pool) == 4
    for i in range(4):
        sample = pool[i]
        assert set(sample) == {'img', 'img_metas'}
        metas = sample['img_metas'].data
        assert metas['filename'] == pool.index.image_path(i)
        assert metas['ori_filename'] == f'{pool.index.names[i]}.jpg'
        assert not {'ann_info', 'gt_bboxes', 'gt_labels'} & set(metas)


def test_augmentation_is_a_function_of_the_draw(pool):
    def flips(order):
        return {seed: pool[Draw(0, seed)]['img_metas'].data['flip'] for seed in order}

    seeds = list(range(20))
    forward = flips(seeds)
    assert flips(seeds[::-1]) == forward
    assert set(forward.values()) == {True, False}


def test_scoring_view_shares_the_index(pool):
    view = pool.scoring_view()
    assert view.index is pool.index
    sample = view[1]
    assert set(sample) == {'img', 'img_metas'}
    assert sample['img'][0].shape == (3, 64, 64)
    assert isinstance(sample['img'][0], torch.Tensor)
    assert pool[1]['img'].data.shape == (3, 64, 64)
    with pytest.raises(ValueError, match='score_pipeline'):
        ImagePoolDataset(pipeline=UNLABELED, index=pool.index).scoring_view()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda p: [p[0], {'type': 'LoadAnnotations', 'with_bbox': True}, *p[1:]], "has no 'ann_info'"),
        (lambda p: [*p[:-1], {'type': 'Collect', 'keys': ['img', 'gt_bboxes']}], "has no 'gt_bboxes'"),
        (lambda p: p[:-1], 'must be img and img_metas, but is'),
        (lambda p: [lambda results: None], 'but is nothing'),
    ],
)
def test_pipeline_that_wants_more_is_refused(pool, change, message):
    dataset = ImagePoolDataset(pipeline=change(UNLABELED), index=pool.index)
    with pytest.raises(ValueError, match=message):
        dataset[0]


def test_plain_folder_of_images(tmp_path):
    for name in 'ba':
        write_image(tmp_path / f'{name}.png')
    dataset = ImagePoolDataset(pipeline=UNLABELED, index=ImageIndex.from_files(tmp_path))
    assert dataset[0]['img_metas'].data['filename'] == str(tmp_path / 'a.png')
    assert dataset[0]['img_metas'].data['ori_filename'] == 'a.png'


def test_index_out_of_range_and_missing_lists(pool):
    with pytest.raises(IndexError):
        pool[4]
    with pytest.raises(IndexError):
        pool[-1]
    assert len(list(pool)) == 4
    with pytest.raises(ValueError, match='ann_file'):
        ImagePoolDataset(pipeline=UNLABELED)
    assert pool[np.int64(3)]['img_metas'].data['ori_filename'] == 'b.jpg'
