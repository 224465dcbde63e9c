"""The epoch runner that trains on labeled and unlabeled batches in turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmcv.parallel import DataContainer
from mmcv.runner import RUNNERS, EpochBasedRunner
from torch import nn

from ..datasets.loaders import TrainLoader
from ..randomness import seed_everything
from .gradient_step import GradientStep
from .loss_log import LossLog, LossRecord, batch_files
from .loss_watch import LossWatch
from .run_log import RunLog
from .stage import StagePosition

TAG_KEYS = {'labeled': 0, 'unlabeled': 1}


@dataclass(frozen=True)
class EpochData:
    """Length of an epoch and data set, which hooks find as ``runner.data_loader``.

    Attributes:
        length: iterations of an epoch.
        dataset: of the first loader, the labeled one where the stage has it; None where it has none.
    """

    length: int
    dataset: Any = None

    def __len__(self) -> int:
        return self.length


@RUNNERS.register_module()
class AlternatingEpochRunner(EpochBasedRunner):
    """Runs the epochs of one stage: an iteration is one optimizer step for each kind of batch of the stage.

    The hooks of MMCV work as with its own runner; ``before_train_iter`` and ``after_train_iter`` are called
    once per iteration. Optimizer steps and checkpoints are not hooks here.

    A config names it, or a registered subclass with further arguments: ``runner = dict(type='MyRunner')``.

    Args:
        model: the detector, wrapped by :func:`~mmdet_miaod.engine.parallel.wrap_model`.
        position: the stage, its place in the run, and how many of its epochs are trained already.
        gradient_step: turns a loss into an optimizer step.
        seed: of the run; the order of the data is derived from it, the cycle and the number of the stage.
        sync_interval: iterations between two readings of the losses; 1 checks each before its step.
        loss_watch: is told the classification loss of every labeled batch.
        run_log: the log files that the stages of a run share.
        kwargs: ``logger`` and ``work_dir`` of MMCV's runner.

    Attributes:
        stage: its losses, its kinds of batches and its number of epochs.
        labels: text and numbers that go into every line of the log, such as the cycle and the stage.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        position: StagePosition,
        gradient_step: GradientStep,
        seed: int,
        sync_interval: int = 1,
        loss_watch: LossWatch | None = None,
        run_log: RunLog | None = None,
        **kwargs: Any,
    ) -> None:
        self.stage = position.stage
        self.labels: dict[str, Any] = dict(cycle=position.cycle, stage=self.stage.name)
        meta = dict(
            self.labels,
            stage_number=position.number,
            first_iteration=position.first_iteration,
            first_epoch=position.first_epoch,
        )
        epochs = self.stage.epochs
        super().__init__(model, optimizer=gradient_step.optimizer, max_epochs=epochs, meta=meta, **kwargs)
        self.gradient_step = gradient_step
        self.loss_watch = loss_watch
        self.run_log = run_log
        self._epoch = position.epochs_done
        self._order_key = (seed, position.cycle, position.number)
        self._sync_interval = sync_interval

    def run(self, loaders: Sequence[TrainLoader]) -> None:
        """Train the remaining epochs.

        Args:
            loaders: one per tag of the stage, in the order in which an iteration uses them.

        Raises:
            ValueError: when the loaders' tags are not the stage's.
            FloatingPointError: when a loss is not finite.
        """
        if tuple(loader.tag for loader in loaders) != self.stage.tags:
            raise ValueError(f'stage {self.stage.name!r} needs loaders of the tags {self.stage.tags}')
        lengths = {loader.tag: len(loader) for loader in loaders}
        length = lengths[self.stage.epoch_length]
        self.data_loader = EpochData(length, getattr(loaders[0], 'dataset', None))
        self._iter = self._epoch * length
        self._max_iters = self._max_epochs * length
        self.call_hook('before_run')
        try:
            while self.epoch < self._max_epochs:
                self.train(loaders)
        finally:
            self.call_hook('after_run')

    def train(self, loaders: Sequence[TrainLoader]) -> None:
        """Train one epoch."""
        self.model.train()
        self.mode = 'train'
        length = len(self.data_loader)
        where = f'stage {self.stage.name!r} of cycle {self.labels["cycle"]}, epoch {self.epoch + 1}'
        losses = LossLog(where, self.world_size, self.loss_watch)
        # So that layers which draw random numbers (dropout) draw the same ones in a resumed run.
        seed_everything(*self._order_key, self.epoch)
        self.call_hook('before_train_epoch')
        streams = [
            loader.batches(length, *self._order_key, self.epoch, TAG_KEYS[loader.tag]) for loader in loaders
        ]
        for self._inner_iter, batches in enumerate(zip(*streams, strict=True)):
            self.call_hook('before_train_iter')
            for tag, batch in zip(self.stage.tags, batches, strict=True):
                self.train_batch(tag, batch, losses)
            if (self._inner_iter + 1) % self._sync_interval == 0 or self._inner_iter + 1 == length:
                self._read(losses)
                self.log_buffer.output.update(self.labels)
            self.call_hook('after_train_iter')
            self._iter += 1
        self.call_hook('after_train_epoch')
        self._epoch += 1

    def train_batch(self, tag: str, batch: dict[str, Any], losses: LossLog) -> None:
        """Take one optimizer step.

        Args:
            tag: ``'labeled'`` or ``'unlabeled'``.
            batch: from the loader of this tag, not yet on the device.
            losses: takes the batch's losses.
        """
        with self.gradient_step.precision.autocast():
            self.outputs = self.model.train_step(batch, self.optimizer, loss_terms=self.stage.losses(tag))
        files = batch_files(_flat_metas(batch['img_metas']))
        losses.add(LossRecord(tag, self._inner_iter, files, self.outputs['log_vars']))
        if self._sync_interval == 1:
            self._read(losses)
        self.gradient_step(self.outputs['loss'])

    def _read(self, losses: LossLog) -> None:
        for values, count in losses.flush():
            self.log_buffer.update(values, count)


