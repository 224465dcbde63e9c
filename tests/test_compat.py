"""Each fix of mmdet_miaod.compat: the fault is there without it (in a process of its own), and gone with
it."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from mmdet_miaod import compat


def error_without_fixes(code: str) -> str:
    """What `code` prints on stderr where mmdet_miaod was not imported; '' where it succeeds."""
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True, timeout=300, check=False
    )
    return done.stderr if done.returncode else ''


@pytest.fixture
def gloo(tmp_path):
    torch.distributed.init_process_group('gloo', init_method=f'file://{tmp_path}/group', rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def test_apply_again_changes_nothing():
    from mmcv.parallel import _functions

    ops = compat.importlib.import_module('mmcv._ext')
    before = _functions._get_stream, ops.nms
    compat.apply()
    for fix in compat.FIXES:
        fix()
    assert (_functions._get_stream, ops.nms) == before


def test_every_fix_says_what_would_make_it_removable():
    assert all('Removable when' in fix.__doc__ for fix in compat.FIXES)


def test_scatter_finds_the_stream_of_a_gpu_number(monkeypatch):
    from mmcv.parallel import _functions

    assert _functions._get_stream(torch.device('cpu')) is None
    asked = []
    monkeypatch.setattr(torch.accelerator, 'is_available', lambda: asked.append(1))  # says no
    assert _functions._get_stream(0) is None
    assert asked, 'a number was not taken for a GPU'


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_scatter_copies_to_a_gpu():
    from mmcv.parallel import DataContainer, scatter

    (batch,) = scatter(DataContainer([torch.arange(3)], stack=True), [0])
    assert batch.device == torch.device('cuda', 0)
    assert batch.tolist() == [0, 1, 2]


def test_loaders_pin_all_tensors_of_a_batch_but_those_for_the_cpu(monkeypatch):
    from mmcv.parallel import DataContainer
    from torch.utils.data._utils.pin_memory import pin_memory

    pinned = []
    monkeypatch.setattr(torch.Tensor, 'pin_memory', lambda tensor: pinned.append(tensor) or tensor)
    image, boxes, kept = torch.ones(2, 3), [torch.ones(1, 4), torch.ones(0, 4)], torch.ones(1)
    metas = DataContainer([[dict(shape=(2, 3), kept=kept)]], cpu_only=True)
    batch = dict(img=DataContainer([image], stack=True), boxes=DataContainer([boxes]), metas=metas)
    found = pin_memory(batch)
    assert found['boxes'] is not batch['boxes']  # what the caller holds stays as it is
    assert [tensor.shape for tensor in pinned] == [(2, 3), (1, 4), (0, 4)]
    assert found['img'].data[0] is image
    assert found['img'].stack
    assert found['boxes'].data == [boxes]
    assert found['metas'].data == metas.data


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_a_loader_for_a_gpu_gives_pinned_batches():
    from mmcv.parallel import DataContainer, collate
    from torch.utils.data import DataLoader

    samples = [dict(img=DataContainer(torch.ones(3, 4, 4), stack=True))] * 2
    (batch,) = DataLoader(samples, batch_size=2, collate_fn=lambda part: collate(part, 2), pin_memory=True)
    assert batch['img'].data[0].is_pinned()


def test_distributed_forward_runs_the_module(gloo):
    from mmcv.parallel import MMDistributedDataParallel

    layer = torch.nn.Linear(2, 1)
    wrapped = MMDistributedDataParallel(layer)
    features = torch.ones(3, 2)
    assert torch.equal(wrapped(features), layer(features))


def test_distributed_forward_of_cpu_tensors_reaches_gradients(gloo):
    from mmcv.parallel import MMDistributedDataParallel

    wrapped = MMDistributedDataParallel(torch.nn.Linear(2, 1, bias=False))
    wrapped(torch.tensor([[1.0, 2.0]])).sum().backward()
    assert wrapped.module.weight.grad.tolist() == [[1.0, 2.0]]


def test_categories_of_an_image_of_a_stock_dataset():
    from mmdet.datasets import CustomDataset

    dataset = CustomDataset.__new__(CustomDataset)
    dataset.data_infos = [{'ann': {'labels': np.array([2, 0], np.int64)}}]
    assert dataset.get_cat_ids(0) == [2, 0]


def test_iou_balanced_sampler_samples_negatives():
    from mmdet.core.bbox.samplers import IoUBalancedNegSampler

    sampler = IoUBalancedNegSampler(num=2, pos_fraction=0.0, floor_thr=0.0, floor_fraction=1.0)
    overlaps = np.array([0.0, 0.2, 0.3])
    assert set(sampler.sample_via_interval(overlaps, {0, 1, 2}, 2).tolist()) <= {0, 1, 2}


def test_old_aliases_stay_out_of_numpy():
    assert compat.NUMPY_WITH_OLD_ALIASES.float is float
    assert compat.NUMPY_WITH_OLD_ALIASES.arange is np.arange
    assert not hasattr(np, 'int')


@pytest.mark.parametrize('number', [np.float64(0.25), np.float32(0.25), np.int64(3), np.bool_(True)])
def test_checkpoint_with_a_numpy_number_loads_with_weights_only(tmp_path, number):
    from mmcv.runner import load_checkpoint, save_checkpoint

    path = str(tmp_path / 'model.pth')
    model = torch.nn.Linear(1, 1)
    save_checkpoint(model, path, meta={'best_score': number})
    meta = load_checkpoint(torch.nn.Linear(1, 1), path)['meta']
    assert meta['best_score'] == number
    assert type(meta['best_score']) is type(number)


class Harmful:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), 'w')


def test_checkpoint_with_code_is_still_refused(tmp_path):
    from mmcv.runner import load_checkpoint

    path = tmp_path / 'model.pth'
    torch.save({'state_dict': {}, 'meta': Harmful(tmp_path / 'harm')}, path)
    with pytest.raises(Exception, match='Weights only load failed'):
        load_checkpoint(torch.nn.Linear(1, 1), str(path))
    assert not (tmp_path / 'harm').exists()


def test_nms_on_the_cpu_is_mmcvs_own():
    from mmcv.ops import nms

    boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 5.0], [8.0, 8.0, 9.0, 9.0]])
    kept = nms(boxes, torch.tensor([0.5, 0.75, 0.25]), 0.5)[1]
    assert kept.tolist() == [1, 2]


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('seed', range(3))
def test_nms_on_the_gpu_keeps_what_the_cpu_keeps(seed):
    from mmcv.ops import batched_nms

    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(200, 2, generator=generator) * 40
    boxes = torch.cat((corners, corners + 1 + torch.rand(200, 2, generator=generator) * 20), dim=1)
    scores, classes = torch.rand(200, generator=generator), torch.randint(3, (200,), generator=generator)
    settings = {'type': 'nms', 'iou_threshold': 0.5}
    on_cpu = batched_nms(boxes, scores, classes, settings)[1]
    on_gpu = batched_nms(boxes.cuda(), scores.cuda(), classes.cuda(), settings)[1]
    assert on_gpu.cpu().tolist() == on_cpu.tolist()


def test_focal_loss_agrees_with_its_definition():
    from mmdet.models.losses.focal_loss import py_sigmoid_focal_loss, sigmoid_focal_loss

    logits = torch.linspace(-3, 3, 12).reshape(4, 3).requires_grad_()
    labels = torch.tensor([0, 2, 3, 1])
    weight = torch.tensor([1.0, 0.5, 1.0, 0.0])
    loss = sigmoid_focal_loss(logits, labels, weight, gamma=2.0, alpha=0.25, avg_factor=2.0)
    one_hot = torch.nn.functional.one_hot(labels, 4)[:, :3]
    expected = py_sigmoid_focal_loss(logits, one_hot, weight, gamma=2.0, alpha=0.25, avg_factor=2.0)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)
    (gradient,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, logits)[0], rtol=1e-5, atol=1e-9)


def test_focal_loss_refuses_what_it_does_not_do():
    with pytest.raises(NotImplementedError, match='no weight'):
        compat.sigmoid_focal_loss(
            torch.zeros(1, 1), torch.zeros(1, dtype=torch.long), 2.0, 0.25, None, 'mean'
        )


FAULTS = {
    'scatter': (
        'from mmcv.parallel._functions import _get_stream; _get_stream(0)',
        "'int' object has no attribute 'type'",
    ),
    'distributed forward': (
        """
