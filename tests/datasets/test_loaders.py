"""Loaders: endless passes, the same batches from any number of workers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from mmdet_miaod.datasets import loaders
from mmdet_miaod.datasets.loaders import TrainLoader, build_scoring_loader, check_shared_memory
from mmdet_miaod.datasets.samplers import AspectGroupBatchSampler
from mmdet_miaod.datasets.seeding import Draw, open_draw


class NoisyImages(Dataset):
    """Samples that say which image they are, with noise in the place of augmentation."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, draw: Draw | int) -> dict:
        i, seeded = open_draw(draw)
        with seeded:
            return dict(index=i, noise=torch.from_numpy(np.random.rand(2)) + torch.rand(1))


def loader(indices=range(6), workers=0, repeat=1) -> TrainLoader:
    sampler = AspectGroupBatchSampler(np.array(indices), np.zeros(6, dtype=np.uint8), 2, repeat=repeat)
    return TrainLoader('unlabeled', NoisyImages(), sampler, workers=workers)


def test_a_shorter_loader_starts_over_with_a_new_order() -> None:
    batches = [batch['index'].tolist() for batch in loader().batches(8, 1, 2)]
    assert len(loader()) == 3
    passes = [batches[:3], batches[3:6], batches[6:]]
    assert all(sorted(i for batch in part for i in batch) == list(range(6)) for part in passes[:2])
    assert passes[0] != passes[1]
    assert len(passes[2]) == 2


def test_a_longer_loader_is_cut() -> None:
    assert len(list(loader().batches(2, 0))) == 2
    assert list(loader().batches(0, 0)) == []


def test_batches_are_a_function_of_the_key_whatever_was_drawn_before() -> None:
    used = loader()
    list(used.batches(4, 9))
    np.random.rand(3)
    torch.rand(3)
    for one, other in zip(used.batches(5, 1, 2), loader().batches(5, 1, 2), strict=True):
        assert one['index'].tolist() == other['index'].tolist()
        assert torch.equal(one['noise'], other['noise'])


def test_workers_make_the_same_batches() -> None:
    alone, many = list(loader().batches(4, 3)), list(loader(workers=2).batches(4, 3))
    for one, other in zip(alone, many, strict=True):
        assert one['index'].tolist() == other['index'].tolist()
        assert torch.equal(one['noise'], other['noise'])


class ImagesWithBoxes(Dataset):
    """Samples with a large and a small tensor."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, draw: Draw) -> dict:
        return dict(image=torch.full((1, 300, 300), draw.index / 2), boxes=torch.full((2, 4), draw.index))


def test_loader_processes_send_small_tensors_by_value_and_large_ones_in_shared_memory() -> None:
    sampler = AspectGroupBatchSampler(np.arange(2), np.zeros(2, dtype=np.uint8), 2)
    (batch,) = TrainLoader('labeled', ImagesWithBoxes(), sampler, workers=1).batches(1, 0)
    assert batch['image'].is_shared() and not batch['boxes'].is_shared()
    assert sorted(batch['image'][:, 0, 7, 7].tolist()) == [0, 0.5]
    assert batch['boxes'].sum(dim=(1, 2)).tolist() == [16 * i for i in batch['image'][:, 0, 0, 0].tolist()]
    batch['boxes'] += 1  # it is not read-only


def test_repeats_of_an_image_are_augmented_each_in_its_own_way() -> None:
    (batch,) = loader([4], repeat=2).batches(1, 0)
    assert batch['index'].tolist() == [4, 4]
    assert not torch.equal(batch['noise'][0], batch['noise'][1])


@pytest.mark.parametrize('workers', [0, 1])
def test_the_scoring_loader_says_which_images_its_batches_hold(workers) -> None:
    sizes = np.array([[40, 30], [30, 40]] * 3)
    batches, indices = build_scoring_loader(NoisyImages(), np.arange(6), sizes, 2, workers=workers)
    assert [batch['index'].tolist() for batch in batches] == [array.tolist() for array in indices]
    assert [array.tolist() for array in indices] == [[1, 3], [5], [0, 2], [4]]


def test_batches_must_fit_the_shared_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(loaders, 'SHARED_MEMORY', str(tmp_path))
    usage = type('Usage', (), dict(free=64 << 20))
    monkeypatch.setattr(loaders.shutil, 'disk_usage', lambda path: usage)
    image = 4 * 3 * 608 * 1008  # of the default img_scale, in bytes
    # 2 loaders, each with 2 x 2 batches ahead and 1 in use, of 2 images
    needed = 2 * 5 * 2 * image >> 20
    with pytest.raises(ValueError, match=rf'64 MB free, the loaders need about {needed} MB: start Docker'):
        check_shared_memory(image, 2, workers=2, prefetch=2)
    assert 'not used' in check_shared_memory(image, 2, workers=0, prefetch=2)
    assert check_shared_memory(100, 2, workers=2, prefetch=2).endswith('need about 0 MB')
    usage.free = 1 << 30
    assert check_shared_memory(image, 2, workers=2, prefetch=2).startswith(f'{tmp_path} has 1024 MB free')
