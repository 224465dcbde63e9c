"""Agreement of all processes of a run on its config and its images, before the first step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .. import distributed
from ..datasets.image_index import ImageIndex

if TYPE_CHECKING:
    from .run_options import RunOptions
    from .settings import RunSettings

_SHOWN = 5


def agree_on_settings(settings: RunSettings, options: RunOptions) -> None:
    """Check that every process was started with the same config and options.

    Raises:
        ValueError: they differ, naming the keys and the values of two processes.
    """
    start = options.start
    facts = {
        **settings.identity,
        'log_config.interval': settings.training.log_config['interval'],
        'checkpoint_config.max_keep_ckpts': settings.max_keep_checkpoints,
        'work_directory': settings.work_directory,
        '--run-name': options.run_name,
        '--resume': options.resume,
        '--force': options.force,
        '--deterministic': options.deterministic,
        '--no-report': not options.report,
        '--init-split, --start-cycle, --load-from': None if start is None else list(vars(start).values()),
    }
    refuse_differences(distributed.gather(json.loads(json.dumps(facts, default=repr))))


def refuse_differences(facts: list[Mapping[str, Any]]) -> None:
    """Compare what processes were started with.

    Args:
        facts: values by name of each process.

    Raises:
        ValueError: a process has other values than process 0, naming the first of them.
    """
    first = facts[0]
    for number, other in enumerate(facts):
        if other == first:
            continue
        names = sorted(name for name in first.keys() | other.keys() if first.get(name) != other.get(name))
        listed = ', '.join(
            f'{name} is {first.get(name)!r} in process 0 and {other.get(name)!r} in process {number}'
            for name in names[:_SHOWN]
        )
        more = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
        raise ValueError(
            f'the processes of this run were started differently: {listed}{more}; start all of them with the '
            'same config and options'
        )


def agree_on_images(key: str, index: ImageIndex) -> None:
    """Check that every process has the same images in the same order.

    Args:
        key: config key of the data set, for messages.
        index: its images.

    Raises:
        ValueError: they differ, naming the first image that does.
    """
    sizes = distributed.gather(len(index))
    if len(sizes) == 1:
        return
    # The longest beginning that all share, found by halves: names may be millions, fingerprints are short.
    low, high = -1, min(sizes)
    if _same(index, high):
        low = high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _same(index, middle) else (low, middle)
    names = distributed.gather(index.names[low] if 0 <= low < len(index) else '')
    if len(set(sizes)) == 1 and low == sizes[0]:
        return
    number = next((k for k, name in enumerate(names) if (name, sizes[k]) != (names[0], sizes[0])), 0)
    raise ValueError(
        f'{key}: the processes of this run have different images: {sizes[0]} in process 0 and '
        f'{sizes[number]} in process {number}, and image {max(low, 0)} is {names[0]!r} and '
        f'{names[number]!r}; give all of them the same image lists'
    )


def _same(index: ImageIndex, size: int) -> bool:
    return len(set(distributed.gather(index.fingerprint(size)))) == 1
