"""A grid of runs as data, read from a Python file."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..apis.settings import RunSettings, load_settings
from ..config.files import nest_options, read_config
from ..run.files import write_text
from ..run.lookup import has_manifest
from ..run.outputs import MARK
from ..visualization.learning_curve import CURVE_AXES, CurveAxis
from .records import RecordedRun, read_records

_MARK_NAME = '.grid'
_KEYS = ('config', 'strategies', 'schedules', 'seeds', 'work_directory', 'baseline', 'options')


@dataclass(frozen=True)
class GridRun:
    """One run of a grid.

    Attributes:
        strategy: name of the query strategy in the grid.
        schedule: name of the schedule in the grid.
        seed: seed of everything.
    """

    strategy: str
    schedule: str
    seed: int

    @property
    def setting(self) -> str:
        """Strategy and schedule: all but the seed."""
        return f'{self.strategy}-{self.schedule}'

    @property
    def name(self) -> str:
        """Name of the run directory."""
        return f'{self.setting}-seed{self.seed}'


@dataclass(frozen=True)
class Grid:
    """Strategies x schedules x seeds on one config.

    Attributes:
        config: config file that all runs share.
        strategies: config of the query strategy by name.
        schedules: ``'miaod'``, ``'supervised'`` or a list of stages by name.
        seeds: one run of each strategy and schedule per seed.
        work_directory: where the run directories, their configs and the results go.
        baseline: setting (``'strategy-schedule'``) that the others are compared with.
        options: further config overrides by dotted key.
        data_root: where the data is, in place of the config's ``data_root``.
        records: file of runs that were made before (:mod:`~mmdet_miaod.experiments.records`): the finished
            ones are not run again, and those that end are added.
    """

    config: Path
    strategies: Mapping[str, Mapping[str, Any]]
    schedules: Mapping[str, Any]
    seeds: Sequence[int]
    work_directory: Path
    baseline: str
    options: Mapping[str, Any]
    data_root: str | None = None
    records: Path | None = None

    @property
    def runs(self) -> list[GridRun]:
        """All runs, seed by seed, so that every setting has a first result early.

        Schedules alternate, so that on two devices no run waits for the first cycle of another.
        """
        order = itertools.product(self.seeds, self.strategies, self.schedules)
        return [GridRun(strategy, schedule, seed) for seed, strategy, schedule in order]

    @property
    def settings(self) -> list[str]:
        """All settings, schedule by schedule in the order of the file."""
        order = itertools.product(self.schedules, self.strategies)
        return [GridRun(strategy, schedule, self.seeds[0]).setting for schedule, strategy in order]

    @property
    def axis(self) -> CurveAxis:
        """Axis of the learning curves: the unit of the runs' budget, images or boxes."""
        return CURVE_AXES[load_settings(self.config, self.options).labeling.unit]

    def read_records(self) -> dict[str, RecordedRun]:
        """Read the records of earlier runs, by name; empty where there are none."""
        return read_records(self.records) if self.records and self.records.is_file() else {}

    def run_config(self, run: GridRun) -> str:
        """Return the text of a run's config: the shared config, the run's strategy, schedule and seed.

        Not for several threads at once, as MMCV's reader of configs is not.
        """
        values = nest_options(self.options, read_config(self.config))
        values['query'] = dict(self.strategies[run.strategy], _delete_=True)
        values.update(schedule=self.schedules[run.schedule], seed=run.seed)
        # Not relative to where the run's config is written: that may be behind a symbolic link.
        values = dict(_base_=[str(self.config.resolve())], **values)
        lines = (f'{name} = {value!r}' for name, value in values.items())
        return '\n'.join(lines) + '\n'

    def take_folder(self) -> None:
        """Make the folder of the runs, or take it over from an earlier call.

        Raises:
            FileExistsError: there is something in it, and no run of the grid.
        """
        folder, mark = self.work_directory, self.work_directory / _MARK_NAME
        others = folder.exists() and any(folder.iterdir())
        if others and not mark.exists() and not any(has_manifest(folder / run.name) for run in self.runs):
            raise FileExistsError(
                f'{folder}: is not empty, and no run of the grid is in it; choose another --work-dir'
            )
        write_text(mark, f'{MARK}: runs of a grid, and what is made of them\n')

    def write_config(self, run: GridRun) -> Path:
        """Write :meth:`run_config` as a file that the run can be started with; returns its path."""
        path = self.work_directory / 'configs' / f'{run.name}.py'
        write_text(path, self.run_config(run))
        return path

    def run_settings(self, run: GridRun) -> RunSettings:
        """Return the settings as the run reads them; not for several threads at once, as MMCV's reader."""
        return load_settings(self.write_config(run), data_root=self.data_root)


def load_grid(path: str | Path) -> Grid:
    """Read a grid from a Python file; ``config`` is relative to it.

    Raises:
        FileNotFoundError: the file, or the config that it names, is missing.
        KeyError: a name is missing.
        ValueError: a name is unknown or unfit for a folder, or the baseline is no setting of the grid.
    """
    path = Path(path)
    values = _read_values(path)
    config = path.parent / values['config']
    if not config.is_file():
        raise FileNotFoundError(f'{path}: its config {config} is not there')
    grid = Grid(
        config=config,
        strategies=values['strategies'],
        schedules=values['schedules'],
        seeds=list(dict.fromkeys(values['seeds'])),
        work_directory=Path(values['work_directory']),
        baseline=values.get('baseline', ''),
        options=values.get('options', {}),
    )
    baseline = grid.baseline or grid.settings[0]
    if baseline not in grid.settings:
        raise ValueError(f'{path}: baseline is {baseline!r}: choose one of {grid.settings}')
    return replace(grid, baseline=baseline)


def _read_values(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such grid file')
    values = read_config(path)._cfg_dict.to_dict()
    for key in ('config', 'strategies', 'schedules', 'seeds', 'work_directory'):
        if not values.get(key):
            raise KeyError(f'{path}: the grid has no {key!r}')
    unknown = sorted(values.keys() - set(_KEYS))
    if unknown:
        raise ValueError(f'{path}: {unknown} are not known; a grid has {list(_KEYS)}')
    names = [*values['strategies'], *values['schedules']]
    odd = [name for name in names if not re.fullmatch(r'[\w+.]+', name)]
    if odd:
        raise ValueError(f'{path}: the names {odd} become folders: use letters, digits, "_", "+" and "."')
    return values
