"""The config that a run keeps, in its manifest and as a file to look at; it is read as data, never run."""

import ast
from collections.abc import Mapping
from keyword import iskeyword
from pathlib import Path
from typing import Any

from ..regular_files import read_text

MAX_CONFIG_BYTES = 16 << 20
# Begins a run's copy of its config, in which variables are there for the record only.
DUMPED = '# The config of a run of mmdet_miaod, as it was used.\n'
_WIDTH = 110
_CONTAINERS = (Mapping, list, tuple)


def config_facts(file: str, text: str) -> dict[str, str]:
    """Return what a manifest's options have of the config: the name of its copy, and its text."""
    return dict(config_file=file, config_text=text)


def recorded_config(directory: str | Path, options: Mapping[str, Any]) -> tuple[str, str]:
    """Return name and text of a run's config: those of its manifest, else (version 0.1) of its copy.

    Args:
        directory: the run directory.
        options: of its manifest; empty when that is not readable.

    Raises:
        FileNotFoundError: there is neither.
    """
    name, text = options.get('config_file'), options.get('config_text')
    if isinstance(name, str) and isinstance(text, str) and Path(name).name == name:  # no way out of the run
        return name, text
    for path in sorted(path for path in Path(directory).glob('*.py') if path.is_file()):
        text = read_text(path, MAX_CONFIG_BYTES, errors='replace')
        if text.startswith(DUMPED):
            return path.name, text
    raise FileNotFoundError(f'{directory}: there is no run here, or no copy of its config in it')


def config_to_resume(directory: str | Path, options: Mapping[str, Any]) -> tuple[str, str]:
    """Return name and text of a run's config, with what a person changed in its copy since.

    Args and errors: as :func:`recorded_config`.
    """
    name, text = recorded_config(directory, options)
    path = Path(directory) / name
    return name, read_text(path, MAX_CONFIG_BYTES) if path.is_file() else text


def config_text(values: Mapping[str, Any]) -> str:
    """Write a config as :func:`parse_config` reads it; mmcv's ``pretty_text`` takes a third of a second."""
    return ''.join(f'{name} = {_python(value, len(name) + 3)}\n' for name, value in values.items())


def _python(value: Any, column: int, indent: str = '') -> str:
    """Return a value as Python, in one line where it fits behind ``column`` characters."""
    line = _in_a_line(value)
    if column + len(line) < _WIDTH or not isinstance(value, _CONTAINERS):
        return line
    start, end, items = _parts(value)
    inner = f'{indent}    '
    lines = [f'{inner}{name}{_python(item, len(inner) + len(name), inner)},\n' for name, item in items]
    return f'{start}\n{"".join(lines)}{indent}{end}'


def _in_a_line(value: Any) -> str:
    if not isinstance(value, _CONTAINERS):
        return repr(value)
    start, end, items = _parts(value)
    comma = ',' if isinstance(value, tuple) and len(value) == 1 else ''
    return f'{start}{", ".join(name + _in_a_line(item) for name, item in items)}{comma}{end}'


def _parts(value: Any) -> tuple[str, str, list[tuple[str, Any]]]:
    """Brackets of a container, and its items, each behind its name."""
    if not isinstance(value, Mapping):
        start, end = '[]' if isinstance(value, list) else '()'
        return start, end, [('', item) for item in value]
    if all(isinstance(name, str) and name.isidentifier() and not iskeyword(name) for name in value):
        return 'dict(', ')', [(f'{name}=', item) for name, item in value.items()]
    return '{', '}', [(f'{name!r}: ', item) for name, item in value.items()]


def parse_config(text: str, source: str) -> dict[str, Any]:
    """Read a run's copy of a config without running it: assignments of plain values and ``dict(...)``.

    Args:
        text: the copy.
        source: for messages.

    Raises:
        ValueError: it holds anything else, naming the line.
    """
    try:
        return dict(map(_assignment, ast.parse(text).body))
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(
            f"{source}: is the copy of a run's config, which is read as plain values and not run as Python "
            f'({error}); a config of your own begins without the line {DUMPED.strip()!r}'
        ) from error


def _assignment(node: ast.stmt) -> tuple[str, Any]:
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, _value(node.value)
    raise ValueError(f'line {node.lineno} is no assignment of a value to a name')


def _value(node: ast.expr) -> Any:
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict'
    if is_call and not node.args and all(item.arg for item in node.keywords):
        return {item.arg: _value(item.value) for item in node.keywords}
    if isinstance(node, (ast.List, ast.Tuple)):
        items = [_value(item) for item in node.elts]
        return items if isinstance(node, ast.List) else tuple(items)
    if isinstance(node, ast.Dict) and None not in node.keys:
        return {_value(key): _value(value) for key, value in zip(node.keys, node.values, strict=True)}
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise ValueError(f'line {node.lineno} has more than plain values') from None
