"""Fixtures that all tests share."""

from pathlib import Path

import pytest

from tests.tiny_run import draw_tiny_data


@pytest.fixture(scope='session')
def tiny_data(tmp_path_factory) -> Path:
    """Drawn data of 24 pool and 4 test images; shared, so never change it (copy it with shutil.copytree)."""
    return draw_tiny_data(tmp_path_factory.mktemp('drawn') / 'data')
