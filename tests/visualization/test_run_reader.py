"""Reading a run directory, whole and damaged."""

from pathlib import Path

import numpy as np
import pytest

from mmdet_miaod.visualization.run_reader import loss_names, read_run
from tests.visualization.recorded_run import write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / 'run')


def test_everything_is_read(run: Path) -> None:
    record = read_run(run)
    assert record.problems == []
    assert (record.cycles, record.pool_size, record.seed, record.finished) == ([0, 1], 12, 1, True)
    assert record.environment == {'torch': '2.11.0'}
    assert record.identity['model.type'] == 'MIAODRetinaNet'
    assert record.selected(0).tolist() == [7, 9]  # 7 has the higher score
    assert record.selected(1).tolist() == []
    assert record.score_of(0, 7) == 0.5
    assert record.score_of(0, 1) is None


def test_steps_of_the_losses_count_through_the_epochs_of_a_stage(run: Path) -> None:
    record = read_run(run)
    assert [entry['step'] for entry in record.losses] == [1, 2, 3, 4] * 4
    assert [entry['stage'] for entry in record.losses[:8]] == ['label'] * 4 + ['minimize'] * 4
    assert loss_names(record.losses) == ['loss_cls', 'loss']


def test_an_epoch_that_was_trained_again_replaces_the_first_one(run: Path) -> None:
    again = '{"mode": "train", "epoch": 1, "iter": 1, "cycle": 0, "stage": "label", "loss": 9.0}\n'
    head = '{"cycle": 0, "stage": "label", "stage_number": 0}\n'
    (run / '20270101_000000.log.json').write_text(head + again)
    losses = read_run(run).losses
    assert len(losses) == 16
    assert losses[0]['loss'] == 9.0


@pytest.mark.parametrize(
    'name', ['run_state.json', 'metrics.json', 'X_L_0.npy', 'cycle0/scores.npy', 'cycle1/detections.npy']
)
def test_damage_is_said_and_the_rest_is_read(run: Path, name: str) -> None:
    (run / name).write_bytes(b'{"not": ')
    record = read_run(run)
    assert len(record.problems) == 1
    assert len(record.losses) == 16


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='no run directory'):
        read_run(tmp_path)


def test_selected_images_come_in_pool_order_without_scores(run: Path) -> None:
    (run / 'cycle0' / 'scores.npy').unlink()
    np.testing.assert_array_equal(read_run(run).selected(0), [7, 9])


@pytest.mark.parametrize(
    'content',
    [
        '[' * 100_000,
        '{}',
        '5',
        '[1, "a"]',
        '[{"cycle": null, "labeled": 3}]',
        '[{"cycle": 0, "labeled": 3, "mAP": "high"}]',
        '[{"cycle": 0, "labeled": 3, "mAP": 0.5, "AP": [1]}]',
        '[{"cycle": 0, "labeled": 3, "mAP": NaN}]',
        '[{"cycle": 0, "labeled": 3, "mAP": 0.5, "seconds": {"label": "long"}}]',
        f'[{{"cycle": {10**400}, "labeled": 3, "mAP": {10**400}}}]',
        '[' + ','.join(['{"cycle": 0, "labeled": 3, "mAP": 0.5}'] * 100_000) + ']',
    ],
    ids=range(11),
)
def test_odd_metrics_are_noted_with_the_file(tmp_path, content) -> None:
    directory = write_run(tmp_path / 'run')
    (directory / 'metrics.json').write_text(content)
    record = read_run(directory)
    assert record.metrics == []
    assert any('metrics.json' in problem for problem in record.problems)


def test_odd_lines_of_the_loss_log_are_passed_over(tmp_path) -> None:
    directory = write_run(tmp_path / 'run')
    expected = read_run(directory).losses
    odd = [
        '5',
        '[]',
        '[' * 100_000,
        '{"mode": "train"',
        '{"mode": "train", "cycle": "a", "epoch": 1, "iter": 1}',
    ]
    odd += ['{"mode": "train", "cycle": 0, "epoch": null, "iter": 1}', '{"mode": "train", "epoch": {}}']
    odd += [
        '{"mode": "train", "cycle": 0, "epoch": 9, "iter": 1, "loss": "a"}',
        f'{{"stage_number": {10**400}}}',
    ]
    with next(directory.glob('*.log.json')).open('a') as file:
        file.write('\n'.join(odd))
    record = read_run(directory)
    assert record.losses == expected
    assert record.problems == []


@pytest.mark.parametrize(
    'array', [np.zeros((2, 2)), np.zeros(3, complex), np.array(['a']), np.array(5.0), np.zeros(3, 'M8[s]')]
)
@pytest.mark.parametrize('name', ['cycle0/scores.npy', 'X_L_1.npy'])
def test_odd_arrays_are_noted_with_the_file(tmp_path, array, name) -> None:
    directory = write_run(tmp_path / 'run')
    np.save(directory / name, array)
    record = read_run(directory)
    assert any(name in problem for problem in record.problems)
    assert (0 not in record.scores) == name.endswith('scores.npy')
