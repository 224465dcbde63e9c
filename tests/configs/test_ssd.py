"""configs/MIAOD_SSD.py: its schedule, and its pipelines on drawn images."""

from __future__ import annotations

import pytest
import torch

from mmdet_miaod.apis import load_config
from mmdet_miaod.apis.data import load_data
from mmdet_miaod.apis.settings import RunSettings
from mmdet_miaod.datasets.drawn.voc import draw_voc0712
from mmdet_miaod.datasets.seeding import Draw
from mmdet_miaod.engine.trainer import stage_lr_config
from tests.tiny_run import REPOSITORY


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    root = draw_voc0712(tmp_path_factory.mktemp('voc') / 'data', 6, 2, 4)
    options = {'X_L_0_size': 2, 'X_S_size': 2}
    return load_config(REPOSITORY / 'configs' / 'MIAOD_SSD.py', options, f'{root}/')


def test_schedule_is_the_published_one(config) -> None:
    stages = RunSettings.from_config(config).schedule
    assert [stage.epochs for stage in stages] == [5, 1, 1, 5, 1, 1, 5]
    assert [stage.lr_step for stage in stages] == [()] * 6 + [(1,)]
    lr_config = stage_lr_config(config.lr_config, stages[1])
    assert (lr_config['warmup'], lr_config['warmup_iters'], lr_config['warmup_ratio']) == (
        'linear',
        500,
        0.001,
    )
    assert (config.X_L_repeat, config.X_U_repeat, config.data.samples_per_gpu) == (16, 16, 8)
    assert list(config.cycles) == list(range(11))


def test_pipelines_give_300_pixels_and_boxes_only_with_labels(config) -> None:
    data = load_data(RunSettings.from_config(config).data, config.model.bbox_head.num_classes)
    assert data.pool[Draw(0, 5)].keys() == {'img', 'img_metas'}
    data.labeled.label([0])
    sample = data.labeled[Draw(0, 5)]
    assert len(sample['gt_bboxes'].data) == len(sample['gt_labels'].data)
    for image in (data.pool[Draw(0, 5)]['img'].data, sample['img'].data):
        assert image.shape == (3, 300, 300) and image.dtype == torch.float32
    again = data.pool[Draw(0, 5)]['img'].data
    assert torch.equal(again, data.pool[Draw(0, 5)]['img'].data)
    assert not torch.equal(again, data.pool[Draw(0, 6)]['img'].data)
