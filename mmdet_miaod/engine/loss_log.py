"""Losses of batches: read from the device all at once, checked, and named for the log."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import distributed as dist

from .. import distributed
from ..models.dense_heads.loss_terms import LOSS_TERMS
from .loss_watch import LossWatch


@dataclass(frozen=True)
class LossRecord:
    """The losses of one batch.

    Attributes:
        tag: ``'labeled'`` or ``'unlabeled'``.
        iteration: number of the iteration in its epoch, from 0.
        files: image files of the batch.
        losses: detached 0-d tensors on the device: the loss terms by name, and ``'loss'``, their sum.
    """

    tag: str
    iteration: int
    files: tuple[str, ...]
    losses: dict[str, torch.Tensor]


class LossLog:
    """Collects losses without waiting for the device, and reads them all at once.

    Reading a tensor from a GPU waits for everything queued before it, so losses are read only when they are
    due in the log. On a CPU each batch is checked before its optimizer step.

    Args:
        where: name of the stage and epoch, for the error message.
        world_size: number of processes, over which the logged values are averaged.
        watch: is told the classification loss of every labeled batch.
    """

    def __init__(self, where: str, world_size: int = 1, watch: LossWatch | None = None) -> None:
        self._where = where
        self._world_size = world_size
        self._watch = watch
        self._pending: list[LossRecord] = []

    def add(self, record: LossRecord) -> None:
        """Collect the losses of a batch."""
        self._pending.append(record)

    def flush(self) -> list[tuple[dict[str, float], int]]:
        """Read the collected losses as floats, each with its batch's number of images, and empty the log.

        Raises:
            FloatingPointError: when a loss is not finite, naming the stage, iteration, images and terms.
        """
        pending, self._pending = self._pending, []
        if not pending:
            return []
        values = torch.stack([value.float() for record in pending for value in record.losses.values()])
        if self._world_size > 1:
            dist.all_reduce(values)
            values /= self._world_size
        numbers = iter(values.tolist())
        read = [{name: next(numbers) for name in record.losses} for record in pending]
        for record, losses in zip(pending, read, strict=True):
            self._check(record, losses)
            if self._watch is not None and record.tag == 'labeled' and 'loss_cls' in losses:
                where = f'{self._where}, iteration {record.iteration + 1}'
                self._watch.add(losses['loss_cls'], record.files, where)
        return [
            (_log_names(record.tag, losses), len(record.files))
            for record, losses in zip(pending, read, strict=True)
        ]

    def _check(self, record: LossRecord, losses: dict[str, float]) -> None:
        bad = [f'{name} = {value}' for name, value in losses.items() if not math.isfinite(value)]
        if bad:
            # All processes see the same mean, so all of them reach this line; some have the cause.
            own = [value for value in record.losses.values() if not bool(torch.isfinite(value))]
            files = [name for part in distributed.gather(record.files if own else ()) for name in part]
            raise FloatingPointError(
                f'the loss is not finite in {self._where}, iteration {record.iteration + 1}, '
                f'{record.tag} batch: {", ".join(bad)}; images: {", ".join(files or record.files)}. '
                f'{_advice([name for name, value in losses.items() if not math.isfinite(value)])}'
            )


def _advice(bad: Sequence[str]) -> str:
    """Name the causes that fit the loss terms that are not finite, the likely one first."""
    diverged = (
        'gradient clipping (optimizer_config.grad_clip.max_norm=10) or a lower learning rate '
        '(optimizer.lr) may help: set one by --cfg-options, with --force to resume this run, '
        'which would come to the same point again without.'
    )
    if all('bbox' in name for name in bad if name != 'loss'):
        return (
            'Only the loss of boxes is not finite: look at the boxes of these images first (a box that a '
            'transform leaves without area is log 0; tools/doctor.py CONFIG --all-annotations lists odd '
            'boxes). '
            f'Where they are right, {diverged}'
        )
    return f'The training diverged: {diverged}'


def _log_names(tag: str, losses: dict[str, float]) -> dict[str, float]:
    """Give values that both kinds of batches have different names: the sum, and terms that need no labels."""
    if tag == 'unlabeled':
        return {('loss_unlabeled' if name == 'loss' else name): value for name, value in losses.items()}
    return {
        (f'{name}_labeled' if name in LOSS_TERMS and not LOSS_TERMS[name].needs_labels else name): value
        for name, value in losses.items()
    }


def batch_files(img_metas: Sequence[dict]) -> tuple[str, ...]:
    """Image files of a batch, from its meta data."""
    return tuple(meta.get('ori_filename') or meta.get('filename', '?') for meta in img_metas)
