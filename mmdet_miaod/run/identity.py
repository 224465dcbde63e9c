"""Identity of a run: config, pool and seed, which must not change while it lasts."""

import ast
import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any


def plain_json(value: Any) -> Any:
    """Return a value as JSON gives it back: tuples as lists, what JSON does not have as text."""
    return json.loads(json.dumps(_with_text_keys(value), sort_keys=True, default=repr))


def _with_text_keys(value: Any) -> Any:
    """Make the keys of nested dicts text, as JSON has them: others cannot be sorted among each other."""
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str) else json.dumps(key, default=repr): _with_text_keys(item)
            for key, item in value.items()
        }
    return [_with_text_keys(item) for item in value] if isinstance(value, (list, tuple)) else value


@dataclass(frozen=True)
class RunIdentity:
    """Facts of a run that must not change while it lasts.

    Attributes:
        config: JSON values of the config by dotted key, without what may differ between two sessions
            (device, workers).
        pool_fingerprint: of the pool's image names.
        pool_size: number of images in the pool.
        seed: seed of everything.
        data: what of the data and of other files is not in the config, by name: classes, images of the test
            set, content of initial weights by the config key of their path. Older manifests have none.
    """

    config: Mapping[str, Any]
    pool_fingerprint: str
    pool_size: int
    seed: int
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def config_sha256(self) -> str:
        """SHA-256 (hexadecimal) of the config's values."""
        return hashlib.sha256(json.dumps(self.config, sort_keys=True).encode()).hexdigest()

    def named(self, name: str) -> str:
        """Return an id, 16 digits, of a run that is begun under a name; runs of other configs have others."""
        text = f'{name}\n{self.config_sha256}\n{self.pool_fingerprint}'
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def differences(self, other: 'RunIdentity') -> str:
        """Describe what is different in ``other``, one line per difference; empty when nothing is."""
        lines = [
            f'{name}: {ours} -> {theirs}'
            for name, ours, theirs in (
                ('seed', self.seed, other.seed),
                ('images in the pool', self.pool_size, other.pool_size),
                ('fingerprint of the pool', self.pool_fingerprint, other.pool_fingerprint),
            )
            if ours != theirs
        ]
        shared = sorted(self.data.keys() & other.data.keys())
        changed = [key for key in shared if self.data[key] != other.data[key]]
        lines += [f'{key}: {self.data[key]} -> {other.data[key]}' for key in changed]
        # The same weights may lie elsewhere.
        same = set(shared) - set(changed)
        config, theirs = ({k: v for k, v in x.config.items() if k not in same} for x in (self, other))
        if config != theirs:
            lines += ['--- config of the run', '+++ config now']
        for key in sorted(config.keys() | theirs.keys()):
            for sign, here, there in (('-', config, theirs), ('+', theirs, config)):
                if key in here and (key not in there or here[key] != there[key]):
                    lines.append(f'{sign}{key} = {here[key]!r}')
        return '\n'.join(lines)


def config_of_format_1(text: str) -> dict[str, Any]:
    """Return the config's values from a manifest of version 0.1, which had them as lines ``key = value``."""
    values: dict[str, Any] = {}
    for line in text.splitlines():
        key, _, value = line.partition(' = ')
        values[key] = value
        with suppress(ValueError, SyntaxError):  # else it is an object of Python's and stays as text
            values[key] = ast.literal_eval(value)
    return plain_json(values)
