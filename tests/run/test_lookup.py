"""Which run is the newest."""

from __future__ import annotations

import os

import pytest

from mmdet_miaod.run.identity import RunIdentity
from mmdet_miaod.run.lookup import newest_run
from mmdet_miaod.run.manifest import MANIFEST_NAME, RunState

IDENTITY = RunIdentity({'lr': 1}, 'pool', 3, 0)


def test_the_newest_run_is_the_one_whose_manifest_was_written_last(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match='there is no run to resume here'):
        newest_run(tmp_path)
    for age, name in enumerate(('b', 'a', 'c')):
        RunState(tmp_path / name, IDENTITY, {}).save()
        os.utime(tmp_path / name / MANIFEST_NAME, (1000 - age, 1000 - age))
    assert newest_run(tmp_path) == tmp_path / 'b'
