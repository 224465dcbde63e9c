"""The check of the installed stack."""

import subprocess
import sys
from pathlib import Path

import pytest

from mmdet_miaod import environment

FILE = Path(environment.__file__)


def test_this_environment_passes():
    environment.check_environment()


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(environment, 'SUPPORTED', {'no-such-package': ('1', '2')})
    problems = environment.version_problems({'no-such-package': ('1', '2')})
    assert problems == ['no-such-package is not installed (wanted: >=1,<2)']


@pytest.mark.parametrize(
    ('first', 'end', 'fits'), [('2.11', '2.12', True), ('2.12', '3', False), ('2', '2.11', False)]
)
def test_version_must_lie_in_the_supported_range(monkeypatch, first, end, fits):
    monkeypatch.setattr(environment, 'installed_version', lambda name: '2.11.0+cpu')
    assert (environment.version_problems({'torch': (first, end)}) == []) is fits


def test_missing_ops_are_an_import_error_that_says_what_to_run(monkeypatch, tmp_path):
    spec = type('Spec', (), {'submodule_search_locations': [str(tmp_path)]})
    monkeypatch.setattr(environment, 'find_spec', lambda name: spec)
    with pytest.raises(ImportError, match=r'no mmcv\._ext.*bash scripts/setup_env\.sh'):
        environment.check_environment()
    (tmp_path / '_ext.cpython-311.so').write_bytes(b'')  # what a full disk leaves
    assert environment.ops_problems()
    (tmp_path / '_ext.cpython-311.so').write_bytes(b'compiled')
    assert environment.ops_problems() == []


@pytest.mark.parametrize(
    ('version', 'expected'),
    [('2.11.0+cu130', (2, 11)), ('1.7.2', (1, 7, 2)), ('2.0rc1', (2,)), ('10.0.1', (10, 0, 1)), ('dev', ())],
)
def test_release_is_the_numbers_of_a_version(version, expected):
    assert environment.release(version) == expected


def test_pins_follow_the_python_that_runs(monkeypatch):
    text = """# about numpy==9
numpy==2.4.6; python_version >= "3.11"
numpy==2.2.6; python_version < "3.11"
rich
six==1.17.0
"""
    monkeypatch.setattr(environment.sys, 'version_info', (3, 10, 4))
    assert list(environment.pins(text)) == [('numpy', '2.2.6'), ('six', '1.17.0')]
    monkeypatch.setattr(environment.sys, 'version_info', (3, 12, 0))
    assert list(environment.pins(text)) == [('numpy', '2.4.6'), ('six', '1.17.0')]


def test_requirement_problems_compare_with_the_pins(tmp_path):
    pinned = tmp_path / 'pinned.txt'
    pinned.write_text('pytest==0.1\nno-such-package==1.0\n')
    wrong, missing = environment.requirement_problems([pinned])
    assert wrong.startswith('pytest is ')
    assert wrong.endswith('(wanted: 0.1)')
    assert missing == 'no-such-package is not installed (wanted: 1.0)'
    assert environment.requirement_problems([pinned], any_version=True) == [missing]


def test_file_runs_by_its_path_without_any_package(tmp_path):
    # -S leaves out site-packages: the state of a Python where nothing is installed yet
    done = subprocess.run(
        [sys.executable, '-I', '-S', str(FILE)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert 'torch is not installed' in done.stdout


def test_import_of_the_package_fails_clearly_without_the_stack():
    code = f'import sys; sys.path.insert(0, {str(FILE.parent.parent)!r}); import mmdet_miaod'
    done = subprocess.run(
        [sys.executable, '-I', '-S', '-c', code], capture_output=True, text=True, timeout=60, check=False
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith('ImportError: mmdet_miaod cannot run here: torch is not installed')
    assert 'bash scripts/setup_env.sh' in last