def _flat_metas(img_metas: Any) -> list[dict]:
    """Meta data of a batch as the loader yields it (one GPU's list in a DataContainer)."""
    return img_metas.data[0] if isinstance(img_metas, DataContainer) else img_metas


def build_runner(config: Mapping[str, Any], model: nn.Module, **arguments: Any) -> AlternatingEpochRunner:
    """Build the runner that a config names.

    Args:
        config: MMDetection's ``runner`` key: the type, and arguments that a subclass adds.
        model: the wrapped detector.
        arguments: of :class:`AlternatingEpochRunner`.

    Raises:
        ValueError: when the type is not this runner or a subclass, or does not take the config's arguments.
    """
    if not isinstance(config, Mapping):
        raise ValueError(f"runner is {config!r}, but dict(type='AlternatingEpochRunner') is expected")
    name = config.get('type')
    kind = RUNNERS.module_dict.get(name) if isinstance(name, str) else name
    if not (isinstance(kind, type) and issubclass(kind, AlternatingEpochRunner)):
        raise ValueError(
            f'runner.type is {name!r}: only AlternatingEpochRunner (the default) and registered subclasses '
            'of it train on labeled and unlabeled batches in turn; leave runner out, or add the module of a '
            'subclass to custom_imports'
        )
    for key in ('max_epochs', 'max_iters'):
        if key in config:
            raise ValueError(
                f'runner.{key} is {config[key]!r}: leave it out, the epochs come from schedule, epoch_ratio '
                'and epoch'
            )
    taken = sorted({'model', *arguments} & config.keys())
    if taken:
        raise ValueError(f'runner.{taken[0]} cannot be set: the run itself sets it')
    try:
        return RUNNERS.build(dict(config), default_args=dict(arguments, model=model))
    except TypeError as error:
        raise ValueError(f'runner = {dict(config)}: cannot be built ({error})') from error
