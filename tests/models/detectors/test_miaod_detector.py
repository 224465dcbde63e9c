from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv import Config
from mmdet.models import build_detector
from torchvision.models import resnet50

import mmdet_miaod.models  # noqa: F401
from mmdet_miaod.models.losses import mil
from tests.models.tiny import image_metas, random_boxes, tiny_detector

BASE_CONFIG = Path(__file__).parents[3] / 'configs' / '_base_' / 'retinanet_r50_fpn.py'


@pytest.fixture
def detector():
    torch.manual_seed(0)
    return tiny_detector().train()


def batch(labeled: bool = True, counts=(2, 1)) -> dict:
    torch.manual_seed(1)
    data = dict(img=torch.randn(2, 3, 64, 96), img_metas=image_metas([(64, 96)] * 2))
    if labeled:
        data['gt_bboxes'], data['gt_labels'] = random_boxes(2, counts, 64, 96, 3)
    return data


def released_checkpoint(num_classes: int = 20) -> dict[str, tuple]:
    """Names and shapes of the authors' VOC checkpoint: torchvision's ResNet-50, FPN, four branches."""
    shapes = {
        f'backbone.{name}': tuple(value.shape)
        for name, value in resnet50(weights=None).state_dict().items()
        if not name.startswith('fc.')
    }
    convs = {
        f'neck.lateral_convs.{i}.conv': (256, channels, 1, 1) for i, channels in enumerate((512, 1024, 2048))
    }
    convs.update({f'neck.fpn_convs.{i}.conv': (256, 2048 if i == 3 else 256, 3, 3) for i in range(5)})
    for branch in ('f_1', 'f_2', 'f_r', 'f_mil'):
        convs.update({f'bbox_head.{branch}_convs.{i}.conv': (256, 256, 3, 3) for i in range(4)})
        outputs = 36 if branch == 'f_r' else 9 * num_classes
        convs[f'bbox_head.{branch}_retina'] = (outputs, 256, 3, 3)
    for name, shape in convs.items():
        shapes[f'{name}.weight'], shapes[f'{name}.bias'] = shape, shape[:1]
    return shapes


def test_released_checkpoints_load_strictly() -> None:
    config = Config.fromfile(str(BASE_CONFIG)).model
    assert config.backbone.init_cfg == dict(type='Pretrained', checkpoint='torchvision://resnet50')
    config.backbone.init_cfg = None
    with torch.device('meta'):  # shapes only
        released = {name: torch.empty(shape) for name, shape in released_checkpoint().items()}
        detector = build_detector(config)
    detector.load_state_dict(released, strict=True, assign=True)
    trained = {name for name, parameter in detector.named_parameters() if parameter.requires_grad}
    assert not any(name.startswith(('backbone.conv1', 'backbone.bn1', 'backbone.layer1')) for name in trained)
    assert 'backbone.layer2.0.bn1.weight' in trained


def test_train_step(detector) -> None:
    terms = ('loss_cls', 'loss_bbox', 'loss_mil')
    result = detector.train_step(batch(), None, loss_terms=terms)
    assert list(result['log_vars']) == [*terms, 'loss']
    assert result['num_samples'] == 2
    assert all(value.shape == () and not value.requires_grad for value in result['log_vars'].values())
    assert result['loss'].item() == sum(result['log_vars'][name] for name in terms).item()
    result['loss'].backward()
    for name, parameter in detector.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name


def test_losses_are_read_nowhere(detector, monkeypatch) -> None:
    """On a GPU neither labeled nor unlabeled steps fetch a value from the device themselves."""
    data = batch(labeled=False)
    monkeypatch.setattr(mil, 'reads_without_waiting', lambda values: False)
    monkeypatch.setattr(torch.Tensor, 'item', lambda self: pytest.fail('a loss was read'))
    monkeypatch.setattr(torch.Tensor, '__bool__', lambda self: pytest.fail('a tensor was read'))
    detector.train_step(data, loss_terms=('loss_dis', 'loss_mil_pseudo'))['loss'].backward()


