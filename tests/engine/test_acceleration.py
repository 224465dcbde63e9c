"""What makes GPUs faster: the switches, and that the model stays the same."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch.testing import assert_close

from mmdet_miaod.engine.acceleration import Acceleration, backends_restored, compile_branches
from mmdet_miaod.engine.gradient_step import MixedPrecision
from tests.models.tiny import image_metas, random_boxes, random_features, tiny_detector, tiny_head

LABEL_TERMS = ('loss_cls', 'loss_bbox', 'loss_mil')


def backend_switches() -> tuple[bool, ...]:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    return cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32


@pytest.mark.parametrize('on', [True, False])
def test_the_backends_are_set_as_the_config_says_and_restored(on) -> None:
    before = backend_switches()
    with backends_restored():
        Acceleration.from_config(dict(cudnn_benchmark=on, tf32=on)).apply_to_backends()
        assert backend_switches() == (on, on, on)
    assert backend_switches() == before


def test_what_has_to_be_repeatable_tries_no_algorithms() -> None:
    with backends_restored():
        torch.use_deterministic_algorithms(True)
        try:
            Acceleration(cudnn_benchmark=True).apply_to_backends()
        finally:
            torch.use_deterministic_algorithms(False)
        assert not torch.backends.cudnn.benchmark


def test_everything_is_off_by_default() -> None:
    assert Acceleration.from_config({}) == Acceleration(False, False, False, False)


def batch(num_images: int = 2) -> dict:
    torch.manual_seed(0)
    boxes, labels = random_boxes(0, [2] * num_images, 64, 96, 3)
    metas = image_metas([(64, 96)] * num_images)
    return dict(img=torch.randn(num_images, 3, 64, 96), img_metas=metas, gt_bboxes=boxes, gt_labels=labels)


def losses_and_gradients(model, data) -> list[torch.Tensor]:
    model.train()
    result = model.train_step(data, loss_terms=LABEL_TERMS)
    result['loss'].backward()
    return [result['loss'].detach(), *(p.grad for p in model.parameters() if p.grad is not None)]


def test_channels_last_changes_the_layout_and_no_number() -> None:
    torch.manual_seed(1)
    plain = tiny_detector()
    model = Acceleration(channels_last=True).apply_to_model(deepcopy(plain))
    weights = [p for p in model.parameters() if p.ndim == 4 and p.shape[1] > 1 and p.shape[2] > 1]
    assert weights
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in weights)
    for mine, other in zip(
        losses_and_gradients(model, batch()), losses_and_gradients(plain, batch()), strict=True
    ):
        assert_close(mine, other, rtol=1e-4, atol=1e-5)


def test_a_channels_last_model_saves_and_loads_like_any_other() -> None:
    plain = tiny_detector()
    model = Acceleration(channels_last=True).apply_to_model(tiny_detector())
    model.load_state_dict(plain.state_dict())
    plain.load_state_dict(model.state_dict())
    for name, value in plain.state_dict().items():
        assert torch.equal(value, model.state_dict()[name])


def test_compiled_branches_give_the_same_maps_and_gradients_and_keep_the_names() -> None:
    torch.manual_seed(1)
    plain = tiny_head()
    head = deepcopy(plain)
    names = list(head.state_dict())
    compile_branches(head, backend='eager')
    assert list(head.state_dict()) == names
    for size in ((64, 96), (96, 64)):
        feats = random_features(2, 1, *size)
        expected, found = (model.forward_branches(feats, ('f_1', 'f_mil')) for model in (plain, head))
        for branch in expected:
            assert_close(found[branch], expected[branch])
            sum(level.square().sum() for level in found[branch]).backward()
            sum(level.square().sum() for level in expected[branch]).backward()
    assert_close(head.f_mil_convs[0].conv.weight.grad, plain.f_mil_convs[0].conv.weight.grad)
    assert head.f_2_convs[0].conv.weight.grad is None


def test_mixed_precision_computes_losses_and_uncertainty_in_float32() -> None:
    torch.manual_seed(1)
    model = tiny_detector()
    seen = {}

    def note(name):
        def hook(module, inputs):
            seen[name] = inputs[0].dtype

        return hook

    model.bbox_head.loss_cls.register_forward_pre_hook(note('loss_cls'))
    model.bbox_head.loss_bbox.register_forward_pre_hook(note('loss_bbox'))
    maps = []
    forward_branch = model.bbox_head.forward_branch
    model.bbox_head.forward_branch = lambda *args: maps.append(forward_branch(*args)) or maps[-1]
    data = batch()
    full = model.train_step(data, loss_terms=LABEL_TERMS)
    seen.clear()
    maps.clear()
    precision = MixedPrecision(torch.device('cpu'), 'bfloat16')
    with precision.autocast():
        half = model.train_step(data, loss_terms=LABEL_TERMS)
        score = model.eval().bbox_head.uncertainty(model.extract_feat(data['img']), 50)
    assert seen == dict(loss_cls=torch.float32, loss_bbox=torch.float32)
    assert maps[0][0].dtype == torch.bfloat16
    assert half['loss'].dtype == score.dtype == torch.float32
    assert_close(half['loss'], full['loss'], rtol=0.05, atol=0)
    with torch.no_grad():
        expected = model.bbox_head.uncertainty(model.extract_feat(data['img']), 50)
        assert_close(score, expected, rtol=0.5, atol=1e-4)
    half['loss'].backward()
    assert all(p.grad is None or p.grad.dtype == torch.float32 for p in model.parameters())
