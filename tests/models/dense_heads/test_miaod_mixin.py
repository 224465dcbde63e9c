"""What does not depend on the kind of head: activations, precision, losses by which labels are judged."""

from __future__ import annotations

import pytest
import torch

from mmdet_miaod.models.dense_heads import MIAODHeadMixin
from mmdet_miaod.models.dense_heads.loss_terms import LOSS_TERMS
from tests.models.tiny import atss_head, image_metas, random_boxes, random_features, ssd_head, tiny_head


@pytest.mark.parametrize(
    ('classes', 'given', 'expected'), [(1, None, 'sigmoid'), (2, None, 'softmax'), (1, 'softmax', 'softmax')]
)
def test_mil_activation(classes, given, expected, caplog) -> None:
    with caplog.at_level('INFO', logger='mmdet'):
        assert tiny_head(classes, mil_activation=given).mil_activation == expected
    assert ('mil_activation' in caplog.text) == (expected == 'sigmoid')


def test_unknown_mil_activation() -> None:
    with pytest.raises(ValueError, match=r"'tanh'.*softmax"):
        tiny_head(mil_activation='tanh')


def test_losses_and_scores_are_float32_under_autocast(case) -> None:
    head, feats, metas, boxes, labels = case
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = head.forward_train(feats, metas, tuple(LOSS_TERMS), boxes, labels)
        scores = head.uncertainty(feats, 50)
        detections = head.predict(feats, metas)
    reference = head.forward_train(feats, metas, tuple(LOSS_TERMS), boxes, labels)
    for name, value in losses.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, reference[name], rtol=0.05, atol=1e-3)
    assert scores.dtype == torch.float32
    assert detections[0][0].dtype == torch.float32
    sum(losses.values()).backward()
    assert all(torch.isfinite(p.grad).all() for p in head.parameters())


def test_a_head_without_layers_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match='forward_branch'):
        MIAODHeadMixin.forward_branch(object.__new__(MIAODHeadMixin), [], 'f_1')


@pytest.mark.parametrize(
    'build', [tiny_head, atss_head, lambda: ssd_head(3, 8)], ids=['retina', 'atss', 'ssd']
)
def test_the_losses_of_labels_are_parts_of_the_classification_loss(build) -> None:
    torch.manual_seed(0)
    head, side = build(), 300
    feats, metas = random_features(0, 1, side, side), image_metas([(side, side)])
    if head.prior_generator.num_levels == 6:
        feats = [torch.randn(1, 8, n, n) for n in (38, 19, 10, 5, 3, 1)]
    boxes, labels = random_boxes(0, [3], side, side, 3)
    positive = head.label_anchors([level.shape[-2:] for level in feats], metas, boxes, labels).num_samples
    without_box, in_boxes = head.label_losses(feats, metas, boxes, labels)
    whole = head.forward_train(feats, metas, ['loss_cls'], boxes, labels)['loss_cls']
    torch.testing.assert_close(without_box * (1 + 3) / positive + in_boxes, whole)
    nothing = [torch.zeros(0, 4)], [torch.zeros(0, dtype=torch.long)]
    assert head.label_losses(feats, metas, *nothing)[1] == 0


CORNERS = torch.tensor([[8.0, 8, 56, 56], [72, 8, 120, 56], [8, 72, 56, 120], [72, 72, 120, 120]])
CLASSES = torch.tensor([0, 1, 2, 0])


def label_losses_of(seen: float, boxes: torch.Tensor, labels: torch.Tensor) -> list[float]:
    """Losses of an image's labels under a model that gives its objects logits of ``seen``, the rest -3."""
    head, feats = tiny_head(), random_features(0, 1, 128, 128)
    metas, sizes = image_metas([(128, 128)]), [level.shape[-2:] for level in feats]
    maps = []
    for size, known in zip(
        sizes, head.assign_anchors(sizes, metas, [CORNERS], [CLASSES]).labels, strict=True
    ):
        is_object = torch.nn.functional.one_hot(known[0], 4)[:, :3]
        maps.append((is_object * (seen + 3) - 3).view(1, *size, -1).permute(0, 3, 1, 2))
    head.forward_branches = lambda feats, branches: dict.fromkeys(branches, maps)
    return head.label_losses(feats, metas, [boxes], [labels]).tolist()


def test_missing_boxes_and_wrong_classes_are_told_from_each_other_and_from_hard_objects() -> None:
    losses = dict(
        right=label_losses_of(3, CORNERS, CLASSES),
        hard=label_losses_of(-3, CORNERS, CLASSES),
        half=label_losses_of(3, CORNERS[:2], CLASSES[:2]),
        wrong=label_losses_of(3, CORNERS, (CLASSES + 1) % 3),
    )
    without_box, in_boxes = (sorted(losses, key=lambda name: -losses[name][part]) for part in (0, 1))
    # Of the others, those with the same loss, none is more than a hundredth of the first.
    assert without_box[0] == 'half' and losses['half'][0] > 100 * losses[without_box[1]][0]
    assert in_boxes == ['wrong', 'hard', 'right', 'half']
    # Focal loss of a class that the model is sure of and the box has not, and of that which the box has.
    p, sure = torch.tensor(-3.0).sigmoid(), torch.nn.functional.softplus(torch.tensor(3.0))
    assert losses['wrong'][1] == pytest.approx(float((0.75 + 0.25) * (1 - p) ** 2 * sure), rel=1e-3)
