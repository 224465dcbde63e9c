"""Options that make a GPU faster without changing the method; each is off unless a config turns it on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn

# PyTorch compiles a branch anew for each combination of gradients on or off, frozen features, training or
# evaluation, and fixed or dynamic sizes. Its default limit, 8 versions for all branches together, is too low.
COMPILED_VERSIONS = 64


@dataclass(frozen=True)
class Acceleration:
    """Options that are config keys of the same names.

    Attributes:
        cudnn_benchmark: let cuDNN try its algorithms for each new input shape and keep the fastest. Useful
            where there are few shapes; results may differ in the last bits from run to run.
        tf32: multiply with 10 bits of mantissa on the tensor cores of Ampere GPUs and later.
        channels_last: store weights, and so feature maps, with channels as the fastest dimension. For GPUs
            with tensor cores; on CPUs narrow models get faster and wide ones slower.
        compile_towers: compile the head's branches with ``torch.compile`` (needs a C++ compiler or Triton).
    """

    cudnn_benchmark: bool = False
    tf32: bool = False
    channels_last: bool = False
    compile_towers: bool = False

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> 'Acceleration':
        """Read the keys of a config."""
        return cls(**{item.name: config.get(item.name, False) for item in fields(cls)})

    def apply_to_backends(self) -> None:
        """Set PyTorch's switches for the whole process; where it is deterministic, cuDNN stays so."""
        repeatable = torch.are_deterministic_algorithms_enabled()
        torch.backends.cudnn.benchmark = self.cudnn_benchmark and not repeatable
        torch.backends.cudnn.allow_tf32 = self.tf32
        torch.backends.cuda.matmul.allow_tf32 = self.tf32

    def apply_to_model(self, model: nn.Module) -> nn.Module:
        """Prepare a model on its device; names and values of its weights stay as they are.

        Args:
            model: a detector with ``bbox_head``; changed in place.

        Returns:
            The same model.
        """
        if self.channels_last:
            # Convolutions return the layout of their weights, so the images need not be converted.
            model.to(memory_format=torch.channels_last)
        if self.compile_towers:
            compile_branches(model.bbox_head)
        return model


@contextmanager
def backends_restored() -> Iterator[None]:
    """Context after which the switches of :meth:`Acceleration.apply_to_backends` are as before."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32 = before


def compile_branches(head: nn.Module, backend: str = 'inductor') -> None:
    """Compile ``head.forward_branch`` for any image size, one function per branch.

    Stages train and freeze branches separately: with a function each, a change for one branch does not make
    the others compile again. PyTorch's limit of compiled versions is raised for the whole process.

    Args:
        head: a head with ``forward_branch(feats, branch)``; changed in place.
        backend: of ``torch.compile``.
    """
    limits = torch._dynamo.config
    limits.recompile_limit = max(limits.recompile_limit, COMPILED_VERSIONS)
    plain = head.forward_branch
    compiled: dict[str, Callable[[Sequence[Tensor]], list[Tensor]]] = {}

    def forward_branch(feats: Sequence[Tensor], branch: str) -> list[Tensor]:
        if branch not in compiled:
            compiled[branch] = torch.compile(_of_one_branch(plain, branch), backend=backend, dynamic=True)
        return compiled[branch](tuple(feats))

    head.forward_branch = forward_branch


def _of_one_branch(forward_branch: Callable, branch: str) -> Callable[[Sequence[Tensor]], list[Tensor]]:
    def forward(feats: Sequence[Tensor]) -> list[Tensor]:
        return forward_branch(feats, branch)

    return forward
