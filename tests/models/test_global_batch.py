"""N processes take the step that one process takes on the joined batch."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from mmdet_miaod.models.global_batch import global_count, global_sum, world_size
from tests.models.tiny import image_metas, random_boxes, random_features, tiny_head

LABELED = ('loss_cls', 'loss_bbox', 'loss_mil')
UNLABELED = ('loss_dis', 'loss_mil_pseudo')
# terms, images of each process, objects of each image, scale of each image's features (large: it has
# pseudo-labels)
CASES = {
    'labeled': (LABELED, (2, 2), (2, 0, 1, 3), (1, 1, 1, 1)),
    'labeled_uneven': (LABELED, (3, 1), (1, 1, 0, 2), (1, 1, 1, 1)),
    'all_pseudo': (UNLABELED, (2, 2), (), (12, 12, 12, 12)),
    'mixed_pseudo': (UNLABELED, (2, 2), (), (12, 12, 12, 0.1)),
    'unlabeled_uneven': (UNLABELED, (1, 3), (), (12, 12, 12, 12)),
    'maximize_uneven': (('loss_dis_max',), (3, 1), (), (1, 1, 1, 1)),
}


def build_head():
    torch.manual_seed(0)
    head = tiny_head()
    for branch in ('f_1', 'f_2'):
        torch.nn.init.constant_(getattr(head, f'{branch}_retina').bias, -1.5)
    return head


def gradients(name: str, images: slice) -> tuple[dict, dict]:
    """Losses and gradients of some images of a case."""
    terms, _, counts, scales = CASES[name]
    scales = torch.tensor(scales, dtype=torch.float32)
    feats = [level * scales.view(-1, 1, 1, 1) for level in random_features(1, len(scales), 64, 64)]
    metas = image_metas([(64, 64)] * len(scales))
    boxes, labels = random_boxes(2, counts, 64, 64, 3) if counts else (None, None)
    labels_of_batch = (boxes[images], labels[images]) if counts else ()
    head = build_head()
    losses = head.forward_train([level[images] for level in feats], metas[images], terms, *labels_of_batch)
    sum(losses.values()).backward()
    values = {key: value.detach() for key, value in losses.items()}
    return values, {key: p.grad for key, p in head.named_parameters() if p.grad is not None}


def run_process(rank: int, port_file: str, result_file: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{port_file}', rank=rank, world_size=2)
    results = {}
    for name, (_, sizes, _, _) in CASES.items():
        start = sum(sizes[:rank])
        tensors = gradients(name, slice(start, start + sizes[rank]))
        for values in tensors:
            for key in sorted(values):
                dist.all_reduce(values[key])
                values[key] /= 2
        results[name] = tensors
    if rank == 0:
        torch.save(results, result_file)
    dist.destroy_process_group()


@pytest.fixture(scope='module')
def two_processes(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp('two_processes')
    mp.spawn(run_process, (str(folder / 'rendezvous'), str(folder / 'result.pth')), nprocs=2)
    return torch.load(folder / 'result.pth')


@pytest.mark.parametrize('name', CASES)
def test_mean_over_processes_is_the_joined_batch(two_processes, name) -> None:
    mean_losses, mean_gradients = two_processes[name]
    losses, expected = gradients(name, slice(None))
    assert mean_losses.keys() == losses.keys()
    assert mean_gradients.keys() == expected.keys()
    for key, value in losses.items():
        torch.testing.assert_close(mean_losses[key], value, rtol=1e-5, atol=1e-8, msg=key)
    for key, value in expected.items():
        torch.testing.assert_close(
            mean_gradients[key], value, rtol=1e-5, atol=1e-5 * float(value.abs().max())
        )
    if 'loss_mil_pseudo' in losses:
        assert (losses['loss_mil_pseudo'].item() == 0) == (name == 'mixed_pseudo')


def test_one_process_counts_itself_alone() -> None:
    values = torch.tensor([2.0, 3.0], requires_grad=True)
    assert world_size() == 1
    assert global_sum(values).tolist() == [2.0, 3.0]
    assert not global_sum(values).requires_grad
    count = global_count(7, values.device)
    assert count.shape == ()
    assert count.item() == 7
