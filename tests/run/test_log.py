"""The log of a run."""

from __future__ import annotations

import logging

import pytest

from mmdet_miaod.cli.command_line import run_tool
from mmdet_miaod.run.log import run_logger


def test_where_an_error_came_from_is_in_the_log_file_and_not_on_the_terminal(tmp_path, capsys) -> None:
    def my_strategy() -> None:
        {}['foo']

    def main() -> None:
        with run_logger(tmp_path / 'run.log'):
            my_strategy()

    assert run_tool(main) == 1
    assert capsys.readouterr().err == 'error: foo\n'
    text = (tmp_path / 'run.log').read_text()
    assert 'The run stopped.' in text and 'in my_strategy' in text and "KeyError: 'foo'" in text


@pytest.mark.parametrize('stop', [KeyboardInterrupt, SystemExit])
def test_a_run_that_is_stopped_has_no_error_in_its_log(tmp_path, stop) -> None:
    with pytest.raises(stop), run_logger(tmp_path / 'run.log'):
        raise stop
    assert 'Traceback' not in (tmp_path / 'run.log').read_text()


def test_the_level_is_what_it_was_also_after_the_first_run_of_a_process(tmp_path) -> None:
    logger = logging.getLogger('mmdet')
    before = logger.level
    with run_logger(tmp_path / 'run.log', 'ERROR'):
        assert logger.level == logging.ERROR
    assert logger.level == before
