"""Counting collapses."""

from __future__ import annotations

import pytest

from mmdet_miaod.experiments.collapse import (
    ModelRecord,
    collapse_table,
    collapsed,
    read_records,
    upper_bound,
    write_records,
)


def records(setting: str, *values: float, error: str = '') -> list[ModelRecord]:
    return [
        ModelRecord(setting, seed, labeled=60, steps=270, mAP=value, AP={'cat': value}, error=error)
        for seed, value in enumerate(values)
    ]


def test_below_half_of_the_reference_or_diverged_is_collapsed() -> None:
    some = records('a', 0.5, 0.3, 0.29)
    assert collapsed(some, 0.6) == some[2:]
    diverged = records('a', 0.9, error='the loss is not finite')
    assert collapsed(diverged, 0.6) == diverged


def test_upper_bounds_are_those_of_the_binomial_distribution() -> None:
    # The chance to see none of n is (1 - rate)^n.
    assert upper_bound(0, 50) == pytest.approx(1 - 0.05 ** (1 / 50))
    # ... and at most one: (1 - rate)^n + n rate (1 - rate)^(n - 1).
    rate = upper_bound(1, 10)
    assert (1 - rate) ** 10 + 10 * rate * (1 - rate) ** 9 == pytest.approx(0.05)
    assert upper_bound(3, 3) == 1


def test_records_come_back_as_they_were_written(tmp_path) -> None:
    some = [*records('a', 0.5), *records('b', 0.0, error='why')]
    write_records(tmp_path / 'records.jsonl', some)
    assert read_records(tmp_path / 'records.jsonl') == some
    assert read_records(tmp_path / 'none.jsonl') == []


def test_a_setting_that_mostly_collapses_is_measured_at_the_best_one_on_its_data() -> None:
    cats = [*records('good', 0.5, 0.6, 0.55), *records('bad', 0.2, 0.2, 0.19)]
    table = collapse_table(dict(cats=cats, dogs=records('bad', 0.2, error='why'), birds=[]))
    assert table.splitlines()[2:] == [
        '| cats | good | 3 | 0 | 0 | 0 | 63% | 0.550 | 0.500 |',
        '| cats | bad | 3 | 0 | 0 | 3 | 100% | 0.200 | 0.190 |',
        '| dogs | bad | 1 | 1 | 1 | 1 | 100% | 0.200 | 0.200 |',
    ]
