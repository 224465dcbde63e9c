"""Configs: reading, checking and translating into plain arguments, all in one place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmcv import Config
from mmdet.utils import replace_cfg_vals, update_data_root

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
    'work_directory',
)
# What two sittings of one run may do differently without changing its numbers.
PLACE_KEYS = ('work_directory', 'data_root', 'log_config', 'log_level', 'dist_params', 'checkpoint_config')


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
    try:
        config = Config.fromfile(str(path))
    except (SyntaxError, NameError, AttributeError, ImportError, TypeError) as error:
        raise ValueError(f'{path}: cannot be read as a config ({type(error).__name__}: {error})') from error
    if options:
        config.merge_from_dict(dict(options))
    if data_root is not None:
        config.data_root = data_root
    config = replace_cfg_vals(config)
    if data_root is None:
        update_data_root(config)
    check_config(config)
    return config


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
    cycles = list(config.cycles)
    if not cycles or cycles != sorted(set(cycles)) or cycles[0] < 0:
        raise ValueError(f'cycles is {cycles}: list ascending numbers, such as [0, 1, 2]')
    schedule_of(config)


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


def identity_text(config: Config) -> str:
    """Return the part of a config that a run may not change while it lasts, as sorted readable lines."""
    kept = {key: value for key, value in config._cfg_dict.to_dict().items() if key not in PLACE_KEYS}
    lines: list[str] = []
    _flatten('', _without_places(kept), lines)
    return '\n'.join(lines)


def _without_places(config: dict[str, Any]) -> dict[str, Any]:
    data = {key: value for key, value in config.get('data', {}).items() if key != 'workers_per_gpu'}
    for part in ('train', 'pool', 'test'):
        data[part] = {key: value for key, value in data[part].items() if key != 'data_root'}
    return {**config, 'data': data}


def _flatten(prefix: str, value: Any, lines: list[str]) -> None:
    if isinstance(value, Mapping) and value:
        for key in sorted(value, key=str):
            _flatten(f'{prefix}.{key}' if prefix else str(key), value[key], lines)
    else:
        lines.append(f'{prefix} = {value!r}')
