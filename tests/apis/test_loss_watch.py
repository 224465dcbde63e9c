"""A run whose classification loss jumps and stays says so in its log and its report."""

from __future__ import annotations

from mmdet_miaod.engine.loss_watch import JumpDetector, jump_message
from mmdet_miaod.run.manifest import RunState
from mmdet_miaod.visualization.run_reader import read_run
from tests.tiny_run import tiny_train


def _tune(monkeypatch, **settings) -> None:
    defaults = (
        dict(window=1, patience=1, lost=0.0, fallen=1.0, risen=9.0, learned=1.0, memory=None) | settings
    )
    monkeypatch.setattr(JumpDetector.__init__, '__kwdefaults__', defaults)


def test_log_manifest_and_report_name_the_worst_batches(tiny_data, tmp_path, monkeypatch) -> None:
    _tune(monkeypatch)  # every rise is a jump
    run = tiny_train(tiny_data, tmp_path, options=dict(report=True), cycles=[0, 1])
    jumps = [
        (step.cycle, jump)
        for step in RunState.load(run).of_kind('epoch')
        for jump in step.values['loss_jumps']
    ]
    # One warning per cycle at most.
    assert [cycle for cycle, _ in jumps] == [0, 1]
    (log,) = run.glob('*.log')
    page = (run / 'report.html').read_text()
    assert read_run(run).loss_jumps == [jump for _, jump in jumps]
    for cycle, jump in jumps:
        assert f'of cycle {cycle}, epoch 1, iteration' in jump['where']
        assert len(jump['batches'][0]['files']) == 2
        assert jump_message(jump) in log.read_text()
        assert f'to {jump["now"]:.3g} (running medians) and stays there' in page
    assert log.read_text().count('Training may be collapsing') == 2


def test_a_run_that_learns_says_nothing(tiny_data, tmp_path) -> None:
    run = tiny_train(tiny_data, tmp_path, cycles=[0])
    assert read_run(run).loss_jumps == []
    (log,) = run.glob('*.log')
    assert 'collapsing' not in log.read_text()


def test_a_model_that_hardly_learns_is_told_after_its_first_stage(tiny_data, tmp_path, monkeypatch) -> None:
    _tune(monkeypatch, fallen=0.0, learned=0.0)  # no fall is enough
    run = tiny_train(tiny_data, tmp_path, options=dict(report=True), cycles=[0, 1])
    jumps = read_run(run).loss_jumps
    assert [jump['stalled'] for jump in jumps] == [True, True]
    (log,) = run.glob('*.log')
    assert all(jump_message(jump) in log.read_text() for jump in jumps)
    assert (run / 'report.html').read_text().count('has hardly learned') == 2
