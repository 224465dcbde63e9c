"""Agreement of all processes of a run on its config and its images, before the first step."""

from __future__ import annotations

import itertools
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
    if distributed.world_size() == 1:
        return
    ours = (len(index), index.fingerprint())
    facts = distributed.gather(ours)
    if len(set(facts)) == 1:
        return
    tags = (index.tags[k] for k in index.list_ids)
    images = distributed.gather(list(zip(index.names, tags)))  # only here: there may be millions
    number = next(k for k, other in enumerate(facts) if other != facts[0])
    pairs = enumerate(itertools.zip_longest(images[0], images[number], fillvalue=('', '')))
    image, (one, other) = next((i, pair) for i, pair in pairs if pair[0] != pair[1])
    if one[0] == other[0]:  # of lists of other names
        one, other = (' of list '.join(pair) for pair in (one, other))
    else:
        one, other = one[0], other[0]
    raise ValueError(
        f'{key}: the processes of this run have different images: {facts[0][0]} in process 0 and '
        f'{facts[number][0]} in process {number}, and image {image} is {one!r} and {other!r}; give all of '
        'them the same image lists'
    )
