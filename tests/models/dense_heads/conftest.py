"""A narrow head with a batch, and a way to see which of its methods are called."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from tests.models.tiny import image_metas, random_boxes, random_features, tiny_head


@pytest.fixture
def case() -> tuple:
    """A head, and features, meta data, boxes and labels of two images that have pseudo-labels too."""
    torch.manual_seed(0)
    head = tiny_head()
    nn.init.constant_(head.f_1_retina.bias, 1.0)
    feats = [level.requires_grad_() for level in random_features(0, 2, 64, 64)]
    return head, feats, image_metas([(64, 64)] * 2), *random_boxes(0, [2, 1], 64, 64, 3)


@pytest.fixture
def spy(monkeypatch) -> Callable[[nn.Module, str], list[tuple]]:
    """Records the calls of a head's method from now on: the positional arguments of each."""

    def watch(head: nn.Module, name: str) -> list[tuple]:
        calls, method = [], getattr(head, name)

        def recorded(*args, **kwargs):
            calls.append(args)
            return method(*args, **kwargs)

        monkeypatch.setattr(head, name, recorded)
        return calls

    return watch
