"""Checkpoints that hold something else than a run or MMDetection writes."""

from __future__ import annotations

import pytest
import torch

from mmdet_miaod.engine.detector import build_model, load_detector, load_weights
from tests.tiny_run import CLASSES, tiny_settings


@pytest.mark.parametrize(
    'checkpoint',
    [
        {1: torch.zeros(1), 2: 3},
        {'state_dict': []},
        {'state_dict': [torch.zeros(1)]},
        {'state_dict': None},
        {'state_dict': {1: torch.zeros(1)}},
        {'state_dict': {'a': 'b'}},
        {},
    ],
    ids=range(7),
)
def test_weights_of_another_form_are_refused_with_the_file(tmp_path, tiny_data, checkpoint) -> None:
    torch.save(checkpoint, tmp_path / 'model.pth')
    model = build_model(tiny_settings(tiny_data, tmp_path).model, CLASSES)
    with pytest.raises(ValueError, match=r'model\.pth: does not fit the model'):
        load_weights(model, tmp_path / 'model.pth')


@pytest.mark.parametrize(
    'meta', [None, [], 'text', 5, {}, {'CLASSES': 5}, {'CLASSES': 'disc'}, {'CLASSES': [1]}]
)
def test_meta_of_odd_types_says_nothing_of_classes(tmp_path, tiny_data, meta) -> None:
    settings = tiny_settings(tiny_data, tmp_path).model
    weights = build_model(settings, CLASSES).state_dict()
    torch.save({'state_dict': weights, 'meta': meta}, tmp_path / 'model.pth')
    assert load_detector(settings, tmp_path / 'model.pth').CLASSES == ()
    assert load_detector(settings, tmp_path / 'model.pth', CLASSES).CLASSES == CLASSES


@pytest.mark.parametrize('checkpoint', [{'state_dict': []}, {1: 2}])
def test_load_from_of_another_form_is_named(tmp_path, tiny_data, checkpoint) -> None:
    torch.save(checkpoint, tmp_path / 'model.pth')
    settings = tiny_settings(tiny_data, tmp_path, load_from=str(tmp_path / 'model.pth')).model
    with pytest.raises(ValueError, match=r'load_from: does not work with its values'):
        build_model(settings, CLASSES)
