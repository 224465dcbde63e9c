"""Actions after an import, and the one that this package registers itself by."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from mmdet_miaod.import_hook import after_import
from tests.tiny_run import REPOSITORY

ROOMS = ('active', 'apis', 'datasets', 'engine', 'models', 'doctor', 'experiments', 'visualization', 'run')
ROOMS_FIRST = [f'import mmdet_miaod.{room}, mmcv' for room in ROOMS]
REGISTERED = """
from mmcv.parallel import DataContainer
from mmdet.datasets import DATASETS
from mmdet.models import DETECTORS
from mmcv.runner import RUNNERS
from mmdet_miaod.active.query.base import QUERY_STRATEGIES
assert 'ImagePoolDataset' in DATASETS and 'MIAODRetinaNet' in DETECTORS
assert 'AlternatingEpochRunner' in RUNNERS
assert 'coreset' in QUERY_STRATEGIES and hasattr(DataContainer, 'pin_memory')
"""


@pytest.fixture
def module(tmp_path, monkeypatch) -> str:
    """Name of a module that is not imported yet; its attribute ``done`` is what actions see."""
    (tmp_path / 'miaod_awaited.py').write_text('done = True')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, 'meta_path', list(sys.meta_path))
    yield 'miaod_awaited'
    sys.modules.pop('miaod_awaited', None)


def test_an_action_waits_for_the_import_and_happens_once(module) -> None:
    seen, finders = [], len(sys.meta_path)
    after_import(module, lambda: seen.append(sys.modules[module].done))
    assert importlib.util.find_spec(module) is not None
    assert seen == []
    importlib.import_module(module)
    assert seen == [True]
    importlib.reload(sys.modules[module])
    assert seen == [True] and len(sys.meta_path) == finders


def test_an_action_does_not_wait_for_what_is_imported(module) -> None:
    importlib.import_module(module)
    seen = []
    after_import(module, lambda: seen.append(True))
    assert seen == [True]


def test_an_import_fails_with_its_action_and_tries_again(module) -> None:
    answers = [0, 1]
    after_import(module, lambda: 1 // answers.pop(0))
    with pytest.raises(ZeroDivisionError):
        importlib.import_module(module)
    assert module not in sys.modules
    importlib.import_module(module)
    assert answers == []


IN_ANY_ORDER = [
    "import mmdet_miaod, sys; assert 'torch' not in sys.modules; import mmdet",
    "from mmcv import Config; Config.fromfile('configs/MIAOD.py')",
    "import mmdet_miaod; from mmcv import Config; Config.fromfile('configs/MIAOD.py')",
    'import mmdet_miaod; mmdet_miaod.models',
]


@pytest.mark.parametrize('start', IN_ANY_ORDER[:2])
def test_the_package_registers_itself_before_and_after_mmcv(start) -> None:
    check_registration(start)


@pytest.mark.slow
@pytest.mark.parametrize('start', [*IN_ANY_ORDER[2:], *ROOMS_FIRST])
def test_whatever_is_imported_first_the_package_registers_itself(start) -> None:
    check_registration(start)


def check_registration(start: str) -> None:
    command = [sys.executable, '-c', f'{start}\n{REGISTERED}']
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_what_the_package_does_not_have_is_an_attribute_error() -> None:
    import mmdet_miaod

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mmdet_miaod.nothing  # noqa: B018
