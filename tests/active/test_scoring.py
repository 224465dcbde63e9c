"""Scores of the pool: batched as one at a time, chunk by chunk, never of an annotation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmdet_miaod.active.query import QUERY_STRATEGIES, QueryStrategy
from mmdet_miaod.active.scoring import look_at, scores_and_features, split_chunks
from mmdet_miaod.datasets.pool import ImagePoolDataset
from mmdet_miaod.engine.inference import ScoringSettings
from tests.datasets.voc_tree import write_list
from tests.models.tiny import tiny_detector

# Two that are padded alike but are of different size, and portraits between landscapes.
SIZES = [(64, 48), (48, 64), (64, 48), (60, 40), (48, 64), (64, 48), (64, 48)]
TRANSFORMS = [
    dict(type='Resize', keep_ratio=True),
    dict(type='Normalize', mean=[120.0] * 3, std=[60.0] * 3, to_rgb=True),
    dict(type='Pad', size_divisor=32),
    dict(type='ImageToTensor', keys=['img']),
    dict(type='Collect', keys=['img'], meta_keys=('ori_filename', 'img_shape', 'pad_shape')),
]
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='MultiScaleFlipAug', img_scale=(64, 64), flip=False, transforms=TRANSFORMS),
]
CPU = torch.device('cpu')


@pytest.fixture(scope='module')
def pool(tmp_path_factory) -> ImagePoolDataset:
    """Seven images of noise, and no annotation anywhere."""
    from PIL import Image

    root: Path = tmp_path_factory.mktemp('pool')
    (root / 'JPEGImages').mkdir()
    for number, (width, height) in enumerate(SIZES):
        pixels = np.random.RandomState(number).randint(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / 'JPEGImages' / f'{number}.png')
    names = write_list(root / 'list.txt', ''.join(f'{number}\n' for number in range(len(SIZES))))
    return ImagePoolDataset(str(names), str(root), score_pipeline=PIPELINE)


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    detector = tiny_detector(base_channels=8, channels=8)
    for parameter in detector.parameters():
        if parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter)
    return detector


class ImagesAsFeatures(torch.nn.Module):
    def extract_feat(self, img):
        return img


def score(pool, model, indices, batch_size=1, strategy=None, **changes):
    settings = ScoringSettings(batch_size=batch_size, **changes)
    strategy = strategy or QUERY_STRATEGIES.build(dict(type='miaod', k=50))
    view, indices = pool.scoring_view(), np.array(indices)
    look = scores_and_features(strategy)
    return look_at(model, look, view=view, indices=indices, settings=settings)['scores']


def test_batches_give_the_scores_of_one_image_at_a_time(pool, model) -> None:
    alone = score(pool, model, range(7))
    assert alone.dtype == np.float32
    assert len(np.unique(alone)) == 7 and (alone > 0).all()
    for batch_size in (2, 3, 8):
        np.testing.assert_allclose(score(pool, model, range(7), batch_size), alone, rtol=1e-5)


def test_scores_are_in_the_order_that_was_asked_for(pool, model) -> None:
    alone = score(pool, model, range(7))
    np.testing.assert_allclose(score(pool, model, [6, 1, 3], 2), alone[[6, 1, 3]], rtol=1e-5)


def test_the_model_is_scored_in_evaluation_mode_and_learns_nothing(pool, model) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    score(pool, model, [0, 1], 2)
    assert not model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_every_batch_is_of_one_padded_shape(pool) -> None:
    shapes = []

    class Shapes(QueryStrategy):
        def score(self, model, feats, img_metas):
            shapes.append((tuple(feats.shape), {meta['pad_shape'] for meta in img_metas}))
            return torch.zeros(len(feats))

    score(pool, ImagesAsFeatures(), range(7), 3, Shapes())
    assert sorted(shape[0] for shape, _ in shapes) == [1, 1, 2, 3]
    assert all(pads == {(*shape[2:], 3)} for shape, pads in shapes)


def test_a_score_that_is_not_finite_names_the_image(pool) -> None:
    class Bad(QueryStrategy):
        def score(self, model, feats, img_metas):
            return torch.tensor(
                [float('nan') if m['ori_filename'].endswith('3.png') else 1 for m in img_metas]
            )

    with pytest.raises(ValueError, match=r'scores of .*3\.png: not finite, the model diverged'):
        score(pool, ImagesAsFeatures(), range(7), 2, Bad())


def test_scores_that_are_not_one_per_image_are_refused(pool) -> None:
    class PerClass(QueryStrategy):
        def score(self, model, feats, img_metas):
            return torch.zeros(len(feats), 3)

    with pytest.raises(ValueError, match=r'PerClass gave scores of shape \(1, 3\) for 1 images'):
        score(pool, ImagesAsFeatures(), range(7), 1, PerClass())


def test_progress_counts_the_images(pool, model) -> None:
    counts = []
    settings = ScoringSettings(batch_size=2)
    look = scores_and_features(QUERY_STRATEGIES.build(dict(type='miaod')))
    view, indices = pool.scoring_view(), np.arange(5)
    look_at(model, look, view=view, indices=indices, settings=settings, on_progress=counts.append)
    assert sum(counts) == 5


def test_chunks_cover_the_candidates_in_order() -> None:
    chunks = split_chunks(np.arange(3, 10), 3)
    assert [chunk.tolist() for chunk in chunks] == [[3, 4, 5], [6, 7, 8], [9]]
    assert split_chunks(np.arange(0), 3) == []
