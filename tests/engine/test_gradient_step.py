"""One optimizer step: zeroed gradients, clipping, mixed precision, parameter-wise options."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from mmdet_miaod.engine.gradient_step import (
    GradientStep,
    MixedPrecision,
    build_stage_optimizer,
    build_stage_step,
)
from mmdet_miaod.engine.stage import Stage
from tests.models.tiny import tiny_detector

CPU = torch.device('cpu')
SGD = dict(type='SGD', lr=0.5, momentum=0.5, weight_decay=0.25)


class TwoWeights(nn.Module):
    """Two parameters of value 1, of which a loss may reach one."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))


def test_a_parameter_that_the_loss_does_not_reach_still_gets_momentum_and_weight_decay() -> None:
    model = TwoWeights()
    step = GradientStep(build_stage_optimizer(model, SGD), MixedPrecision(CPU))
    step((2 * model.a).sum())
    # b: gradient 0, decay 0.25 * 1, so 1 - 0.5 * 0.25; a: 1 - 0.5 * (2 + 0.25)
    assert (model.a.item(), model.b.item()) == (-0.125, 0.875)
    step((2 * model.a).sum())
    # b: buffer 0.5 * 0.25 + 0.25 * 0.875 = 0.34375
    assert model.b.item() == 0.875 - 0.5 * 0.34375
    assert model.b.grad is not None


def test_gradients_of_the_step_before_do_not_add_up() -> None:
    model = TwoWeights()
    step = GradientStep(build_stage_optimizer(model, dict(type='SGD', lr=1.0)), MixedPrecision(CPU))
    step(model.a.sum() + 4 * model.b.sum())
    step(model.a.sum())
    assert (model.a.item(), model.b.item()) == (-1.0, -3.0)


def test_gradients_are_clipped_by_their_joined_norm() -> None:
    model = TwoWeights()
    optimizer = build_stage_optimizer(model, dict(type='SGD', lr=1.0))
    GradientStep(optimizer, MixedPrecision(CPU), dict(max_norm=1.0))((3 * model.a + 4 * model.b).sum())
    assert model.a.item() == pytest.approx(1 - 3 / 5, abs=1e-5)
    assert model.b.item() == pytest.approx(1 - 4 / 5, abs=1e-5)


def test_mixed_precision_computes_in_its_dtype_and_plain_training_does_not() -> None:
    layer, image = nn.Linear(2, 2), torch.ones(1, 2)
    for dtype, expected in ((None, torch.float32), ('bfloat16', torch.bfloat16)):
        with MixedPrecision(CPU, dtype).autocast():
            assert layer(image).dtype == expected
    assert not MixedPrecision(CPU, 'float16').scaler.is_enabled()
    with pytest.raises(ValueError, match="amp dtype is 'fp8': choose one of"):
        MixedPrecision(CPU, 'fp8')


def test_only_trainable_parameters_get_into_the_optimizer() -> None:
    model = TwoWeights()
    model.a.requires_grad_(False)
    (group,) = build_stage_optimizer(model, SGD).param_groups
    assert group['params'] == [model.b]
    assert (group['lr'], group['momentum'], group['weight_decay']) == (0.5, 0.5, 0.25)
    assert SGD['type'] == 'SGD'


def test_paramwise_options_hold_for_what_the_stage_trains() -> None:
    model = tiny_detector()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_('f_1_' in name)
    config = dict(SGD, paramwise_cfg=dict(bias_lr_mult=2.0, bias_decay_mult=0.0, custom_keys={}))
    groups = build_stage_optimizer(model, config).param_groups
    found = {id(p): (group['lr'], group['weight_decay']) for group in groups for p in group['params']}
    expected = {
        id(p): (1.0, 0.0) if name.endswith('bias') else (0.5, 0.25)
        for name, p in model.named_parameters()
        if p.requires_grad
    }
    assert found == expected and len(found) == 4


@pytest.mark.parametrize('config', [dict(type='SDG', lr=1), dict(type='SGD', lr=1, speed=3)])
def test_an_optimizer_that_is_not_there_is_a_clear_error(config) -> None:
    with pytest.raises(ValueError, match='optimizer'):
        build_stage_optimizer(TwoWeights(), config)


def test_a_stage_begins_with_its_parameters_a_new_optimizer_and_no_gradients() -> None:
    model = TwoWeights()
    model.a.grad = model.b.grad = torch.ones(1)
    stage = Stage('s', freeze=('b',))
    step = build_stage_step(model, stage, frozenset(), optimizer=SGD, precision=MixedPrecision(CPU))
    assert model.a.requires_grad and not model.b.requires_grad
    assert model.a.grad is None and model.b.grad is None
    (group,) = step.optimizer.param_groups
    assert group['params'] == [model.a]


def test_a_step_continues_from_the_state_of_another() -> None:
    first, second = models = TwoWeights(), TwoWeights()
    steps = [GradientStep(build_stage_optimizer(model, SGD), MixedPrecision(CPU)) for model in models]
    steps[0](first.a.sum())
    second.load_state_dict(first.state_dict())
    state = deepcopy(steps[0].state_dict())
    assert state['scaler'] == {}  # no loss scaling
    steps[1].load_state_dict(dict(state, meta='ignored'))
    for model, step in zip(models, steps, strict=True):
        step(model.a.sum())
    assert torch.equal(first.a, second.a) and torch.equal(first.b, second.b)
