"""A wheel has the package whole: what is in a checkout beside Python files must be named in setup.py."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.tiny_run import REPOSITORY


@pytest.mark.slow
def test_a_wheel_has_every_file_of_the_package(tmp_path) -> None:
    source = tmp_path / 'source'
    ignored = shutil.ignore_patterns('__pycache__')
    shutil.copytree(REPOSITORY / 'mmdet_miaod', source / 'mmdet_miaod', ignore=ignored)
    shutil.copytree(REPOSITORY / 'requirements', source / 'requirements')
    for name in ('setup.py', 'pyproject.toml', 'LICENSE'):
        shutil.copy(REPOSITORY / name, source)
    command = [sys.executable, '-m', 'pip', 'wheel', '.', '--no-deps', '--no-build-isolation', '-q']
    expected = {
        path.relative_to(source).as_posix() for path in (source / 'mmdet_miaod').rglob('*') if path.is_file()
    }
    subprocess.run([*command, '-w', str(tmp_path)], cwd=source, check=True, timeout=300)
    (wheel,) = tmp_path.glob('*.whl')
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith('mmdet_miaod/')}
    assert packed == expected
    assert 'mmdet_miaod/visualization/report.html.j2' in packed
