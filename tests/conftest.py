"""Fixtures that all tests share."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from mmdet_miaod.engine.acceleration import Acceleration, backends_restored
from tests.tiny_run import draw_tiny_data


def pytest_configure() -> None:
    """Let Ctrl-C through: shells start background jobs without it, and the tests send it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope='session')
def tiny_data(tmp_path_factory) -> Path:
    """Drawn data of 24 pool and 4 test images; shared, so never change it (copy it with shutil.copytree)."""
    return draw_tiny_data(tmp_path_factory.mktemp('drawn') / 'data')


@pytest.fixture(params=['cpu', 'cuda:0'] if torch.cuda.is_available() else ['cpu'])
def device(request) -> Iterator[torch.device]:
    """The CPU, and the GPU of a machine that has one, with the switches of a run without options."""
    with backends_restored():
        Acceleration().apply_to_backends()
        yield torch.device(request.param)
