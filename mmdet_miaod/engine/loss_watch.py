"""A watch over the classification loss: says so while training collapses."""

import logging
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

WHAT_HELPS = (
    'What helps: labels that are missing or wrong in these images put right; gradient clipping '
    '(optimizer_config.grad_clip.max_norm=10); a lower learning rate (optimizer.lr)'
)
WHAT_HELPS_LEARNING = (
    'What helps: weights of a pretrained backbone; more steps (X_L_repeat, epoch_ratio); larger images '
    '(img_scale); another learning rate (optimizer.lr; one that is too high undoes the classifier at once)'
)
_WORST = 3
# What a detector remembers before its first loss.
_NOTHING_SEEN = dict(recent=(), first=math.inf, best=math.inf, fired=False, above=0, count=0)
_LOGGER = logging.getLogger('mmdet')


@dataclass(frozen=True)
class Jump:
    """A loss that rose and did not come back.

    Attributes:
        iteration: at which it was found, counted from 0.
        best: lowest running median before it.
        now: running median when it was found.
    """

    iteration: int
    best: float
    now: float


class JumpDetector:
    """Finds the iteration at which a loss has jumped and stayed; fires once.

    The running median of the last ``window`` losses is compared with the first one and the lowest one so
    far. The loss has jumped where, on a logarithmic scale, more than ``lost`` of what it had fallen is lost
    again, and it has stayed when that held for ``patience`` iterations in a row. A loss that never fell
    below ``fallen`` of its first median has jumped where it rises to ``risen`` times that median. A loss that
    is not finite has jumped at once.

    Args:
        window: losses in a running median.
        patience: iterations in a row above the threshold.
        lost: share of the fall, 0 to 1.
        fallen: share of the first median, 0 to 1.
        risen: multiple of the first median, above 1.
        learned: share of the first median that a loss which is learned falls below, 0 to 1.
        memory: of the detector that this one replaces.
    """

    def __init__(
        self,
        *,
        window: int = 20,
        patience: int = 40,
        lost: float = 0.5,
        fallen: float = 0.9,
        risen: float = 1.5,
        learned: float = 0.75,
        memory: Mapping[str, Any] | None = None,
    ) -> None:
        memory = _NOTHING_SEEN | dict(memory or {})
        self._recent: deque[float] = deque(memory['recent'], maxlen=window)
        self._patience, self._lost, self._fallen, self._risen = patience, lost, fallen, risen
        self._learned = learned
        self._first, self._best, self._fired = memory['first'], memory['best'], memory['fired']
        self._above, self._count = memory['above'], memory['count']

    @property
    def span(self) -> int:
        """Iterations from where a jump may have begun to where it is found."""
        return self._recent.maxlen + self._patience

    @property
    def memory(self) -> dict[str, Any]:
        """Plain values that a detector can resume with; empty before the first median."""
        if math.isinf(self._first):
            return {}
        known = dict(first=self._first, best=self._best, fired=self._fired)
        return known | dict(recent=list(self._recent), above=self._above, count=self._count)

    @property
    def stalled(self) -> Jump | None:
        """The loss, where ``span`` iterations have not learned it and nothing was found before."""
        if self._count < self.span or self._fired or self._best <= self._learned * self._first:
            return None
        return Jump(self._count - 1, self._first, median(self._recent))

    def update(self, loss: float) -> Jump | None:
        """Take the loss of the next iteration; returns the jump when it is found."""
        self._recent.append(loss)
        self._count += 1
        if not math.isfinite(loss) and not self._fired:
            self._fired = True
            return Jump(self._count - 1, self._best, loss)
        if len(self._recent) < self._recent.maxlen or self._fired:
            return None
        now = median(self._recent)
        if math.isinf(self._first):
            self._first = now
        self._best = min(self._best, now)
        self._above = self._above + 1 if self._is_lost(now) else 0
        if self._above < self._patience:
            return None
        self._fired = True
        return Jump(self._count - 1, self._best, now)

    def _is_lost(self, now: float) -> bool:
        if self._best > self._fallen * self._first:
            return now > self._risen * self._first
        return now > self._best ** (1 - self._lost) * self._first**self._lost


class LossWatch:
    """Watches the classification loss of one cycle's labeled batches, and warns when it jumps and stays.

    Args:
        settings: see :class:`JumpDetector`.
    """

    def __init__(self, **settings: Any) -> None:
        self._detector = JumpDetector(**settings)
        self._batches: deque[tuple[float, tuple[str, ...]]] = deque(maxlen=self._detector.span)
        self._jumps: list[dict[str, Any]] = []

    @property
    def memory(self) -> dict[str, Any]:
        """Plain values that another watch can resume with."""
        return self._detector.memory

    def take_jumps(self) -> list[dict[str, Any]]:
        """Return the jumps since the last call.

        Each is of plain values: ``where``, ``best`` and ``now`` (running medians), ``batches``, the worst
        ones before it was found, each with ``loss`` and ``files``, and ``stalled``: no jump, but a loss that
        has hardly fallen from ``best``, its first running median.
        """
        jumps, self._jumps = self._jumps, []
        return jumps

    def add(self, loss: float, files: Sequence[str], where: str) -> None:
        """Take the loss of a labeled batch.

        Args:
            loss: its classification loss.
            files: its image files.
            where: stage, epoch and iteration, for the message.
        """
        self._batches.append((loss, tuple(files)))
        self._tell(self._detector.update(loss), where)

    def check_fallen(self, where: str) -> None:
        """Warn where the loss has hardly fallen; for when a stage of training is over.

        Args:
            where: stage and epoch, for the message.
        """
        self._tell(self._detector.stalled, where, stalled=True)

    def _tell(self, jump: Jump | None, where: str, stalled: bool = False) -> None:
        if jump is None:
            return
        worst = sorted(self._batches, key=lambda batch: -batch[0])[:_WORST]
        batches = [dict(loss=loss, files=list(files)) for loss, files in worst]
        found = dict(where=where, best=jump.best, now=jump.now, batches=batches, stalled=stalled)
        self._jumps.append(found)
        _LOGGER.warning('%s', jump_message(found))


def jump_message(jump: Mapping[str, Any]) -> str:
    """Tell of a jump (:meth:`LossWatch.take_jumps`): what happened, in which batches, and what helps."""
    batches = '; '.join(f'{", ".join(batch["files"])} ({batch["loss"]:.3g})' for batch in jump['batches'])
    path = f'from {jump["best"]:.3g} to {jump["now"]:.3g} (running medians)'
    if jump.get('stalled'):
        what = f'The model has hardly learned: the classification loss has gone {path} by the end of'
        return f'{what} {jump["where"]}. Worst batches: {batches}. {WHAT_HELPS_LEARNING}.'
    what = f'Training may be collapsing: the classification loss has jumped {path} and stays there,'
    return f'{what} {jump["where"]}. Worst batches: {batches}. {WHAT_HELPS}.'
