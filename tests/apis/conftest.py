"""Fixtures for tests that run whole tools in this process."""

import logging
import signal
from collections.abc import Iterator

import pytest
import torch
from mmcv.utils.logging import logger_initialized


@pytest.fixture(autouse=True)
def _leave_the_process_as_it_was() -> Iterator[None]:
    """Take back what a tool sets for the life of its process: log handlers, a signal handler, determinism."""
    handler = signal.getsignal(signal.SIGTERM)
    forget_log_handlers()  # those of tests elsewhere write to a terminal of theirs
    yield
    signal.signal(signal.SIGTERM, handler)
    torch.use_deterministic_algorithms(False)
    forget_log_handlers()


def forget_log_handlers() -> None:
    """Let the next run of this process set up MMDetection's logger as the first one does."""
    logging.getLogger('mmdet').handlers.clear()
    logger_initialized.pop('mmdet', None)
