"""The run of photographs that people label, as one of many processes."""

from __future__ import annotations

from pathlib import Path

from mmdet_miaod.active.annotator import LabelsWanted
from mmdet_miaod.apis import RunOptions, train
from tests.photograph_run import photograph_config
from tests.reliability.rank_job import join
from tests.reliability.tiny_job import OVERRIDES

WANTED = 4


def session(rank: int, world_size: int, folder: str, photographs: str) -> int:
    """Begin or resume; returns 4 when labels are wanted."""
    run = Path(folder) / 'run'
    place = dict(resume=str(run)) if run.exists() else dict(run_name='run')
    join(folder, rank, world_size)
    overrides = dict(annotator__test_size=2, annotator__first='coreset', annotator__score_thr=0.0)
    config = photograph_config(Path(photographs), Path(folder), **overrides, **OVERRIDES)
    try:
        train(config, RunOptions(progress=False, report=False, **place))
    except LabelsWanted:
        return WANTED
    return 0
