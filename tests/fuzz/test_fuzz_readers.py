"""The fuzz of the readers, with few inputs; with many among the slow tests."""

from __future__ import annotations

import pytest

from tests.fuzz.fuzz_readers import READERS, attempt, fuzz


@pytest.mark.parametrize('inputs', [500, pytest.param(20_000, marks=pytest.mark.slow)])
def test_damaged_files_are_parsed_or_refused(tmp_path, inputs) -> None:
    counts, failures = fuzz(inputs, seed=0, folder=tmp_path)
    assert failures == []
    for outcomes in counts.values():
        # A fuzz that never gets past the first check, or never breaks anything, would prove nothing.
        assert min(outcomes['parsed'], outcomes['refused']) > inputs // 100
        assert sum(outcomes.values()) == inputs // 2


def test_the_fuzz_notices_undocumented_errors(tmp_path) -> None:
    def broken(path):
        raise KeyError('x')

    def unnamed(path):
        raise ValueError('no file is named')

    assert attempt(broken, tmp_path / 'a', b'') == "KeyError: 'x'"
    assert 'without file name' in attempt(unnamed, tmp_path / 'a', b'')
    for reader, seeds, _ in READERS.values():
        assert attempt(reader, tmp_path / 'a', seeds[0]) == 'parsed'
