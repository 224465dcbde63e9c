"""Measurements that are kept as soon as they are there, and not made again."""

from __future__ import annotations

import json

import pytest

from tools.benchmarks.lease import Item, Lease, read_results

H200 = dict(card='H200', batch=2)


@pytest.fixture
def made() -> list[str]:
    """Names of what was measured."""
    return []


def item(name: str, made: list[str], seconds: float = 1.0, error: Exception | None = None) -> Item:
    def measure() -> dict:
        made.append(name)
        if error is not None:
            raise error
        return dict(value=len(made))

    return Item(name, measure, seconds)


def test_a_second_lease_measures_what_the_first_had_no_time_for(tmp_path, made) -> None:
    path = tmp_path / 'gpu.jsonl'
    items = [item('a', made), item('long', made, seconds=100), item('b', made)]
    assert Lease(path, H200, 60).work_through(items) == ['long']
    assert made == ['a', 'b']
    second = Lease(path, H200, 1000)
    assert second.work_through(items) == []
    assert made == ['a', 'b', 'long']
    assert second.found == read_results(path) == dict(a=dict(value=1), b=dict(value=2), long=dict(value=3))


def test_each_result_is_there_before_the_next_is_measured(tmp_path, made) -> None:
    path = tmp_path / 'gpu.jsonl'
    stop = item('stop', made, error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        Lease(path, H200, 60).work_through([item('a', made), stop])
    assert [json.loads(line)['name'] for line in path.read_text().splitlines()] == ['a']


def test_what_failed_is_kept_as_its_error_and_tried_again(tmp_path, made) -> None:
    path = tmp_path / 'gpu.jsonl'
    Lease(path, H200, 60).work_through([item('a', made, error=RuntimeError('no\nkernel')), item('b', made)])
    assert read_results(path)['a'] == dict(error='RuntimeError: no')
    Lease(path, H200, 60).work_through([item('a', made), item('b', made)])
    assert made == ['a', 'b', 'a'] and read_results(path)['a'] == dict(value=3)


def test_results_of_another_card_and_lines_that_were_cut_off_do_not_count(tmp_path, made) -> None:
    path = tmp_path / 'gpu.jsonl'
    Lease(path, dict(H200, card='H100'), 60).work_through([item('a', made)])
    with path.open('a') as file:
        file.write('{"name": "a", "sett\n')
    lease = Lease(path, H200, 60, announce=lambda name: made.append(f'measuring {name}'))
    lease.work_through([item('a', made)])
    assert made == ['a', 'measuring a', 'a']
    assert read_results(path, dict(H200, card='H100')) == dict(a=dict(value=1))
    assert read_results(tmp_path / 'none.jsonl') == {}
