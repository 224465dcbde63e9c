"""The training of one cycle: stage after stage, a checkpoint after each epoch, from wherever it stopped."""

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .. import distributed
from ..datasets.loaders import TrainLoader
from ..engine.loss_watch import LossWatch
from ..engine.runner import AlternatingEpochRunner
from ..engine.stage import Stage, StagePosition, frozen_parameter_names
from ..engine.trainer import TrainSettings, train_stage
from ..randomness import seed_everything
from ..run.file_record import verify
from ..run.files import link_file, load_checkpoint, remove_file, save_checkpoint
from ..run.manifest import RunState
from ..run.step import FinishedStep
from .split import split_names

_LOGGER = logging.getLogger('mmdet')
LATEST = 'latest.pth'


@dataclass(kw_only=True)
class CycleTrainer:
    """Trains the model of a cycle and keeps the run's manifest about it.

    Attributes:
        schedule: the cycle's stages.
        build_model: builds a freshly initialised detector on the CPU.
        settings: how each stage is trained.
        state: the run's manifest.
        max_keep: resume checkpoints that stay, at least 1; 2 or more survive damage to the newest.
        meta: plain values stored in every checkpoint, such as the class names.
    """

    schedule: Sequence[Stage]
    build_model: Callable[[], nn.Module]
    settings: TrainSettings
    state: RunState
    max_keep: int
    meta: Mapping[str, Any]
    _newest: tuple[int, nn.Module] | None = field(default=None, init=False)

    def fresh_model(self) -> nn.Module:
        """Build the detector; every cycle's starts from the same random weights."""
        seed_everything(self.settings.seed)
        return self.build_model().to(self.settings.device)

    def model(self, cycle: int) -> nn.Module:
        """Return the trained model of a cycle whose training is finished."""
        if self._newest is None or self._newest[0] != cycle:
            model = self.fresh_model()
            self._load_weights(model, self.state.directory / model_name(cycle))
            self._newest = (cycle, model)
        return self._newest[1]

    def train(self, cycle: int, loaders: Mapping[str, TrainLoader]) -> FinishedStep:
        """Train what is left of a cycle and save its final model.

        Args:
            cycle: number of the cycle.
            loaders: the cycle's labeled and unlabeled loader, by tag.

        Returns:
            The step to record.
        """
        self._newest = None  # two models need not be in memory
        model = self.fresh_model()
        frozen = frozen_parameter_names(model)
        done = self.state.find('epoch', cycle)
        checkpoint: dict[str, Any] = {}
        if done is not None:
            checkpoint = self._load_weights(model, self.state.directory / epoch_name(done))
            _LOGGER.info('Cycle %d resumes after epoch %d of stage %d.', cycle, done.epoch, done.number)
        watch = LossWatch(memory=done and done.values.get('loss_watch'))
        for number, stage in enumerate(self.schedule):
            here = done is not None and done.number == number
            epochs_done = done.epoch if here else 0
            if (done is not None and number < done.number) or epochs_done >= stage.epochs:
                continue
            train_stage(
                model,
                StagePosition(cycle, number, stage, epochs_done, *self._trained_before(cycle, number)),
                loaders=loaders,
                settings=self.settings,
                frozen=frozen,
                on_epoch_end=self._epoch_saver(cycle, number, stage),
                loss_watch=watch,
                checkpoint=checkpoint if here else None,
            )
        self._newest = (cycle, model)
        return self.save_model(cycle, model)

    @distributed.main_only
    def save_model(self, cycle: int, model: nn.Module) -> FinishedStep:
        """Save a cycle's final model, in the main process; returns the step to record."""
        checkpoint = dict(meta=dict(self.meta, cycle=cycle), state_dict=_weights(model))
        record = save_checkpoint(self.state.path(model_name(cycle)), checkpoint)
        verify(record)
        needs = [*split_names(cycle), model_name(cycle)]
        return FinishedStep('model', cycle, files=self.state.relative([record]), needs=needs)

    def tidy(self) -> None:
        """Drop superseded checkpoints and show the newest ones under MMDetection's names.

        The last checkpoint of a finished cycle stays until the next cycle has one, in case the model that
        was made of it is damaged.
        """
        epochs = self.state.of_kind('epoch')
        newest = epochs[-1].cycle if epochs else None
        forgotten = []
        for cycle in {step.cycle for step in epochs}:
            keep = 0 if cycle != newest else self.max_keep
            if cycle == newest and self.state.find('model', cycle) is not None:
                keep = 1
            forgotten += self.state.forget_files('epoch', cycle, keep)
        self.state.drop(forgotten)
        self._link_epochs()

    def _epoch_saver(self, cycle: int, number: int, stage: Stage) -> Callable[[AlternatingEpochRunner], None]:
        started = time.monotonic()

        def save_epoch(runner: AlternatingEpochRunner) -> None:
            nonlocal started
            seconds = time.monotonic() - started
            if number == 0 and runner.epoch + 1 == stage.epochs:
                runner.loss_watch.check_fallen(f'stage {stage.name!r} of cycle {cycle}')
            values = dict(
                stage=stage.name,
                seconds=seconds,
                label_set=stage.is_label_set_training,
                iterations=len(runner.data_loader),
                loss_watch=runner.loss_watch.memory,
                loss_jumps=runner.loss_watch.take_jumps(),
            )
            step = FinishedStep('epoch', cycle, number, runner.epoch + 1, values=values)
            distributed.copy_buffers_from_main(runner.model.module)
            self.state.record(self._save_epoch(runner, step))
            self.tidy()
            started = time.monotonic()

        return save_epoch

    def _trained_before(self, cycle: int, number: int) -> tuple[int, int]:
        """Count the iterations and epochs of the run before a stage."""
        earlier = [
            step for step in self.state.of_kind('epoch') if (step.cycle, step.number) < (cycle, number)
        ]
        return sum(step.values.get('iterations', 0) for step in earlier), len(earlier)

    @distributed.main_only
    def _save_epoch(self, runner: AlternatingEpochRunner, step: FinishedStep) -> FinishedStep:
        checkpoint = dict(
            meta=dict(self.meta, cycle=step.cycle, stage=step.number, epoch=step.epoch),
            state_dict=_weights(runner.model.module),
            **runner.gradient_step.state_dict(),
        )
        name = epoch_name(step)
        record = save_checkpoint(self.state.path(name), checkpoint)
        verify(record)
        files, needs = self.state.relative([record]), [*split_names(step.cycle), name]
        return FinishedStep('epoch', step.cycle, step.number, step.epoch, files, needs, step.values)

    @distributed.main_only
    def _link_epochs(self) -> None:
        """Show the newest label-set stage's checkpoints as ``epoch_{n}.pth`` and ``latest.pth``."""
        steps = [step for step in self.state.of_kind('epoch') if step.values.get('label_set')]
        if not steps:
            return
        directory, newest = self.state.directory, steps[-1]
        steps = [step for step in steps if (step.cycle, step.number) == (newest.cycle, newest.number)]
        shown = {f'epoch_{step.epoch}.pth': step for step in steps[-self.max_keep :]}
        for path in directory.glob('epoch_*.pth'):
            if path.name not in shown and re.fullmatch(r'epoch_\d+\.pth', path.name):
                remove_file(path)
        for name, step in {**shown, LATEST: newest}.items():
            if step.files:
                link_file(directory / epoch_name(step), directory / name)

    def _load_weights(self, model: nn.Module, path: Path) -> dict[str, Any]:
        checkpoint = load_checkpoint(path)
        model.load_state_dict(checkpoint['state_dict'])
        _LOGGER.info('Loaded %s.', path)
        return checkpoint


def _weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.cpu() for name, tensor in model.state_dict().items()}


def model_name(cycle: int) -> str:
    """Path of a cycle's final model in the run directory."""
    return f'cycle{cycle}/model.pth'


def epoch_name(step: FinishedStep) -> str:
    """Path of an epoch's resume checkpoint in the run directory."""
    return f'checkpoints/cycle{step.cycle}_stage{step.number}_epoch{step.epoch}.pth'
