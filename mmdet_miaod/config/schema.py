"""Checks of configs against the schema: which keys are read, and which values they may have."""

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator

from ..run.identity import plain_json
from .keys import HARMLESS, KEYS, NEEDED, REQUIRED_KEYS, SCHEMA, VARIABLES

_VALIDATOR = Draft202012Validator(SCHEMA)
_LARGEST = 2**63


def check_values(values: dict[str, Any]) -> None:
    """Check that a config has every key that a run needs, with values that it may have.

    Raises:
        KeyError: a key is missing, naming it.
        ValueError: naming the key, its value, and what is expected.
    """
    for key in REQUIRED_KEYS:
        if _lookup(values, key) is None:
            raise KeyError(f'the config has no {key!r}; configs/MIAOD.py shows every key')
    # The key that a person gave comes before those that refer to it, which lie deeper.
    faults = [(key.count('.'), key, fault) for key, value in _leaves('', values) if (fault := _fault(value))]
    if faults:
        _, key, fault = min(faults)
        raise ValueError(f'{key} is {fault}')
    for key in sorted(NEEDED & values.keys()):
        if values[key] is None:
            raise ValueError(f'{key} is None: {VARIABLES[key]["expected"]}')
    values = _without_none(values)
    errors = sorted(
        _VALIDATOR.iter_errors(plain_json(values)), key=lambda error: (len(error.path), str(error.path))
    )
    for error in errors:
        place = values
        for part in error.path:
            place = place[part]
        key = '.'.join(map(str, error.path))
        if error.validator == 'additionalProperties':
            _refuse_unknown(key, set(place) - set(error.schema['properties']), error.schema['properties'])
        if error.validator == 'required':
            missing = next(name for name in error.validator_value if name not in place)
            raise ValueError(f'{key} has no {missing!r}; {_expected(error.schema, error.message)}')
        raise ValueError(f'{key} is {place!r}: {_expected(error.schema, error.message)}')


def _lookup(value: Any, key: str) -> Any:
    for part in key.split('.'):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _expected(schema: Mapping[str, Any], message: str) -> str:
    return schema.get('expected') or message


def _fault(value: Any) -> str:
    """Say what no value of a config may be; ''."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'{value!r}: a finite number is needed'
    if type(value) is int and abs(value) > _LARGEST:
        return f'{str(value)[:20]}...: a number of at most {_LARGEST} is needed'
    if isinstance(value, str) and re.search('[\\0\ud800-\udfff]', value):
        return f'{value!r}: a text of Unicode characters is needed'
    return ''


def _without_none(value: Any) -> Any:
    """Drop what is None from dicts: it counts as not given."""
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, (list, tuple)) else value


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, (Mapping, list, tuple)):
        yield prefix, value
        return
    for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
        yield from _leaves(f'{prefix}.{key}' if prefix else str(key), item)


def check_names(values: dict[str, Any], text: str) -> None:
    """Check that every key of a config, before its references are resolved, is read by something.

    A key counts as read when a run reads it, when the text of the config files uses it as a variable, or
    when a value refers to it as ``'${key}'``.

    Args:
        values: of the config.
        text: of its files.

    Raises:
        ValueError: naming a key that nothing reads, and the nearest one.
    """
    references = set(re.findall(r'\$\{(\w+)', str(values)))
    unread = set(values) - set(KEYS) - HARMLESS - references
    used = {key for key in unread if re.search(rf'(?<![\w.\'"]){re.escape(key)}\b(?!\s*=[^=])', text)}
    _refuse_unknown('the config', unread - used, KEYS)


def _refuse_unknown(where: str, unknown: set[str], known: Mapping[str, Any]) -> None:
    if unknown:
        near = difflib.get_close_matches(sorted(unknown)[0], known, n=1)
        advice = f'; did you mean {near[0]!r}?' if near else f'; its keys are {sorted(known)}'
        raise ValueError(f'{where} has {sorted(unknown)}, which nothing here reads{advice}')