import tempfile, torch
from mmcv.parallel import MMDistributedDataParallel
store = tempfile.mkdtemp() + '/group'
torch.distributed.init_process_group('gloo', init_method='file://' + store, rank=0, world_size=1)
MMDistributedDataParallel(torch.nn.Linear(2, 1))(torch.ones(3, 2))
""",
        '_use_replicated_tensor_module',
    ),
    'NumPy aliases': (
        """
import numpy as np
from mmdet.datasets import CustomDataset
dataset = CustomDataset.__new__(CustomDataset)
dataset.data_infos = [dict(ann=dict(labels=np.array([2, 0])))]
dataset.get_cat_ids(0)
""",
        "has no attribute 'int'",
    ),
    'NumPy numbers in checkpoints': (
        """
import io, numpy as np, torch
file = io.BytesIO()
torch.save(dict(meta=np.float64(0.5)), file)
file.seek(0)
torch.load(file)
""",
        'numpy._core.multiarray.scalar',
    ),
    'focal loss': (
        """
import torch
from mmdet.models.losses.focal_loss import sigmoid_focal_loss
sigmoid_focal_loss(torch.zeros(2, 3), torch.tensor([0, 3]))
""",
        'sigmoid_focal_loss_forward_impl',
    ),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_fault_is_there_without_the_fix(fault):
    code, message = FAULTS[fault]
    assert message in error_without_fixes(code), 'the fix may be removable'


def test_very_long_images_keep_a_pixel():
    code = 'import mmcv, numpy as np; mmcv.imrescale(np.zeros((1, 3000, 3), np.uint8), (1333, 800))'
    assert 'resize' in error_without_fixes(code)
    import mmcv

    assert mmcv.imrescale(np.zeros((1, 3000, 3), np.uint8), (1333, 800)).shape == (1, 1333, 3)
    assert mmcv.imrescale(np.zeros((3000, 1, 3), np.uint8), (1333, 800)).shape == (1333, 1, 3)
    assert mmcv.imrescale(np.zeros((480, 640, 3), np.uint8), (1333, 800)).shape == (800, 1067, 3)
