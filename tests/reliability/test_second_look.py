"""Strategies that look at images again: stopped and resumed, on many processes, under both budgets."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.reliability import rank_job
from tests.reliability.processes import outputs, run_ranks
from tests.reliability.tiny_job import OVERRIDES, draw_data, ledger
from tests.tiny_run import stopped_after, tiny_train

QUERIES = {
    name: dict(_delete_=True, type=name, factor=1.5)
    for name in ('ppal', 'divproto', 'miaod+ccms', 'entropy+ccms')
}
QUERIES['ppal as published'] = dict(QUERIES['ppal'], as_published=True)
QUERIES.update({name: dict(_delete_=True, type=name) for name in ('dcus', 'cdal')})
# Weights that make an untrained model find boxes everywhere.
FINDING = dict(model__bbox_head__init_cfg=dict(type='Normal', layer='Conv2d', std=0.2))


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return draw_data(tmp_path_factory.mktemp('second_look') / 'data', images=10)


def run(data, folder, name='run', query='ppal', **changes):
    options = dict(deterministic=True, **changes.pop('options', {}))
    overrides = {**OVERRIDES, **FINDING, 'query': dict(QUERIES[query]), **changes}
    return tiny_train(data, folder, name, options, **overrides)


def resume(data, folder, **changes):
    return run(data, folder, None, options=dict(resume=str(folder / 'stopped')), **changes)


def check_stops(data, folder, query, stops, **changes) -> None:
    expected = ledger(run(data, folder, query=query, **changes))
    assert any(step[0][0] == 'look' for step in expected['run_state.json'][1]) or query in ('dcus', 'cdal')
    for number, (kind, chunk) in enumerate(stops):
        place = folder / str(number)
        with stopped_after(lambda step: (step.kind, step.number) == (kind, chunk)):  # noqa: B023 (called at once)
            run(data, place, 'stopped', query, **changes)
        assert ledger(resume(data, place, query=query, **changes)) == expected


def test_a_second_look_resumes_from_its_last_chunk_to_the_bit(tmp_path, data) -> None:
    check_stops(data, tmp_path, 'ppal', [('quality', 0), ('look', 0)])
    assert not list(tmp_path.glob('*/cycle0/*_part_*'))  # chunks of a selection that is over


@pytest.mark.slow
@pytest.mark.parametrize('query', QUERIES)
@pytest.mark.parametrize('unit, size', [('image', 2), ('box', 5)])
def test_every_strategy_is_stopped_and_resumed_to_the_bit(tmp_path, data, query, unit, size) -> None:
    stops = [('chunk', 1)]
    stops += [] if query in ('dcus', 'cdal') else [('look', 0), ('look', 1)]
    stops += [('quality', 0)] if query.startswith(('ppal', 'dcus')) else []
    check_stops(data, tmp_path, query, stops, budget=dict(unit=unit, size=size))


def test_a_damaged_chunk_is_looked_at_again(tmp_path, data) -> None:
    expected = ledger(run(data, tmp_path))
    with stopped_after(lambda step: (step.kind, step.number) == ('look', 1)):
        run(data, tmp_path, 'stopped')
    chunk = tmp_path / 'stopped' / 'cycle0' / 'second_look_part_00000.npy'
    chunk.write_bytes(chunk.read_bytes()[:-1])
    assert ledger(resume(data, tmp_path)) == expected


def test_selection_quality_and_second_look_are_those_of_one_process(tmp_path, data) -> None:
    queries = [{k: v for k, v in query.items() if k != '_delete_'} for query in QUERIES.values()]
    for world_size in (1, 2, 3):
        codes = run_ranks(world_size, tmp_path, rank_job.selections, str(data), queries)
        assert codes == [0] * world_size, outputs(tmp_path)
    expected = torch.load(tmp_path / 'selections_1_0.pth')
    first = 'second_look_part_00000.npy'
    looks = [files[first] for _, files in expected if first in files]
    assert len(looks) == 5 and all((look[..., 1] > 0).any() for look in looks)
    for world_size, rank in ((2, 0), (2, 1), (3, 0), (3, 1), (3, 2)):
        for (selected, files), (selected_here, files_here) in zip(
            expected, torch.load(tmp_path / f'selections_{world_size}_{rank}.pth'), strict=True
        ):
            assert selected_here == selected and files_here.keys() == files.keys()
            for name, values in files.items():
                assert np.array_equal(files_here[name], values, equal_nan=True), name
