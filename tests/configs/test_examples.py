"""configs/examples: photographs of several fields, each on the small model with a pretrained backbone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from mmdet_miaod.apis.data import load_data
from mmdet_miaod.apis.settings import RunSettings, load_settings
from mmdet_miaod.datasets.label_report import total_counts
from mmdet_miaod.engine.detector import build_model
from tests.tiny_run import REPOSITORY

EXAMPLES = REPOSITORY / 'configs' / 'examples'
# Images in the pool and in the test set, and boxes in the pool.
PHOTOGRAPHS = {
    'aquarium': (448, 190, 3324),
    'aquatrash': (295, 74, 369),
    'chess': (202, 87, 2108),
    'dice': (200, 50, 1487),
    'roadsigns': (585, 146, 840),
}


def data_folder(name: str) -> Path | None:
    """The folder of a data set in MIAOD_DATA, in data/ or in ../*/data, or None."""
    places = [os.environ.get('MIAOD_DATA'), REPOSITORY / 'data', *REPOSITORY.parent.glob('*/data')]
    folders = [Path(place) / name for place in places if place]
    return next((folder for folder in folders if (folder / 'VOC2007').is_dir()), None)


def settings_of(name: str, **options: object) -> RunSettings:
    return load_settings(EXAMPLES / f'{name}.py', {'model.backbone.init_cfg': None, **options})


@pytest.mark.parametrize('name', [*PHOTOGRAPHS, 'custom_voc'])
def test_an_example_is_a_small_model_that_holds(name) -> None:
    settings = settings_of(name)
    assert settings.training.grad_clip == dict(max_norm=10)
    assert settings.model.num_classes == len(settings.data.test['classes'])
    model = build_model(settings.model, settings.data.test['classes'])
    assert sum(parameter.numel() for parameter in model.parameters()) < 3.2e6
    # Batch norms keep their statistics in training.
    model.train()
    assert not any(m.training for m in model.backbone.modules() if isinstance(m, torch.nn.BatchNorm2d))
    width, height = settings.data.pool['pipeline'][1]['img_scale']
    features = model.extract_feat(torch.zeros(1, 3, height, width))
    assert [level.shape[1] for level in features] == [64] * 5
    assert [-(-width // level.shape[3]) for level in features[:3]] == [8, 16, 32]


def test_photographs_that_people_label_have_the_same_model() -> None:
    options = {'model.bbox_head.num_classes': 1}
    ours, others = (settings_of(name, **options) for name in ('photographs_cpu', 'dice'))
    assert ours.model.detector == others.model.detector
    assert ours.training.grad_clip == others.training.grad_clip
    assert ours.training.optimizer == others.training.optimizer


@pytest.mark.parametrize('name', ['dice', 'photographs_cpu'])
def test_weights_come_by_one_key(name) -> None:
    settings = load_settings(EXAMPLES / f'{name}.py', {'backbone_weights': 'mine.pth'})
    assert settings.model.detector['backbone']['init_cfg'] == dict(type='Pretrained', checkpoint='mine.pth')


@pytest.mark.parametrize('name', PHOTOGRAPHS)
def test_lists_and_classes_are_those_of_the_data(name) -> None:
    folder = data_folder(name)
    if folder is None:
        pytest.skip(f'no {name} in MIAOD_DATA, data or ../*/data')
    options = {'model.backbone.init_cfg': None, 'check_images': 'header'}
    settings = load_settings(EXAMPLES / f'{name}.py', options, str(folder))
    data = load_data(settings.data, settings.model.num_classes)
    data.labeled.label(range(len(data.pool)))
    boxes = [data.labeled.get_cat_ids(i) for i in range(len(data.pool))]
    # Boxes without area, and one of a stray class in chess, are left out.
    counts = total_counts({i: data.labeled.annotation(i) for i in range(len(data.pool))})
    assert sum(map(len, boxes)) == counts.trained
    found = len(data.pool), len(data.test), counts.total
    assert found == PHOTOGRAPHS[name]
    assert {label for labels in boxes for label in labels} == set(range(settings.model.num_classes))
