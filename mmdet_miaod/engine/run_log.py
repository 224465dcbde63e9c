"""Log files of a run as MMDetection has them: the loss log, with evaluations, and other loggers' files."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mmcv.runner import LogBuffer
from mmcv.runner.hooks import LoggerHook

from .. import distributed
from ..run.own_paths import open_to_append

# Of an evaluated cycle: what is no metric.
_NO_METRICS = ('cycle', 'labeled', 'boxes')


class RunLog:
    """Log files that the stages of a run write together.

    MMDetection's ``tools/analysis_tools/analyze_logs.py`` reads the loss log: it skips the first line, and
    the lines of a stage's beginning, which have no ``epoch``.

    Args:
        path: the loss log, ``<timestamp>.log.json``, in the run directory.
        loggers: those of :func:`~mmdet_miaod.engine.hooks.build_loggers` that are no text loggers.
    """

    def __init__(self, path: Path, loggers: Sequence[LoggerHook] = ()) -> None:
        self._path = path
        self.loggers = loggers

    @distributed.main_only
    def begin(self, facts: Mapping[str, Any]) -> None:
        """Write the first line: the environment, the config and the seed."""
        self._append(facts)

    @distributed.main_only
    def evaluation(self, entry: Mapping[str, Any], epoch: int, iteration: int) -> None:
        """Write a cycle's evaluation; nothing when the cycle was not evaluated.

        Args:
            entry: of the cycle, from :func:`~mmdet_miaod.run.metrics.cycle_metrics`.
            epoch: epochs of the run so far.
            iteration: iterations of the run so far.
        """
        if entry['mAP'] is None:
            return
        numbers = {name: value for name, value in entry.items() if isinstance(value, (int, float))}
        self._append(dict(mode='val', epoch=epoch, iter=iteration, **numbers))
        runner = self._runner_after(epoch, iteration)
        runner.log_buffer.output.update({name: numbers[name] for name in numbers.keys() - _NO_METRICS})
        for logger in self.loggers:
            if logger.runner is None:
                logger.before_run(runner)
            logger.log(runner)

    def _runner_after(self, epoch: int, iteration: int) -> SimpleNamespace:
        """Stand in for the runner of a stage: a resumed run may have none before its first evaluation."""
        return SimpleNamespace(
            mode='val',
            epoch=epoch,
            iter=iteration - 1,
            meta={},
            hooks=[],
            work_dir=str(self._path.parent),
            log_buffer=LogBuffer(),
            current_lr=dict,
            current_momentum=dict,
        )

    def close(self) -> None:
        """End the loggers."""
        for logger in self.loggers:
            logger.end()

    def _append(self, line: Mapping[str, Any]) -> None:
        with open_to_append(self._path) as file:
            file.write(f'{json.dumps(line)}\n'.encode())
