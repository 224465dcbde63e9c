"""Mends of mmcv 1.7.2 and MMDetection 2.28.2 for torch 2.11 and NumPy 2.

And what a mmcv that was compiled for the CPU needs on a GPU. Each function mends one thing in memory, can be
called again without harm, and names its reason and what would make it removable; nothing is changed on disk.
`apply` calls them all, once per process; importing mmdet_miaod does that.
"""

import copy
import functools
import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Modules that still name np.int or np.float, which NumPy removed in 1.24.
MODULES_WITH_OLD_ALIASES = (
    'mmdet.datasets.custom',
    'mmdet.datasets.openimages',
    'mmdet.core.bbox.samplers.iou_balanced_neg_sampler',
    'mmcv.ops.pixel_group',
)


@functools.cache
def apply() -> None:
    """Apply every fix of this module."""
    for fix in FIXES:
        fix()


def scatter_to_gpus_by_torch_device() -> None:
    """Let mmcv's scatter copy a batch to a GPU.

    It hands `_get_stream` a number, which torch >= 2.1 wants as a torch.device. Removable when
    mmcv.parallel._functions.Scatter makes a torch.device of it (mmcv 1.x gets no more releases).
    """
    functions = importlib.import_module('mmcv.parallel._functions')
    original = functions._get_stream
    if hasattr(original, 'takes_numbers'):
        return

    def get_stream(device: int | torch.device) -> Any:
        return original(torch.device('cuda', device) if isinstance(device, int) else device)

    get_stream.takes_numbers = True
    functions._get_stream = get_stream


def let_batches_be_pinned() -> None:
    """Let torch's loaders copy mmcv's batches to page-locked memory.

    torch pins tensors, containers of tensors and whatever has a method `pin_memory`. mmcv's DataContainer has
    none: `pin_memory=True` did nothing, without a word, and every copy to a GPU was waited for.
    Removable when DataContainer has that method.
    """
    from mmcv.parallel import DataContainer

    if not hasattr(DataContainer, 'pin_memory'):
        DataContainer.pin_memory = pin_data_container


def pin_data_container(container: Any) -> Any:
    """Return a DataContainer with pinned tensors, or the same one if its data stays on the CPU."""
    if container.cpu_only:
        return container
    pinned = copy.copy(container)
    pinned._data = _pinned(container.data)
    return pinned


def _pinned(data: Any) -> Any:
    # Lists of tensors, and lists of those, are all that mmcv's scatter takes.
    if isinstance(data, Tensor):
        return data.pin_memory()
    return [_pinned(item) for item in data] if isinstance(data, list) else data


def run_wrapped_module_in_distributed_forward() -> None:
    """Let `MMDistributedDataParallel.forward` run.

    It asks for `_use_replicated_tensor_module`, which torch 2.1 removed. Replicated tensors were an
    experiment of torch 1.12; without one, torch too runs the wrapped module itself. Removable when
    MMDistributedDataParallel._run_ddp_forward asks no longer.
    """
    from mmcv.parallel import MMDistributedDataParallel

    MMDistributedDataParallel._use_replicated_tensor_module = False


def restore_old_numpy_aliases() -> None:
    """Give the modules that name np.int or np.float a NumPy that has them.

    Everyone else's NumPy stays as it is. `CustomDataset.get_cat_ids` (behind ClassBalancedDataset),
    `OpenImagesDataset.get_cat_ids`, IoUBalancedNegSampler and mmcv's pixel_group raise AttributeError
    otherwise. Removable when these modules name int and float instead.
    """
    for name in MODULES_WITH_OLD_ALIASES:
        importlib.import_module(name).np = NUMPY_WITH_OLD_ALIASES


class _NumpyWithOldAliases(ModuleType):
    int = int
    float = float

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


NUMPY_WITH_OLD_ALIASES = _NumpyWithOldAliases('numpy_with_old_aliases')


