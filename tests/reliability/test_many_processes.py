"""Two and three gloo processes do what one does on the joined batch, and end together."""

from __future__ import annotations

import random
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import torch

from mmdet_miaod.engine.stage import CLASSIFIERS
from tests.reliability import rank_job
from tests.reliability.processes import outputs, run_ranks
from tests.reliability.tiny_job import draw_data, ledger

LABELED = dict(name='label')
UNLABELED = dict(
    name='unlabeled',
    labeled_losses=(),
    unlabeled_losses=('loss_dis', 'loss_mil_pseudo'),
    epoch_length='unlabeled',
    freeze=CLASSIFIERS,
)
# stage, images of the set, images that are blank and therefore get no pseudo-label
CASES: dict[str, tuple[dict, list[int], list[int]]] = {
    'labeled': (LABELED, [0, 1, 2, 3, 4, 5], []),
    'labeled, uneven last batch': (LABELED, [0, 1, 2, 3, 4, 5, 6], []),
    'unlabeled': (UNLABELED, [0, 1, 2, 3, 4, 5], []),
    'mixed pseudo-labels': (UNLABELED, [0, 1, 2, 3, 4, 5], [2]),
}


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    return draw_data(tmp_path_factory.mktemp('many') / 'data', images=10)


def check_gradients(folder: Path, data: Path, name: str, world_size: int) -> None:
    stage, indices, blank = CASES[name]
    for processes_here, batch in ((1, 6), (world_size, 6 // world_size)):
        arguments = (str(data), batch, stage, indices, blank)
        codes = run_ranks(processes_here, folder, rank_job.gradients, *arguments)
        assert codes == [0] * processes_here, outputs(folder)
    expected, one_losses = torch.load(folder / 'gradients_1.pth')
    found, many_losses = torch.load(folder / f'gradients_{world_size}.pth')
    assert found.keys() == expected.keys()
    assert any(gradient.abs().max() > 0 for gradient in expected.values())
    for key, gradient in expected.items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(found[key], gradient, rtol=1e-5, atol=1e-5 * scale, msg=key)
    for key, values in one_losses.items():
        if key.startswith('loss'):
            assert many_losses[key] == pytest.approx(values, rel=1e-5)
    if 'pseudo' in name:
        assert one_losses['loss_mil_pseudo'] == [0.0]
    elif stage is UNLABELED:
        assert one_losses['loss_mil_pseudo'][0] > 0


@pytest.mark.parametrize('name', ['labeled, uneven last batch', 'mixed pseudo-labels'])
def test_the_step_is_that_of_the_joined_batch(tmp_path, data, name) -> None:
    check_gradients(tmp_path, data, name, 2)


@pytest.mark.slow
@pytest.mark.parametrize('name', CASES)
@pytest.mark.parametrize('world_size', [2, 3])
def test_every_step_is_that_of_the_joined_batch(tmp_path, data, name, world_size) -> None:
    check_gradients(tmp_path, data, name, world_size)


def test_scores_selection_and_metrics_are_those_of_one_process(tmp_path, data) -> None:
    candidates = [1, 2, 3, 5, 6, 7, 9]  # chunks of 3, 3 and 1 for up to 3 processes, and 2 test images
    for world_size in (1, 3):
        codes = run_ranks(world_size, tmp_path, rank_job.scores, str(data), candidates)
        assert codes == [0] * world_size, outputs(tmp_path)
    expected, selected, metrics = torch.load(tmp_path / 'scores_1' / 'found_0.pth')
    assert torch.isfinite(expected).nonzero().flatten().tolist() == candidates
    assert len(set(expected[candidates].tolist())) == len(candidates)
    for rank in range(3):
        found, selected_here, metrics_here = torch.load(tmp_path / 'scores_3' / f'found_{rank}.pth')
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6, equal_nan=True)
        assert (selected_here, metrics_here) == (selected, metrics)


def test_a_process_that_dies_ends_the_others_and_the_run_goes_on_with_more(tmp_path, data) -> None:
    started = time.monotonic()
    codes = run_ranks(2, tmp_path, rank_job.whole_run, str(data), dict(data__samples_per_gpu=3), 'death')
    assert codes == [1, 77], outputs(tmp_path)
    assert time.monotonic() - started < 60
    text = (tmp_path / 'output_0').read_text()
    assert 'another process of the run is gone' in text
    assert 'Go on with' in text
    assert 'Traceback' not in text
    codes = run_ranks(3, tmp_path, rank_job.whole_run, str(data), dict(data__samples_per_gpu=3))
    assert codes == [0, 0, 0], outputs(tmp_path)
    assert 'run_state.json' in ledger(tmp_path / 'run')
    assert not list((tmp_path / 'run').rglob('.writing-*'))


def test_a_loss_that_is_not_finite_is_told_with_its_images_by_all(tmp_path, data) -> None:
    codes = run_ranks(2, tmp_path, rank_job.whole_run, str(data), dict(data__samples_per_gpu=2), 'nan')
    assert codes == [1, 1], outputs(tmp_path)
    messages = [
        line.split(': ', 2)[2]
        for rank in range(2)
        for line in (tmp_path / f'output_{rank}').read_text().splitlines()
        if line.startswith('error:')
    ]
    assert len(messages) == 2 and 'not finite' in messages[0]
    assert messages[0] == messages[1]


@pytest.mark.slow
@pytest.mark.parametrize('world_size', [2, 3])
def test_a_whole_run_is_that_of_one_process_with_the_joined_batch(tmp_path, data, world_size) -> None:
    ledgers = []
    for count in (1, world_size):
        folder = tmp_path / str(count)
        folder.mkdir()
        overrides = dict(data__samples_per_gpu=6 // count)
        codes = run_ranks(count, folder, rank_job.whole_run, str(data), overrides)
        assert codes == [0] * count, outputs(folder)
        ledgers.append(ledger(folder / 'run'))
    assert ledgers[0].keys() == ledgers[1].keys()
    splits = [{k: v for k, v in found.items() if k.startswith('X_')} for found in ledgers]
    assert splits[0] == splits[1]
    states = [
        torch.load(tmp_path / str(n) / 'run' / 'cycle1' / 'model.pth')['state_dict'] for n in (1, world_size)
    ]
    for key, value in states[0].items():
        torch.testing.assert_close(states[1][key], value, rtol=1e-4, atol=1e-5, msg=key)


@pytest.mark.slow
def test_two_processes_of_which_one_is_killed_at_random_moments_end_as_if_nothing_happened(
    tmp_path, data
) -> None:
    choose = random.Random(3)
    overrides = dict(data__samples_per_gpu=2)

    def kill_one(ranks: list[BaseProcess]) -> None:
        victim = choose.choice(ranks)
        victim.join(choose.uniform(0.3, 3))
        if victim.is_alive():
            victim.kill()

    def session(folder: Path, **options: Any) -> list[int]:
        folder.mkdir(exist_ok=True)
        return run_ranks(2, folder, rank_job.whole_run, str(data), overrides, timeout=60, **options)

    assert session(tmp_path / 'undisturbed') == [0, 0]
    expected = ledger(tmp_path / 'undisturbed' / 'run')
    kills = runs = 0
    while kills < 10:
        folder = tmp_path / f'killed_{runs}'
        while (codes := session(folder, disturb=kill_one)) != [0, 0]:
            assert sorted(codes) == [-signal.SIGKILL, 1], outputs(folder)
            kills += 1
        assert ledger(folder / 'run') == expected
        runs += 1
