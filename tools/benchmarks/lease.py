"""Measurements one after the other for as long as a machine is lent, each kept as soon as it is there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Item:
    """A measurement.

    Attributes:
        name: says what is measured; a measurement of this name that is kept is not made again.
        measure: returns plain values.
        seconds: that it takes at most, as far as one knows.
    """

    name: str
    measure: Callable[[], dict[str, Any]]
    seconds: float = 30.0


class Lease:
    """Makes measurements in order, and keeps each as a line of JSON.

    Args:
        path: file that lines are added to, and whose measurements are not made again; None keeps nothing.
        setting: what the numbers depend on; lines of another setting are passed over.
        seconds: after which no measurement begins.
        announce: is told the name of each before it begins.
    """

    def __init__(
        self,
        path: Path | None,
        setting: Mapping[str, Any],
        seconds: float,
        announce: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._path, self._setting = path, dict(setting)
        self._end = time.monotonic() + seconds
        self._announce = announce
        self.found = {} if path is None else read_results(path, self._setting)

    def work_through(self, items: list[Item]) -> list[str]:
        """Measure what is not kept; one that fails is kept as its error, and made again in the next lease.

        Returns:
            Names of the measurements that there was no time for.
        """
        left = []
        for item in items:
            if 'error' not in self.found.get(item.name, dict(error='')):
                continue
            if time.monotonic() + item.seconds > self._end:
                left.append(item.name)
                continue
            self._announce(item.name)
            try:
                result = item.measure()
            except Exception as error:  # whatever a compiler, driver or kernel raises
                result = dict(error=f'{type(error).__name__}: {error}'.splitlines()[0].rstrip(': '))
            self.found[item.name] = result
            self._keep(item.name, result)
        return left

    def _keep(self, name: str, result: dict[str, Any]) -> None:
        if self._path is not None:
            with self._path.open('a', encoding='utf-8') as file:
                file.write(json.dumps(dict(name=name, setting=self._setting, result=result)) + '\n')


def read_results(path: Path, setting: Mapping[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """Read kept measurements by name, the newest of each; a line that a stop cut off is passed over.

    Args:
        path: of the file; nothing where there is none.
        setting: of which they have to be; None: that of the last line.
    """
    entries = []
    for line in path.read_text(encoding='utf-8').splitlines() if path.exists() else []:
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    if setting is None and entries:
        setting = entries[-1]['setting']
    return {entry['name']: entry['result'] for entry in entries if entry['setting'] == setting}
