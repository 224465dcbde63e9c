"""Modules that are imported once something of them is used."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from mmdet_miaod.cli.late_imports import late_imports, left_out
from tests.tiny_run import REPOSITORY

LATE = {'miaod_slow': ('tools',)}


@pytest.fixture
def slow(tmp_path, monkeypatch) -> str:
    """Name of a package that is not imported yet, with the modules ``tools`` and ``other``."""
    folder = tmp_path / 'miaod_slow'
    folder.mkdir()
    (folder / '__init__.py').write_text('from . import other\nlimit = 7\ndef double(x): return 2 * x\n')
    (folder / 'tools.py').write_text('unit = "mm"\ndef add(x, y=1): return x + y\n')
    (folder / 'other.py').write_text('loads = []\nloads.append(1)\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, 'meta_path', list(sys.meta_path))
    importlib.invalidate_caches()
    yield folder.name
    for name in [name for name in sys.modules if name.split('.')[0] == folder.name]:
        del sys.modules[name]


def imported() -> bool:
    """Whether the package itself is there, and nothing in its place."""
    return 'limit' in vars(sys.modules.get('miaod_slow', importlib))


def test_functions_import_their_module_when_they_are_called(slow) -> None:
    with late_imports(LATE):
        import miaod_slow.tools as module
        from miaod_slow import double
        from miaod_slow.tools import add
    assert slow not in sys.modules
    assert add(2, y=3) == 5 and imported()
    assert double(4) == 8
    assert module.unit == 'mm' and module.add(1) == 2


def test_what_is_imported_later_is_the_module_itself(slow) -> None:
    finders = len(sys.meta_path)
    with late_imports(LATE):
        import miaod_slow.tools  # noqa: F401
    module = importlib.import_module('miaod_slow.tools')
    assert module.__file__ and sys.modules[slow].tools is module and len(sys.meta_path) == finders


def test_another_submodule_imports_the_package_at_once_and_once(slow) -> None:
    with late_imports(LATE):
        import miaod_slow.tools as module
        from miaod_slow.other import loads
        from miaod_slow.tools import unit

        assert imported() and unit == 'mm'
    other = sys.modules['miaod_slow.other']
    assert loads == [1] and other is sys.modules[slow].other and other.__spec__.origin == other.__file__
    assert module.unit == 'mm'


def test_a_stand_in_stays_until_something_else_is_asked_of_it(slow) -> None:
    with late_imports(LATE, {slow: {'double': lambda x: 'stand-in'}}):
        pass
    module = importlib.import_module(slow)
    assert module.double(1) == 'stand-in' and not hasattr(module, '__file__') and not imported()
    assert module.limit == 7 and imported()
    assert importlib.import_module(slow).double(1) == 2


def test_a_stand_in_that_stays_gives_way_to_a_submodule(slow) -> None:
    with late_imports(LATE, {slow: {}}):
        pass
    assert importlib.import_module('miaod_slow.other').loads == [1]
    assert imported() and sys.modules[slow].other.loads == [1]


def test_modules_that_are_there_or_not_installed_are_left_alone(slow) -> None:
    module = importlib.import_module(slow)
    with late_imports({slow: ('tools',), 'miaod_nowhere': ()}):
        assert sys.modules[slow] is module
        with pytest.raises(ModuleNotFoundError, match='miaod_nowhere'):
            importlib.import_module('miaod_nowhere')


STACK = """
import sys
from mmdet_miaod.cli.command_line import import_stack
import_stack()
import torch
for name in ('matplotlib', 'scipy', 'sympy', 'torch._dynamo.config', 'torch._meta_registrations'):
    assert name not in sys.modules, name
weight = torch.nn.Parameter(torch.ones(1))
weight.grad = torch.ones(1)
torch.optim.SGD([weight], lr=0.5).step()
assert weight.item() == 0.5 and 'sympy' not in sys.modules
from mmdet.core.visualization import image
assert image.plt.rcParams['figure.dpi'] > 0 and image.Polygon([[0, 0], [1, 1], [0, 1]]).get_closed()
from mmdet.core.bbox.assigners.hungarian_assigner import linear_sum_assignment
assert linear_sum_assignment([[0, 1], [1, 0]])[1].tolist() == [0, 1]
from torchvision.ops.roi_align import is_compile_supported
assert is_compile_supported('cpu') in (True, False)
assert torch.compile(lambda x: x + 1, backend='eager')(weight).item() == 1.5
torch.optim.SGD([weight], lr=0.5).step()
assert weight.item() == 0 and 'torch._dynamo.config' in sys.modules
assert torch.nn.Conv2d(1, 1, 1, device='meta')(torch.empty(1, 1, 2, 2, device='meta')).shape == (1, 1, 2, 2)
"""


def test_commands_import_the_stack_without_them_and_may_use_them() -> None:
    done = subprocess.run(
        [sys.executable, '-c', STACK], cwd=REPOSITORY, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


def test_a_module_that_is_left_out_is_imported_later(slow) -> None:
    with left_out(f'{slow}.other'):
        from miaod_slow import double
    assert double(2) == 4 and f'{slow}.other' not in sys.modules
    with left_out(slow):
        assert imported()  # it was there
    assert importlib.import_module(f'{slow}.other').loads == [1]
