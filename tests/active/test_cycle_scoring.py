"""Scores on their way to disk."""

from __future__ import annotations

import io

import numpy as np
import pytest

from mmdet_miaod.active import cycle_scoring
from mmdet_miaod.active.cycle_scoring import write_scores


@pytest.mark.parametrize('candidates', [[], [0, 1, 2], [3, 4, 11], [1, 2, 5, 7, 8, 9, 14], range(15)])
@pytest.mark.parametrize('chunk_size', [1, 3, 100])
def test_streamed_scores_are_the_bytes_that_numpy_would_save(
    tmp_path, monkeypatch, candidates, chunk_size
) -> None:
    monkeypatch.setattr(cycle_scoring, '_BLOCK', 4)
    candidates = np.array(candidates, dtype=np.int64)
    values = np.random.RandomState(0).rand(len(candidates)).astype(np.float32)
    starts = range(0, len(candidates), chunk_size)
    parts = [(candidates[start : start + chunk_size], values[start : start + chunk_size]) for start in starts]
    record = write_scores(tmp_path / 'scores.npy', 15, parts)
    expected = np.full(15, np.nan, dtype=np.float32)
    expected[candidates] = values
    saved = io.BytesIO()
    np.save(saved, expected)
    assert (tmp_path / 'scores.npy').read_bytes() == saved.getvalue()
    assert record.size == len(saved.getvalue())


def test_only_one_part_is_held_at_a_time(tmp_path) -> None:
    alive = []

    def parts():
        for start in range(0, 12, 4):
            alive.append(start)
            yield np.arange(start, start + 4), np.zeros(4, dtype=np.float32)

    lazy = parts()
    assert not alive
    write_scores(tmp_path / 'scores.npy', 12, lazy)
    assert alive == [0, 4, 8]
