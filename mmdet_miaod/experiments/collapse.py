"""Collapses: how many of many single models of a setting end far below the others."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from scipy.stats import beta

from ..regular_files import read_text
from ..run.files import write_text


@dataclass(frozen=True)
class ModelRecord:
    """What became of one model.

    Attributes:
        setting: name of the setting.
        seed: of its images, its order of the data and its initial weights.
        labeled: number of labeled images.
        steps: optimizer steps that it was trained for.
        mAP: on the test set, 0 to 1; 0 where a loss was not finite.
        AP: by class; empty where a loss was not finite.
        seconds: of training and evaluation.
        error: why training ended early, '' where it did not.
    """

    setting: str
    seed: int
    labeled: int
    steps: int
    mAP: float
    AP: Mapping[str, float | None]
    seconds: float = 0.0
    error: str = ''


def read_records(path: str | Path) -> list[ModelRecord]:
    """Read a file of records, one JSON object per line; none where there is no file.

    Raises:
        ValueError: it is no file of records.
    """
    path = Path(path)
    try:
        lines = read_text(path).splitlines() if os.path.lexists(path) else []
        return [ModelRecord(**json.loads(line)) for line in lines]
    except (ValueError, TypeError) as error:
        raise ValueError(f'{path}: is no file of records of models ({error})') from error


def write_records(path: str | Path, records: Iterable[ModelRecord]) -> None:
    """Write a file of records, one JSON object per line."""
    write_text(path, ''.join(f'{json.dumps(vars(record))}\n' for record in records))


def collapsed(records: Sequence[ModelRecord], reference: float) -> list[ModelRecord]:
    """Models that ended below half of a reference mAP, or with a loss that is not finite."""
    return [record for record in records if record.error or record.mAP < reference / 2]


def upper_bound(found: int, number: int, confidence: float = 0.95) -> float:
    """One-sided upper bound of a rate, ``found`` of ``number`` seen (Clopper and Pearson, 1934)."""
    return 1.0 if found == number else float(beta.ppf(confidence, found + 1, number - found))


def collapse_table(records: Mapping[str, Sequence[ModelRecord]]) -> str:
    """Markdown table of collapses by data set and setting.

    A model has collapsed where it ends below half of its setting's median mAP. The median of a setting in
    which most collapse is itself that of a collapse, so that half of the best median on the same data is a
    second measure, with the 95% upper bound of its rate.

    Args:
        records: of each data set, by its name; one without records has no rows.
    """
    lines = [
        '| data | setting | models | diverged | below half of its median | below half of the best median '
        '| rate of these at most | median mAP | lowest |',
        '|---' * 9 + '|',
    ]
    for data, models in records.items():
        lines += [f'| {data} | {" | ".join(map(str, row))} |' for row in _rows(models)]
    return '\n'.join(lines) + '\n'


def _rows(records: Sequence[ModelRecord]) -> list[list[str | int]]:
    """Cells of one data set's settings."""
    models: dict[str, list[ModelRecord]] = {}
    for record in records:
        models.setdefault(record.setting, []).append(record)
    medians = {name: median(record.mAP for record in some) for name, some in models.items()}
    rows = []
    for name, some in models.items():
        lost = len(collapsed(some, max(medians.values())))
        cells = [name, len(some), sum(bool(record.error) for record in some)]
        cells += [len(collapsed(some, medians[name])), lost, f'{upper_bound(lost, len(some)):.0%}']
        rows.append([*cells, f'{medians[name]:.3f}', f'{min(record.mAP for record in some):.3f}'])
    return rows
