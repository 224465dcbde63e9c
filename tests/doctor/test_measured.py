"""Times of steps that were measured elsewhere."""

import json

import pytest

from mmdet_miaod.doctor.measured import KNOWN, read_measurements, times_elsewhere
from mmdet_miaod.doctor.step_timing import StepTimes


def test_the_time_on_a_gpu_elsewhere_follows_from_what_was_measured_there(tmp_path) -> None:
    setting = dict(card='Card', size=[1000, 600], batch=2, quick=False, parameters=7)
    steps = {'label step': 100.0, 'minimize pair': 200.0, 'maximize pair': 50.0, 'stock step': 1.0}
    path = tmp_path / 'gpu.jsonl'
    lines = [
        dict(name='tf32', setting=setting, result=dict(milliseconds=steps, score=50.0)),
        dict(name='loading, 8 workers', setting=setting, result=dict(milliseconds=3.0, images=700.0)),
        dict(name='float32', setting={**setting, 'batch': 4}, result=dict(milliseconds=steps, score=50.0)),
        dict(name='float16', setting=setting, result=dict(error='none')),
    ]
    path.write_text(''.join(f'{json.dumps(line)}\n' for line in lines) + '{"name": "cut')
    entries = read_measurements(path)
    stages = dict(label=0.1, minimize=0.2, maximize=0.05)
    expected = {'Card, tf32': StepTimes(stages, score=0.02, evaluate=0.02, look=0.02)}
    assert times_elsewhere(entries, (1000, 600), 2, 7) == expected
    assert times_elsewhere(entries, (1000, 600), 2, 8) == {} == times_elsewhere(entries, (), 2, 7)
    published = times_elsewhere(KNOWN, (1000, 600), 2, 42_274_432)
    assert [card.split(', ')[1] for card in published] == ['float32', 'tf32']
    path.write_text('[1]\n')
    with pytest.raises(ValueError, match='gpu.jsonl: holds no results of scripts/gpu_check.sh'):
        read_measurements(path)