def test_unlabeled_batches_carry_no_labels(detector) -> None:
    result = detector.train_step(batch(labeled=False), loss_terms=('loss_dis', 'loss_mil_pseudo'))
    assert list(result['log_vars']) == ['loss_dis', 'loss_mil_pseudo', 'loss']
    with pytest.raises(ValueError, match='need gt_bboxes'):
        detector.train_step(batch(labeled=False), loss_terms=('loss_cls',))


@pytest.mark.parametrize('counts', [(0, 2), (2, 0), (0, 0)])
def test_images_without_boxes_train(detector, counts) -> None:
    result = detector.train_step(batch(counts=counts), loss_terms=('loss_cls', 'loss_bbox', 'loss_mil'))
    result['loss'].backward()
    assert all(torch.isfinite(p.grad).all() for p in detector.parameters() if p.requires_grad)
    assert (result['log_vars']['loss_bbox'].item() > 0) == (sum(counts) > 0)
    assert result['log_vars']['loss_mil'].item() > 0


def test_nothing_is_remembered_of_a_frozen_backbone(detector) -> None:
    data = batch()
    assert detector.extract_feat(data['img'])[0].requires_grad
    for name, parameter in detector.named_parameters():
        parameter.requires_grad_(name.startswith(('bbox_head.f_1', 'bbox_head.f_2')))
    assert not any(level.requires_grad for level in detector.extract_feat(data['img']))
    detector.train_step(batch(labeled=False), loss_terms=('loss_dis_max',))['loss'].backward()
    assert all((p.grad is not None) == p.requires_grad for p in detector.parameters())
    detector.neck.fpn_convs[0].conv.bias.requires_grad_()
    assert detector.extract_feat(data['img'])[0].requires_grad


def test_results_have_mmdetections_form(detector) -> None:
    detector.eval()
    data = batch(labeled=False)
    for meta in data['img_metas']:
        meta['scale_factor'] = np.array([2.0, 2.0, 2.0, 2.0], dtype=np.float32)
    torch.nn.init.constant_(detector.bbox_head.f_1_retina.bias, 1.0)
    with torch.no_grad():
        plain = detector(data['img'], data['img_metas'], return_loss=False)
        nested = detector([data['img']], [data['img_metas']], return_loss=False, rescale=True)
    assert len(plain) == 2
    assert [len(image) for image in plain] == [3, 3]
    for full, half in zip(plain[0], nested[0], strict=True):
        assert full.dtype == np.float32
        assert full.shape[1] == 5
        assert len(full) > 0
        np.testing.assert_allclose(full[:, :4], half[:, :4] * 2, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(full[:, 4], half[:, 4], rtol=1e-4)


def test_the_uncertainty_of_an_image_is_the_same_in_any_batch(detector) -> None:
    detector.eval()
    img = batch(labeled=False)['img']
    scores = detector.bbox_head.uncertainty(detector.extract_feat(img), 100)
    assert scores.shape == (2,)
    assert scores.dtype == torch.float32
    assert not scores.requires_grad
    alone = detector.bbox_head.uncertainty(detector.extract_feat(img[1:]), 100)
    torch.testing.assert_close(scores[1:], alone, rtol=1e-4, atol=1e-12)
    assert detector.bbox_head.uncertainty(detector.extract_feat(img), 10**6).shape == (2,)


def test_validation_step_builds_no_graph(detector) -> None:
    assert not detector.val_step(batch(), loss_terms=('loss_cls',))['loss'].requires_grad


def test_a_loss_without_a_graph_can_be_stepped_on(detector) -> None:
    """On a CPU images without pseudo-labels give a plain zero, which may be all that a stage trains on."""
    detector.bbox_head.init_weights()
    outputs = detector.train_step(batch(labeled=False), loss_terms=('loss_mil_pseudo',))
    assert outputs['loss'].item() == 0
    outputs['loss'].backward()
    assert all(not p.grad.any() for p in detector.parameters() if p.grad is not None)
    with torch.no_grad():
        still = detector.train_step(batch(labeled=False), loss_terms=('loss_mil_pseudo',))['loss']
    assert not still.requires_grad
