"""Log files of a run as MMDetection has them: the loss log, with evaluations, and TensorBoard's file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import distributed

# Of an evaluated cycle: what is no metric.
_NO_METRICS = ('cycle', 'labeled', 'boxes')


class RunLog:
    """What the stages of a run write together.

    MMDetection's ``tools/analysis_tools/analyze_logs.py`` reads the loss log: it skips the first line, and
    the lines of a stage's beginning, which have no ``epoch``.

    Args:
        path: the loss log, ``<timestamp>.log.json``.

    Attributes:
        writer: TensorBoard's ``SummaryWriter``, once a stage made one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.writer: Any = None

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
        if self.writer is not None:
            for name in numbers.keys() - _NO_METRICS:
                self.writer.add_scalar(f'val/{name}', numbers[name], iteration)
            self.writer.flush()

    def close(self) -> None:
        """Close TensorBoard's file."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    def _append(self, line: Mapping[str, Any]) -> None:
        with open(self._path, 'a', encoding='utf-8') as file:
            file.write(f'{json.dumps(line)}\n')
