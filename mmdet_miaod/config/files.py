"""Config files: reading, overrides, references, and what of a config a run may not change."""

import os
import traceback
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmcv import Config, ConfigDict
from mmcv.utils import import_modules_from_strings
from mmdet.utils import replace_cfg_vals, update_data_root

from ..datasets.image_lists import text_lines
from ..regular_files import check_regular, read_text
from ..run.config_copy import DUMPED, MAX_CONFIG_BYTES, config_to_resume, parse_config
from ..run.file_record import hash_file
from ..run.identity import plain_json
from ..run.lookup import options_of_run
from .schema import check_names

# What two sessions of one run may do differently without changing its numbers.
PLACE_KEYS = ('work_directory', 'data_root', 'log_config', 'log_level', 'dist_params', 'checkpoint_config')
# Lists of images, or files with one name per line.
LIST_KEYS = ('exclude', 'include')
# Of "annotator": how people are asked, not for what.
ASKING_KEYS = ('tool', 'score_thr', 'max_boxes')
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
        ValueError: when the file is no config, or the overrides do not fit it.
    """
    try:
        check_regular(path, MAX_CONFIG_BYTES)
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such config file') from None
    return complete_config(read_config(path), options, data_root)


def complete_config(
    config: Config, options: Mapping[str, Any] | None = None, data_root: str | None = None
) -> Config:
    """Apply overrides and resolve ``${name}`` values; see :func:`load_config`."""
    try:
        config.merge_from_dict(nest_options(options or {}, config))
    except (AssertionError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f'--cfg-options {dict(options or {})}: does not fit the config ({error})') from error
    if DUMPED not in config.text:
        check_names(config._cfg_dict.to_dict(), config.text)
    if data_root is not None and isinstance(config.get('data'), dict):
        # A run's dumped config has its data_root written out in each data set.
        before = (config.get('data_root') or '').rstrip('/')
        config.data = _moved(config.data.to_dict(), before, data_root)
        config.data_root = data_root
    try:
        config = resolve_references(config)
    except (AssertionError, KeyError, TypeError) as error:
        raise ValueError(
            f'{config.filename}: a value ${{...}} names a key that does not fit ({error})'
        ) from error
    if data_root is None:
        update_data_root(config)
    return config


def run_config(
    directory: str | Path, options: Mapping[str, Any] | None = None, data_root: str | None = None
) -> Config:
    """Load the config of a run to resume, with what was changed in its copy; see :func:`load_config`.

    Raises:
        FileNotFoundError: when there is no such config.
        ValueError: when the copy has more than plain values.
    """
    name, text = config_to_resume(directory, options_of_run(directory))
    return complete_config(saved_config(text, Path(directory) / name), options, data_root)


def saved_config(text: str, source: str | Path, modules: bool = True) -> Config:
    """Make a config of a run's copy of it, which is not run as Python.

    Args:
        text: the copy.
        source: what it is called.
        modules: import those of its ``custom_imports``.

    Raises:
        ValueError: it has more than plain values.
    """
    config = Config(parse_config(text, str(source)), cfg_text=text, filename=str(source))
    if modules and config.get('custom_imports'):
        import_modules_from_strings(**config.custom_imports)
    return config


def resolve_references(config: Config) -> Config:
    """Replace values ``'${key}'`` by the values of those keys, which may refer to further ones."""
    # Without its name, by which MMDetection reads the file once more: a run's copy may be gone.
    resolved = replace_cfg_vals(replace_cfg_vals(Config(config._cfg_dict, cfg_text=config.text)))
    return Config(resolved._cfg_dict, cfg_text=config.text, filename=config.filename)


def read_config(path: str | Path) -> Config:
    """Read a config file as it is; a run's copy of its config is not run as Python.

    Raises:
        ValueError: when it is no config, naming the file and line.
    """
    try:
        text = read_text(path, MAX_CONFIG_BYTES)
        return saved_config(text, path) if text.startswith(DUMPED) else Config.fromfile(str(path))
    except Exception as error:  # a config is a program, which may fail in any way
        where = ', '.join(_failed_lines(error)) or str(path)
        _close_copies(error)
        # MMCV raises an empty ImportError for custom_imports; the one before it names the module.
        reason = str(error) or str(error.__context__)
        raise ValueError(f'{where}: cannot be read as a config ({type(error).__name__}: {reason})') from error


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


def _close_copies(error: Exception) -> None:
    """Close MMCV's temporary copies of configs: their folder is gone, and their own closing would say so."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        copy = frame.f_locals.get('temp_config_file')
        if copy is not None:
            with suppress(OSError):
                copy.close()


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


def given(config: Config) -> Config:
    """Return a copy of a config without keys that are None, which count as not given.

    Only ``evaluation = None`` says something: cycles are not evaluated. What MMDetection builds has its own
    meanings of None.
    """
    config = deepcopy(config)
    for place in (config._cfg_dict, config.data, config.checkpoint_config, config.lr_config):
        for key in [key for key, value in place.items() if value is None and key != 'evaluation']:
            del place[key]
    return config


def config_identity(config: Config) -> dict[str, Any]:
    """Return the part of a config that a run may not change while it lasts, JSON values by dotted key."""
    kept = {key: value for key, value in config._cfg_dict.to_dict().items() if key not in PLACE_KEYS}
    # What counts is what is in these files.
    kept.update({key: text_lines(kept[key]) for key in LIST_KEYS if isinstance(kept.get(key), str)})
    flat: dict[str, Any] = {}
    _flatten('', _without_places(kept), flat)
    return plain_json(flat)


def weights_content(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of each file of initial weights, by the dotted key of its path.

    Args:
        config: values by dotted key, from :func:`config_identity`.
    """
    names = ('load_from', 'init_cfg.checkpoint', 'pretrained')
    paths = {key: path for key, path in config.items() if key.endswith(names) and isinstance(path, str)}
    return {key: hash_file(path)[1] for key, path in paths.items() if Path(path).is_file()}


def _without_places(config: dict[str, Any]) -> dict[str, Any]:
    data = {key: value for key, value in config.get('data', {}).items() if key not in LOADER_KEYS}
    # Another annotation tool, or other proposed boxes, are another way to the same labels.
    annotator = config.get('annotator') or {}
    if annotator:
        config = {**config, 'annotator': {k: v for k, v in annotator.items() if k not in ASKING_KEYS}}
    for part in ('train', 'pool', 'test'):
        data[part] = {key: value for key, value in data[part].items() if key != 'data_root'}
    return {**config, 'data': data}


def _flatten(prefix: str, value: Any, flat: dict[str, Any]) -> None:
    if isinstance(value, Mapping) and value:
        for key in sorted(value, key=str):
            _flatten(f'{prefix}.{key}' if prefix else str(key), value[key], flat)
    else:
        flat[prefix] = value
