"""What a person sees of a run on a terminal: a line for each stage, evaluation and scoring."""

from __future__ import annotations

import re
import sys

import pytest

from mmdet_miaod.engine.live_bar import LiveLine
from tests.terminal import on_terminal, visible
from tests.tiny_run import NUM_TEST, NUM_TRAIN, tiny_train


@pytest.fixture(autouse=True)
def _environment(monkeypatch) -> None:
    monkeypatch.setenv('TERM', 'xterm-256color')
    monkeypatch.setenv('COLUMNS', '120')


def test_a_run_shows_a_line_for_each_piece_of_work(tiny_data, tmp_path) -> None:
    lines = visible(on_terminal(lambda: tiny_train(tiny_data, tmp_path, options=dict(progress=True))))
    found = [re.fullmatch(r'(cycle .*?) ━+ +(\d+/\d+) (.*)', line) for line in lines]
    pieces = [match[1] for match in found if match]
    stages = ['label', 'minimize', 'maximize', 'label', 'evaluation']
    expected = [
        f'cycle {c} ({c + 1} of 2) {name}'
        for c in (0, 1)
        for name in (*stages, *(['scoring'] if c == 0 else []))
    ]
    assert pieces == expected
    numbers = {match[1]: match[2] for match in found if match}
    assert numbers['cycle 0 (1 of 2) scoring'] == f'{NUM_TRAIN - 4}/{NUM_TRAIN - 4}'
    assert numbers['cycle 1 (2 of 2) evaluation'] == f'{NUM_TEST}/{NUM_TEST}'
    for match in filter(None, found):
        speed = r'\S+ (images/s|it/s) took 0:00:\d\d \(run 0:00:\d\d\)'
        loss = '' if match[1].endswith(('evaluation', 'scoring')) else r'loss \d+\.\d+ '
        assert re.fullmatch(loss + speed, match[3])


def test_it_is_silent_without_progress(tiny_data, tmp_path) -> None:
    options = dict(progress=False, console_level='WARNING')
    assert on_terminal(lambda: tiny_train(tiny_data, tmp_path, options=options, cycles=[0])) == ''


def test_a_run_that_is_stopped_in_a_stage_gives_the_terminal_back(tiny_data, tmp_path, monkeypatch) -> None:
    def stop(line, count, loss) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LiveLine, 'advance', stop)

    def work() -> None:
        stream = sys.stderr
        with pytest.raises(KeyboardInterrupt):
            tiny_train(tiny_data, tmp_path, options=dict(progress=True))
        assert sys.stderr is stream

    text = on_terminal(work)
    assert text.rindex('\x1b[?25h') > text.rindex('\x1b[?25l')
    (line,) = [line for line in visible(text) if line.startswith('cycle')]  # once, in its last state
    assert line.startswith('cycle 0 (1 of 2) label ')
