"""Hooks of the alternating runner: the end of an epoch, TensorBoard's curves of a whole run."""

from __future__ import annotations

from collections.abc import Callable

from mmcv.runner import HOOKS, Hook
from mmcv.runner.dist_utils import master_only
from mmcv.runner.hooks import TensorboardLoggerHook

from .runner import AlternatingEpochRunner


class EpochEndHook(Hook):
    """Calls a function with the runner after each epoch's training.

    Args:
        action: the function.
    """

    def __init__(self, action: Callable[[AlternatingEpochRunner], None]) -> None:
        self._action = action

    def after_train_epoch(self, runner: AlternatingEpochRunner) -> None:
        """Call the function."""
        self._action(runner)


@HOOKS.register_module()
class RunTensorboardLoggerHook(TensorboardLoggerHook):
    """MMCV's TensorBoard hook with an x axis that counts iterations over the run, not over the stage.

    The event files go to ``tf_logs`` in the run directory; arguments are those of MMCV's hook.

    Raises:
        ImportError: at the start of training, when TensorBoard is not installed.
    """

    @master_only
    def log(self, runner: AlternatingEpochRunner) -> None:
        """Write losses and learning rate at the run's iteration."""
        iteration = (runner.meta or {}).get('first_iteration', 0) + self.get_iter(runner)
        for tag, value in self.get_loggable_tags(runner, add_mode=False).items():
            self.writer.add_scalar(tag, value, iteration)
