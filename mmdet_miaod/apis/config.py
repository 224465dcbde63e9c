"""Configs: reading, checking and translating into plain arguments, all in one place."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmcv import Config, ConfigDict
from mmdet.utils import replace_cfg_vals, update_data_root

from ..datasets.image_lists import text_lines
from ..engine.stage import Stage, build_schedule

REQUIRED_KEYS = (
    'model.bbox_head.num_classes',
    'data.train',
    'data.pool',
    'data.test',
    'data.samples_per_gpu',
    'optimizer.type',
    'lr_config.policy',
    'log_config.interval',
    'X_L_0_size',
    'X_S_size',
    'X_L_repeat',
    'X_U_repeat',
    'cycles',
    'epoch_ratio',
    'epoch',
    'query.type',
    'seed',
    'checkpoint_config',
    'work_directory',
)
# What two sittings of one run may do differently without changing its numbers.
PLACE_KEYS = ('work_directory', 'data_root', 'log_config', 'log_level', 'dist_params', 'checkpoint_config')
# Lists of images, or files with one name a line.
LIST_KEYS = ('exclude', 'include')
LOADER_KEYS = ('workers_per_gpu', 'prefetch_factor')


def load_config(
    path: str | Path, options: Mapping[str, Any] | None = None, data_root: str | None = None
) -> Config:
    """Read a config file, apply overrides and resolve ``${name}`` values.

    Args:
        path: the config file.
        options: overrides by dotted key, as ``--cfg-options`` gives them.
        data_root: where the data is, in place of the config's ``data_root``.

    Raises:
        FileNotFoundError: when there is no such file.
        KeyError: when a key that every run needs is missing, naming it.
        ValueError: when the file is no config, or a value is out of range.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path}: no such config file')
    config = _read_config(path)
    try:
        config.merge_from_dict(nest_options(options or {}, config))
    except (AssertionError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f'--cfg-options {dict(options or {})}: does not fit the config ({error})') from error
    if data_root is not None:
        # A run's dumped config has its data_root written out in each data set.
        before = (config.get('data_root') or '').rstrip('/')
        config.data = _moved(config.data.to_dict(), before, data_root)
        config.data_root = data_root
    try:
        config = resolve_references(config)
    except (AssertionError, KeyError, TypeError) as error:
        raise ValueError(f'{path}: a value ${{...}} names a key that does not fit ({error})') from error
    if data_root is None:
        update_data_root(config)
    check_config(config)
    return config


def resolve_references(config: Config) -> Config:
    """Replace values ``'${key}'`` by the values of those keys, which may refer to further ones."""
    return replace_cfg_vals(replace_cfg_vals(config))


def _read_config(path: str | Path) -> Config:
    try:
        return Config.fromfile(str(path))
    except Exception as error:  # a config is a program, which may fail in any way
        where = ', '.join(_failed_lines(error)) or str(path)
        raise ValueError(f'{where}: cannot be read as a config ({type(error).__name__}: {error})') from error