def allow_numpy_scalars_in_checkpoints() -> None:
    """Let weights-only loading, torch's default since 2.6, take NumPy's numbers.

    mmcv's hooks put them into a checkpoint's `meta` (the best score of EvalHook), and so do checkpoints that
    were written with older stacks. Numbers run no code when they are loaded; everything else that
    weights-only loading refuses stays refused. Removable when torch allows NumPy's scalars by itself.
    """
    multiarray = importlib.import_module(
        'numpy._core.multiarray' if hasattr(np, '_core') else 'numpy.core.multiarray'
    )
    number_types = {type(np.dtype(code)) for code in '?bBhHiIlLqQefd'}
    torch.serialization.add_safe_globals([
        (multiarray.scalar, 'numpy._core.multiarray.scalar'),  # as NumPy 2 writes it
        (multiarray.scalar, 'numpy.core.multiarray.scalar'),  # as NumPy 1 wrote it
        (np.dtype, 'numpy.dtype'),
        *number_types,
    ])  # fmt: skip


def mmcv_has_cuda_ops() -> bool:
    """Whether mmcv was compiled with its CUDA kernels; scripts/setup_env.sh compiles it without."""
    from mmcv.ops import get_compiling_cuda_version

    return get_compiling_cuda_version() != 'not available'


def run_nms_on_gpu_by_torchvision() -> None:
    """Let MMDetection's stock heads predict on a GPU with a CPU-built mmcv.

    NMS of CUDA boxes goes to torchvision: both keep the same boxes in the same order. Boxes in the old pixel
    convention (offset 1) are not torchvision's, and go to mmcv as before. Removable when mmcv-full has wheels
    with CUDA ops for the pinned torch.
    """
    ops = importlib.import_module('mmcv._ext')
    original = ops.nms
    if mmcv_has_cuda_ops() or hasattr(original, 'cuda_by_torchvision'):
        return

    def nms(bboxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
        if bboxes.is_cuda and offset == 0:
            return torchvision_nms(bboxes, scores, iou_threshold)
        return original(bboxes, scores, iou_threshold=iou_threshold, offset=offset)

    from torchvision.ops import nms as torchvision_nms

    nms.cuda_by_torchvision = True
    ops.nms = nms


def compute_focal_loss_by_torchvision() -> None:
    """Let MMDetection's FocalLoss train on a GPU with a CPU-built mmcv.

    mmcv's op has no CPU kernel, and then no CUDA kernel either. Removable when mmcv-full has wheels with CUDA
    ops for the pinned torch.
    """
    if not mmcv_has_cuda_ops():
        importlib.import_module('mmdet.models.losses.focal_loss')._sigmoid_focal_loss = sigmoid_focal_loss


def sigmoid_focal_loss(
    logits: Tensor, labels: Tensor, gamma: float, alpha: float, weight: None, reduction: str
) -> Tensor:
    """Focal loss of every anchor and class, in the signature of mmcv's op, as far as MMDetection uses it.

    Args:
        logits: (N, C) float.
        labels: (N,) int64 in 0..C, where C is background.
        gamma: exponent of the modulating factor.
        alpha: weight of positives; negatives weigh 1 - alpha.
        weight: None; MMDetection weighs and reduces what comes back.
        reduction: 'none'.

    Returns:
        (N, C) float.
    """
    if weight is not None or reduction != 'none':
        raise NotImplementedError("the focal loss in place of mmcv's takes no weight and does not reduce")
    from torchvision.ops import sigmoid_focal_loss as focal_loss

    classes = logits.size(1)
    targets = torch.nn.functional.one_hot(labels, classes + 1)[:, :classes].to(logits.dtype)
    return focal_loss(logits, targets, alpha, gamma)


def resize_to_a_pixel_at_least() -> None:
    """Let mmcv's resizing keep a pixel of every side.

    `_scale_size` rounds the short side of a very long image to 0, which OpenCV refuses with an error of its
    own in the middle of a stage. Removable when mmcv does not (mmcv 1.x gets no more releases).
    """
    geometric = importlib.import_module('mmcv.image.geometric')
    original = geometric._scale_size
    if hasattr(original, 'keeps_a_pixel'):
        return

    def scale_size(size: tuple[int, int], scale: float | tuple) -> tuple[int, int]:
        width, height = original(size, scale)
        return max(width, 1), max(height, 1)

    scale_size.keeps_a_pixel = True
    geometric._scale_size = scale_size


FIXES: tuple[Callable[[], None], ...] = (
    scatter_to_gpus_by_torch_device,
    let_batches_be_pinned,
    run_wrapped_module_in_distributed_forward,
    restore_old_numpy_aliases,
    allow_numpy_scalars_in_checkpoints,
    run_nms_on_gpu_by_torchvision,
    compute_focal_loss_by_torchvision,
    resize_to_a_pixel_at_least,
)
