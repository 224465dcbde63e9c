"""The wrapper that hands batches to a detector on one device."""

from __future__ import annotations

import pytest
import torch
from mmcv.parallel import DataContainer, is_module_wrapper
from torch import nn

from mmdet_miaod.engine.parallel import check_device, wrap_model


class Echo(nn.Module):
    """Answers with what it was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, img, img_metas):
        return 'forward', img, img_metas

    def train_step(self, data, optimizer=None, *, loss_terms):
        return 'train_step', data['img'], data['img_metas'], optimizer, loss_terms

    def val_step(self, data, optimizer=None, *, loss_terms):
        return 'val_step', data['img'], data['img_metas'], optimizer, loss_terms


def batch() -> dict:
    metas = DataContainer([[dict(name='a'), dict(name='b')]], cpu_only=True)
    return dict(img=DataContainer([torch.ones(2, 3)], stack=True), img_metas=metas)


@pytest.mark.parametrize('gpus', [0, 2])
def test_batches_arrive_unpacked_on_the_cpu_whatever_gpus_there_are(gpus, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: gpus)
    model = wrap_model(Echo(), torch.device('cpu'))
    assert is_module_wrapper(model)
    for method in ('train_step', 'val_step'):
        name, img, metas, optimizer, terms = getattr(model, method)(batch(), 'sgd', loss_terms=('loss_cls',))
        assert (name, optimizer, terms) == (method, 'sgd', ('loss_cls',))
        assert torch.equal(img, torch.ones(2, 3))
        assert metas == [dict(name='a'), dict(name='b')]
    assert model(**batch())[0] == 'forward'


def test_batches_arrive_on_the_device_of_the_model(device) -> None:
    device = check_device(str(device))
    model = wrap_model(Echo().to(device), device)
    _, img, metas, *_ = model.train_step(batch(), loss_terms=())
    assert img.device == device
    assert metas[1] == dict(name='b')