def nest_options(options: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """Nest overrides by dotted key, as a config that inherits from ``config`` has them.

    Keys of what is None there, such as ``optimizer_config.grad_clip.max_norm``, replace the None.
    """
    nested: dict[str, Any] = {}
    for name, value in options.items():
        *parents, last = name.split('.')
        place, shared = nested, config
        for parent in parents:
            shared = shared.get(parent, {}) if isinstance(shared, (Config, ConfigDict)) else {}
            place = place.setdefault(parent, {'_delete_': True} if shared is None else {})
        place[last] = value
    return nested


def _moved(value: Any, before: str, after: str) -> Any:
    """Replace a folder, given without a slash at its end, at the beginning of all paths of nested values."""
    if isinstance(value, dict):
        moved = {name: _moved(item, before, after) for name, item in value.items()}
        # '.' begins no path as it is written, but a data set may start from it.
        starts_there = before and (value.get('data_root') or '').rstrip('/') == before
        return {**moved, 'data_root': after} if starts_there else moved
    if isinstance(value, (list, tuple)):
        return type(value)(_moved(item, before, after) for item in value)
    if not isinstance(value, str) or before in ('', '.') or not f'{value}/'.startswith(f'{before}/'):
        return value
    return after if value.rstrip('/') == before else os.path.join(after, value[len(before) :].lstrip('/'))


def _failed_lines(error: Exception) -> list[str]:
    """Name the file and line at which reading a config failed, a base config's rather than its user's."""
    file, line = None, None
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name == '_file2dict':
            file, line = frame.f_locals.get('filename'), None
        elif frame.f_code.co_name == '<module>':
            # MMCV runs a copy under another name; its lines are those of the file.
            line = number
    return [] if file is None else [str(file) if line is None else f'{file}, line {line}']


def check_config(config: Config) -> None:
    """Check that a config has every key that a run needs, with values in range.

    Raises:
        KeyError: when a key is missing, naming it.
        ValueError: when a value makes no sense.
    """
    for key in REQUIRED_KEYS:
        if _lookup(config, key) is None:
            raise KeyError(f'the config has no {key!r}; configs/MIAOD.py shows every key')
    for key in ('X_L_0_size', 'X_S_size', 'X_L_repeat', 'X_U_repeat', 'data.samples_per_gpu'):
        value = _lookup(config, key)
        if not isinstance(value, int) or value < 1:
            raise ValueError(f'{key} is {value!r}: a whole number of at least 1 is needed')
    cycles = config.cycles
    counts = isinstance(cycles, Sequence) and all(isinstance(cycle, int) and cycle >= 0 for cycle in cycles)
    if not counts or not cycles or list(cycles) != sorted(set(cycles)):
        raise ValueError(f'cycles is {cycles!r}: list ascending numbers, such as [0, 1, 2]')
    if not isinstance(config.seed, int) or not 0 <= config.seed < 2**32:
        raise ValueError(f'seed is {config.seed!r}: a whole number from 0 to {2**32 - 1} is needed')
    _check_choices(config)
    schedule_of(config)


def _check_choices(config: Config) -> None:
    for key, default, choices in (
        ('X_U_0_from', 'end', ('end', 'next')),
        ('check_images', 'decode', ('decode', 'header')),
    ):
        if config.get(key, default) not in choices:
            raise ValueError(f'{key} is {config[key]!r}: choose one of {choices}')
    for key, known in (('optimizer_config', {'grad_clip'}), ('budget', {'unit', 'size'})):
        unknown = sorted((config.get(key) or {}).keys() - known)
        if unknown:
            raise ValueError(f'{key} has {unknown}, which nothing here reads; its keys are {sorted(known)}')
    size, fraction = budget_of(config)['size'], config.get('query_fraction', 1.0)
    if not isinstance(size, int) or not isinstance(fraction, (int, float)):
        raise ValueError(f'budget.size is {size!r}, query_fraction {fraction!r}: numbers are needed')
    if config.checkpoint_config.get('interval', 1) != 1:
        raise ValueError('checkpoint_config.interval: every epoch is saved, max_keep_ckpts of them stay')
    kept = config.checkpoint_config.get('max_keep_ckpts', 3)
    if not isinstance(kept, int) or kept < 1:
        raise ValueError(f'checkpoint_config.max_keep_ckpts is {kept!r}: at least 1 is needed to resume')


def _lookup(config: Config, key: str) -> Any:
    value: Any = config
    for part in key.split('.'):
        value = value.get(part) if hasattr(value, 'get') else None
    return value


def schedule_of(config: Config) -> tuple[Stage, ...]:
    """Return the stages of a cycle, from ``schedule``, ``epoch_ratio``, ``epoch`` and ``lr_config``."""
    steps = config.lr_config.get('step', [])
    steps = [steps] if isinstance(steps, int) else steps
    return build_schedule(config.get('schedule', 'miaod'), config.epoch_ratio, config.epoch, steps)


def budget_of(config: Config) -> dict[str, Any]:
    """Return ``unit`` and ``size`` of what is labeled after a cycle; ``budget`` wins over ``X_S_size``."""
    return dict(dict(unit='image', size=config.X_S_size), **(config.get('budget') or {}))


def labeled_sizes(config: Config, pool_size: int) -> list[int]:
    """Return the number of labeled images in each cycle; a run ends when every image is labeled.

    Under a budget of boxes nobody knows it beforehand: then ``X_S_size`` is the guess.
    """
    budget = budget_of(config)
    step = budget['size'] if budget['unit'] == 'image' else config.X_S_size
    sizes = [min(config.X_L_0_size, pool_size)]
    while len(sizes) < len(config.cycles) and sizes[-1] < pool_size:
        sizes.append(min(sizes[-1] + step, pool_size))
    return sizes


def identity_text(config: Config) -> str:
    """Return the part of a config that a run may not change while it lasts, as sorted readable lines."""
    kept = {key: value for key, value in config._cfg_dict.to_dict().items() if key not in PLACE_KEYS}
    # What counts is what is in these files.
    kept.update({key: text_lines(kept[key]) for key in LIST_KEYS if isinstance(kept.get(key), str)})
    lines: list[str] = []
    _flatten('', _without_places(kept), lines)
    return '\n'.join(lines)


def _without_places(config: dict[str, Any]) -> dict[str, Any]:
    data = {key: value for key, value in config.get('data', {}).items() if key not in LOADER_KEYS}
    for part in ('train', 'pool', 'test'):
        data[part] = {key: value for key, value in data[part].items() if key != 'data_root'}
    return {**config, 'data': data}


def _flatten(prefix: str, value: Any, lines: list[str]) -> None:
    if isinstance(value, Mapping) and value:
        for key in sorted(value, key=str):
            _flatten(f'{prefix}.{key}' if prefix else str(key), value[key], lines)
    else:
        lines.append(f'{prefix} = {value!r}')
