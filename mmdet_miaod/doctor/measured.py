"""Seconds of steps on GPUs that are elsewhere, as ``scripts/gpu_check.sh --out FILE.jsonl`` keeps them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..regular_files import read_text
from .step_timing import StepTimes

# What the check calls an iteration of each stage of the published schedule.
_ITERATIONS = {'label': 'label step', 'minimize': 'minimize pair', 'maximize': 'maximize pair'}
_H200 = dict(
    card='NVIDIA H200 (steps of an earlier version)',
    size=[1000, 600],
    batch=2,
    quick=False,
    parameters=42_274_432,
)
# Of configs/MIAOD.py, in the form of the check's lines. No GPU was measured since.
KNOWN: Sequence[Mapping[str, Any]] = [
    dict(
        name=name,
        setting=_H200,
        result=dict(milliseconds=dict(zip(_ITERATIONS.values(), times, strict=True)), score=score),
    )
    for name, times, score in (('float32', (98.9, 172.6, 95.6), 76.0), ('tf32', (49.0, 77.0, 44.0), 194.0))
]


def read_measurements(path: str | Path) -> list[dict[str, Any]]:
    """Read the lines of a GPU check; one that a stop cut off is passed over.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is none of a check.
    """
    entries = []
    for line in read_text(path).splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if not isinstance(entry, dict) or not {'name', 'setting', 'result'} <= entry.keys():
            raise ValueError(f'{path}: holds no results of scripts/gpu_check.sh')
        entries.append(entry)
    return entries


def times_elsewhere(
    entries: Sequence[Mapping[str, Any]], image_size: Sequence[int], batch_size: int, parameters: int
) -> dict[str, StepTimes]:
    """Return what is known of a model's steps, by card and option.

    Args:
        entries: from :func:`read_measurements`.
        image_size: width and height to which images are resized, in pixels.
        batch_size: images per batch.
        parameters: number of the model's; entries of other models, sizes or batches are left out.
    """
    wanted = dict(size=list(image_size), batch=batch_size, parameters=parameters)
    found = {}
    for entry in entries:
        setting, result = entry['setting'], entry['result']
        if 'score' in result and wanted.items() <= setting.items():
            stages = {stage: result['milliseconds'][name] / 1000 for stage, name in _ITERATIONS.items()}
            image = 1 / result['score']
            # An evaluation takes about as long as scoring, and so does a second look.
            found[f'{setting["card"]}, {entry["name"]}'] = StepTimes(stages, image, image, image)
    return found
