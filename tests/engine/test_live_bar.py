"""The live line: on a terminal, one line that changes; elsewhere, nothing; messages go above it."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator

import pytest

from mmdet_miaod import distributed
from mmdet_miaod.engine.live_bar import live_bar, shared_count
from mmdet_miaod.engine.progress import RunClock, RunProgress
from tests.terminal import ESCAPE, on_terminal, visible


@pytest.fixture(autouse=True)
def _environment(monkeypatch) -> None:
    monkeypatch.setenv('TERM', 'xterm-256color')
    monkeypatch.setenv('COLUMNS', '110')
    for name in ('NO_COLOR', 'FORCE_COLOR'):
        monkeypatch.delenv(name, raising=False)


@contextlib.contextmanager
def messages_to_stderr(level: int = logging.INFO) -> Iterator[logging.Logger]:
    """The logger of all messages, on what stderr is now."""
    logger, handler = logging.getLogger('mmdet'), logging.StreamHandler(sys.stderr)
    before = logger.level, logger.handlers
    logger.handlers = [handler]
    logger.setLevel(level)
    try:
        yield logger
    finally:
        logger.setLevel(before[0])
        logger.handlers = before[1]


def score(images: int = 1, **options) -> None:
    with live_bar('cycle 0 scoring', images, **options) as advance:
        for _ in range(images):
            advance(1)


def test_one_line_tells_count_speed_and_time() -> None:
    text = on_terminal(lambda: score(40, run_left=lambda: '0:12:00'))
    (line,) = visible(text)
    assert line.startswith('cycle 0 scoring ━')
    assert line.endswith(' images/s took 0:00:00 (run 0:12:00)')
    assert ' 40/40 ' in line
    assert len(line) <= 110
    assert text.rindex('\x1b[?25h') > text.rindex('\x1b[?25l')  # the cursor is back


def test_a_narrow_terminal_has_the_numbers_on_one_line(monkeypatch) -> None:
    monkeypatch.setenv('COLUMNS', '80')

    def work() -> None:
        with live_bar('cycle 0 evaluation', 4952, run_left=lambda: '12:34:56') as advance:
            advance(1000)

    (line,) = visible(on_terminal(work))
    assert line.startswith('cycle 0 evaluation 1000/4952 ')
    assert line.endswith('(run 12:34:56)')
    assert len(line) <= 80


@pytest.mark.parametrize(('level', 'chatter'), [(logging.INFO, []), (logging.DEBUG, ['Epoch [1][1/2]'])])
def test_messages_appear_above_and_chatter_where_it_is_asked_for(level, chatter) -> None:
    def work() -> None:
        with messages_to_stderr(level) as logger:
            logger.info('before')
            with live_bar('scoring', 1) as advance:
                logger.info('Epoch [1][1/2]')
                logger.warning('a warning')
                advance(1)
            logger.info('after')

    lines = [line.split(' ━')[0] for line in visible(on_terminal(work))]
    assert lines == ['before', *chatter, 'a warning', 'scoring', 'after']


@pytest.mark.parametrize('colored', [True, False])
def test_colors(monkeypatch, colored) -> None:
    if not colored:
        monkeypatch.setenv('NO_COLOR', '1')
    colors = [codes for codes, letter in ESCAPE.findall(on_terminal(score)) if letter == 'm']
    assert bool(colors) is colored


@pytest.mark.parametrize('why', ['quiet', 'dumb', 'other process'])
def test_nothing_is_shown(monkeypatch, why) -> None:
    if why == 'dumb':
        monkeypatch.setenv('TERM', 'dumb')
    if why == 'other process':
        monkeypatch.setattr(distributed, 'rank', lambda: 1)
    assert on_terminal(lambda: score(show=why != 'quiet')) == ''


def test_nothing_is_written_to_a_file(capsys, monkeypatch) -> None:
    monkeypatch.setenv('FORCE_COLOR', '1')
    score()
    assert capsys.readouterr() == ('', '')


def test_an_error_gives_the_terminal_back() -> None:
    def work() -> None:
        stream = sys.stderr
        with messages_to_stderr() as logger:
            with contextlib.suppress(KeyboardInterrupt), RunProgress(RunClock({})).images(0, 'scoring', 3):
                assert sys.stderr is not stream
                raise KeyboardInterrupt
            assert sys.stderr is stream
            assert logger.handlers[0].stream is stream
            assert logger.handlers[0].level == logging.NOTSET

    assert '\x1b[?25h' in on_terminal(work)


def test_a_share_counts_for_all_processes(monkeypatch) -> None:
    monkeypatch.setattr(distributed, 'world_size', lambda: 3)
    counted: list[int] = []
    count = shared_count(counted.append, 8)
    for _ in range(3):
        count(1)
    assert counted == [3, 3, 2]
