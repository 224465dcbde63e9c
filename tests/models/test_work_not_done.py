"""What a stage does not need is not computed: branches, targets, graphs."""

from __future__ import annotations

from types import MethodType

import pytest
import torch

from mmdet_miaod.engine.stage import frozen_parameter_names, set_trainable
from tests.engine.tiny import STAGES
from tests.models.tiny import image_metas, random_boxes, tiny_detector


class Watch:
    """Notes which branches a detector computes, with or without a graph, and how often it assigns targets."""

    def __init__(self, model) -> None:
        self.branches: dict[str, bool] = {}
        self.assigned = 0
        self.features: list[bool] = []
        self.inference: list[bool] = []
        branch, targets = model.bbox_head.forward_branch, model.bbox_head.label_anchors

        def forward_branch(head, feats, name):
            maps = branch(feats, name)
            self.branches[name] = maps[0].requires_grad
            self.features.append(feats[0].requires_grad)
            self.inference.append(torch.is_inference_mode_enabled())
            return maps

        def label_anchors(head, *args, **kwargs):
            self.assigned += 1
            return targets(*args, **kwargs)

        model.bbox_head.forward_branch = MethodType(forward_branch, model.bbox_head)
        model.bbox_head.label_anchors = MethodType(label_anchors, model.bbox_head)


def watched_batch(stage_name: str, tag: str) -> Watch:
    model = tiny_detector().train()
    stage = STAGES[stage_name](1)
    set_trainable(model, stage, frozen_parameter_names(model))
    watch = Watch(model)
    data = dict(img=torch.randn(2, 3, 64, 96), img_metas=image_metas([(64, 96)] * 2))
    if tag == 'labeled':
        data['gt_bboxes'], data['gt_labels'] = random_boxes(0, [2, 1], 64, 96, 3)
    model.train_step(data, loss_terms=stage.losses(tag))['loss'].backward()
    return watch


@pytest.mark.parametrize(
    ('stage', 'tag', 'branches', 'assigned', 'features'),
    [
        ('label', 'labeled', dict(f_1=True, f_2=True, f_r=True, f_mil=True), 1, True),
        ('minimize', 'labeled', dict(f_1=True, f_2=True, f_r=True, f_mil=True), 1, True),
        ('minimize', 'unlabeled', dict(f_1=True, f_2=True, f_mil=True), 0, True),
        ('maximize', 'labeled', dict(f_1=True, f_2=True), 1, False),
        ('maximize', 'unlabeled', dict(f_1=True, f_2=True, f_mil=False), 0, False),
    ],
)
def test_a_batch_computes_what_its_losses_need(stage, tag, branches, assigned, features) -> None:
    watch = watched_batch(stage, tag)
    assert watch.branches == branches
    assert watch.assigned == assigned
    assert all(has_graph is features for has_graph in watch.features)


def test_scoring_runs_the_classifiers_and_evaluation_the_first_one_and_boxes() -> None:
    model = tiny_detector().eval()
    img, metas = torch.randn(1, 3, 64, 96), image_metas([(64, 96)])
    watch = Watch(model)
    with torch.inference_mode():
        model.bbox_head.uncertainty(model.extract_feat(img), k=10)
    assert watch.branches == dict(f_1=False, f_2=False)
    watch.branches.clear()
    with torch.inference_mode():
        model(img=img, img_metas=metas, return_loss=False)
    assert watch.branches == dict(f_1=False, f_r=False)
    assert watch.assigned == 0
    assert all(watch.inference)
