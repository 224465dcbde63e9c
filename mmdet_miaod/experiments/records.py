"""Records of a grid's runs in one file: what was run, on what, and the metrics of each cycle."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..regular_files import read_json
from ..run.files import write_text
from ..run.identity import RunIdentity
from ..run.manifest import RunState
from ..run.metrics import METRICS_NAME

FORMAT = 1
# Parts of a record that most runs of a grid share.
_FACTORED = ('config', 'environment', 'pool')


@dataclass(frozen=True)
class RecordedRun:
    """Record of a run that a grid keeps.

    Attributes:
        identity: config, pool and seed.
        environment: versions by package.
        finished: whether all of its cycles are done.
        metrics: the entries of its ``metrics.json``, one per evaluated cycle.
    """

    identity: RunIdentity
    environment: Mapping[str, str]
    finished: bool
    metrics: list[dict[str, Any]]


def record_run(directory: Path) -> RecordedRun:
    """Make the record of a run directory.

    Raises:
        FileNotFoundError: when there is no run, or none of its cycles is evaluated.
        DamagedFileError: when its manifest is damaged.
    """
    state = RunState.load(directory)
    metrics = read_json(directory / METRICS_NAME)
    return RecordedRun(state.identity, state.environment, state.is_finished, metrics)


def read_records(path: str | Path) -> dict[str, RecordedRun]:
    """Read a file of records.

    Returns:
        The records by name of the run directory.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when it is no file of records.
    """
    try:
        content = read_json(path)
        if content['format'] != FORMAT:
            raise ValueError(f'its format is {content["format"]}, this version reads {FORMAT}')
        return {name: _from_json(entry, content['shared']) for name, entry in content['runs'].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'{path}: is no file of records of runs ({error})') from error


def write_records(path: str | Path, runs: Mapping[str, RecordedRun]) -> None:
    """Write a file of records: one line per run, and once what all of them share."""
    entries = {name: _to_json(run) for name, run in runs.items()}
    shared = {part: _common(entry[part] for entry in entries.values()) for part in _FACTORED}
    lines = []
    for name, entry in entries.items():
        own = {part: {k: v for k, v in entry[part].items() if k not in shared[part]} for part in _FACTORED}
        line = {key: value for key, value in {**entry, **own}.items() if value != {}}
        lines.append(f'{json.dumps(name)}: {json.dumps(line, allow_nan=False)}')
    head = f'"format": {FORMAT},\n"shared": {json.dumps(shared)},\n"runs": {{\n'
    write_text(path, '{\n' + head + ',\n'.join(lines) + '\n}}\n')


def _to_json(run: RecordedRun) -> dict[str, Any]:
    identity = run.identity
    return dict(
        finished=run.finished,
        seed=identity.seed,
        config=dict(identity.config),
        environment=dict(run.environment),
        pool=dict(size=identity.pool_size, fingerprint=identity.pool_fingerprint),
        metrics=run.metrics,
    )


def _from_json(entry: Mapping[str, Any], shared: Mapping[str, Mapping]) -> RecordedRun:
    config, environment, pool = ({**shared[part], **entry.get(part, {})} for part in _FACTORED)
    identity = RunIdentity(config, pool['fingerprint'], pool['size'], entry['seed'])
    return RecordedRun(identity, environment, entry['finished'], entry['metrics'])


def _common(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    first, *others = parts
    return {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in others)
    }
