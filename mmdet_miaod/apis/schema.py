"""Schema of configs: which keys are read, and which values they may have."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from mmcv import Config

from ..annotation.folder import TOOLS
from ..run.identity import plain_json


def _whole(least: int, most: int | None = None) -> dict[str, Any]:
    bounds = f'of at least {least}' if most is None else f'from {least} to {most}'
    limits = dict(minimum=least) if most is None else dict(minimum=least, maximum=most)
    return dict(type='integer', **limits, expected=f'a whole number {bounds} is needed')


def _choice(*values: Any) -> dict[str, Any]:
    return dict(enum=list(values), expected=f'choose one of {values}')


def _object(*required: str, only: bool = False, **properties: Any) -> dict[str, Any]:
    """A dict of the config; with ``only`` it may have these keys and no other."""
    known = dict(properties=properties, required=list(required), additionalProperties=not only)
    return dict(type='object', **known, expected='a dict is needed')


_FLAG = dict(type='boolean', expected='set it to True or False')
_TEXT = dict(type='string', expected='a text is needed')
_LIST = dict(type='array', expected='a list is needed')
_POSITIVE = dict(type='number', exclusiveMinimum=0, expected='a number above 0 is needed')
_NUMBER = dict(type='number', minimum=0, expected='a number of at least 0 is needed')
_BUILT = _object('type', type=_TEXT)
_DATA_SET = _BUILT
_IMAGES = dict(
    anyOf=[_TEXT, dict(type='array', items=dict(type=['string', 'integer']))],
    expected='a file of image names, or a list of names or pool indices is needed',
)

# Keys that a run reads; MMDetection's other keys may stand in a config, and nothing reads them.
KEYS: dict[str, Any] = dict(
    model=_object(
        'type', 'backbone', 'bbox_head', type=_TEXT, bbox_head=_object('num_classes', num_classes=_whole(1))
    ),
    data=_object(
        only=True,
        train=_DATA_SET,
        pool=_DATA_SET,
        test=_DATA_SET,
        val=_DATA_SET,
        samples_per_gpu=_whole(1),
        workers_per_gpu=_whole(0, 256),
        prefetch_factor=_whole(1, 256),
        test_samples_per_gpu=_whole(1),
    ),
    optimizer=_object('type', type=_TEXT, lr=_NUMBER),
    optimizer_config=_object(
        only=True, grad_clip=_object('max_norm', max_norm=_POSITIVE, norm_type=_POSITIVE)
    ),
    lr_config=_object('policy', policy=_TEXT),
    log_config=_object('interval', interval=_whole(1), hooks=_LIST),
    log_level=_choice('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'),
    checkpoint_config=_object(
        only=True,
        interval=dict(const=1, expected='every epoch is saved, max_keep_ckpts of them stay'),
        max_keep_ckpts=dict(type='integer', minimum=1, expected='at least 1 is needed to resume'),
    ),
    custom_hooks=dict(type='array', items=_BUILT, expected='a list of hooks is needed'),
    custom_imports=_object('imports'),
    load_from=_TEXT,
    runner=_object('type', type=_TEXT),
    amp=_object(only=True, dtype=_TEXT),
    cudnn_benchmark=_FLAG,
    tf32=_FLAG,
    channels_last=_FLAG,
    compile_towers=_FLAG,
    check_images=_choice('decode', 'header'),
    X_L_0_size=_whole(1),
    X_S_size=_whole(1),
    X_L_repeat=_whole(1),
    X_U_repeat=_whole(1),
    X_U_0_from=_choice('end', 'next'),
    cycles=dict(
        type='array',
        items=_whole(0),
        minItems=1,
        expected='list ascending numbers, such as [0, 1, 2]',
    ),
    schedule=dict(anyOf=[_TEXT, _LIST], expected='a name or a list of stages is needed'),
    epoch_ratio=dict(
        type='array', items=_whole(1), minItems=2, maxItems=2, expected='two numbers are needed'
    ),
    epoch=_whole(0),
    query=_object('type', type=_TEXT),
    query_fraction=dict(
        type='number', exclusiveMinimum=0, maximum=1, expected='a number in (0, 1] is needed'
    ),
    budget=_object(only=True, unit=_choice('image', 'box'), size=_whole(1)),
    exclude=_IMAGES,
    include=_IMAGES,
    score_chunk_size=_whole(1),
    k=_whole(1),
    param_lambda=_NUMBER,
    annotator=_object(
        'type',
        only=True,
        type=_choice('simulated', 'batches'),
        tool=_choice(*sorted(TOOLS)),
        test_size=_whole(0),
        first=_choice('random', 'coreset'),
        skipped=_choice('leave_out', 'ask_again'),
        score_thr=dict(type='number', minimum=0, maximum=1, expected='a number from 0 to 1 is needed'),
        max_boxes=_whole(0),
    ),
    evaluation=_object(),
    seed=_whole(0, 2**32 - 1),
    work_directory=_TEXT,
    data_root=_TEXT,
    dist_params=_object(),
    drawing=_object(),
)
# Names of MMDetection's own base configs, and variables of this repository's, which stay in dumped configs.
HARMLESS = {'workflow', 'resume_from', 'opencv_num_threads', 'mp_start_method', 'auto_scale_lr', 'work_dir'}
HARMLESS |= {'dataset_type', 'img_norm_cfg', 'train_pipeline', 'unlabeled_pipeline', 'test_pipeline'}
HARMLESS |= {'classes', 'img_scale', 'pool_lists', 'pool_folders', 'test_lists', 'test_folders'}
HARMLESS |= {'pool_json', 'pool_images', 'test_json', 'test_images', 'only_with_boxes', 'backbone_weights'}
HARMLESS |= {'expand', 'photometric'}

_VALIDATOR = Draft202012Validator(_object(**KEYS))


def check_values(config: Config) -> None:
    """Check the values of all keys that a run reads.

    Raises:
        ValueError: naming the key, its value, and what is expected.
    """
    values = config._cfg_dict.to_dict()
    for key, number in _numbers('', values):
        if not math.isfinite(number):
            raise ValueError(f'{key} is {number!r}: a finite number is needed')
    values = _without_none(values)
    errors = sorted(_VALIDATOR.iter_errors(plain_json(values)), key=lambda error: list(map(str, error.path)))
    for error in errors:
        place = values
        for part in error.path:
            place = place[part]
        key = '.'.join(map(str, error.path))
        if error.validator == 'additionalProperties':
            _refuse_unknown(key, set(place) - set(error.schema['properties']), error.schema['properties'])
        if error.validator == 'required':
            raise ValueError(f'{key} = {place!r}: {error.message}')
        raise ValueError(f'{key} is {place!r}: {error.schema.get("expected", error.message)}')


def _without_none(value: Any) -> Any:
    """Drop what is None from dicts: it counts as not given."""
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, (list, tuple)) else value


def _numbers(prefix: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        yield prefix, value
    elif isinstance(value, (Mapping, list, tuple)):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            yield from _numbers(f'{prefix}.{key}' if prefix else str(key), item)


def check_names(config: Config) -> None:
    """Check that every key of a config, before its references are resolved, is read by something.

    A key counts as read when a run reads it, when the text of the config files uses it as a variable, or
    when a value refers to it as ``'${key}'``.

    Raises:
        ValueError: naming a key that nothing reads, and the nearest one.
    """
    references = set(re.findall(r'\$\{(\w+)', str(config._cfg_dict.to_dict())))
    unread = set(config._cfg_dict) - set(KEYS) - HARMLESS - references
    used = {key for key in unread if re.search(rf'(?<![\w.\'"]){key}\b(?!\s*=[^=])', config.text)}
    _refuse_unknown('the config', unread - used, KEYS)


def _refuse_unknown(where: str, unknown: set[str], known: Mapping[str, Any]) -> None:
    if unknown:
        near = difflib.get_close_matches(sorted(unknown)[0], known, n=1)
        advice = f'; did you mean {near[0]!r}?' if near else f'; its keys are {sorted(known)}'
        raise ValueError(f'{where} has {sorted(unknown)}, which nothing here reads{advice}')
