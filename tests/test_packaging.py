"""Wheel, source distribution and installed command: whole, and with the configs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.tiny_run import REPOSITORY

PIP = [sys.executable, '-m', 'pip', '--disable-pip-version-check', '-q']
OFFLINE = ['--no-deps', '--no-build-isolation', '--no-index']
SDIST = 'from setuptools import build_meta; print(build_meta.build_sdist({!r}))'


@pytest.fixture(scope='module')
def source(tmp_path_factory) -> Path:
    """What building the package takes of the repository."""
    folder = tmp_path_factory.mktemp('packaging') / 'source'
    ignored = shutil.ignore_patterns('__pycache__')
    for name in ('mmdet_miaod', 'configs', 'requirements'):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)
    for name in ('setup.py', 'pyproject.toml', 'MANIFEST.in', 'LICENSE'):
        shutil.copy(REPOSITORY / name, folder)
    return folder


@pytest.fixture(scope='module')
def files(source) -> set[str]:
    """What a wheel has to have: the package, and the configs inside it."""
    kept = {path.relative_to(source).as_posix() for path in source.rglob('*') if path.is_file()}
    package = {name for name in kept if name.startswith('mmdet_miaod/')}
    return package | {f'mmdet_miaod/.mim/{name}' for name in kept if name.startswith('configs/')}


def packed(wheel: Path) -> set[str]:
    return {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith('mmdet_miaod/')}


@pytest.mark.slow
def test_a_source_distribution_makes_the_whole_wheel(source, files, tmp_path) -> None:
    command = [sys.executable, '-c', SDIST.format(str(tmp_path))]
    subprocess.run(command, cwd=source, check=True, timeout=300, capture_output=True)
    (archive,) = tmp_path.glob('*.tar.gz')
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / 'unpacked', filter='data')
    (unpacked,) = (tmp_path / 'unpacked').iterdir()
    subprocess.run([*PIP, 'wheel', *OFFLINE, '-w', str(tmp_path), str(unpacked)], check=True, timeout=300)
    (wheel,) = tmp_path.glob('*.whl')
    assert packed(wheel) == files
    assert {'mmdet_miaod/visualization/report.html.j2', 'mmdet_miaod/.mim/configs/MIAOD.py'} <= files


@pytest.fixture(scope='module')
def installed(source, tmp_path_factory) -> Path:
    """A folder that the package was installed into by pip, the stack being elsewhere."""
    target = tmp_path_factory.mktemp('installed')
    subprocess.run([*PIP, 'install', *OFFLINE, '--target', str(target), str(source)], check=True, timeout=300)
    return target


def miaod(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess:
    """Run the installed command from a folder."""
    environment = dict(os.environ, PYTHONPATH=str(installed))
    command = [str(installed / 'bin' / 'miaod'), *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_the_command_finds_the_configs_of_the_package_from_any_folder(installed, tmp_path) -> None:
    done = miaod(installed, tmp_path, '--help')
    assert done.returncode == 0 and '  train ' in done.stdout
    done = miaod(installed, tmp_path, 'train', 'configs/MIAOD.py', '--data-root', 'none', '--device', 'cpu')
    assert done.returncode == 1
    assert done.stderr.startswith('error: ') and 'no such config' not in done.stderr
    assert 'none/VOC2007' in done.stderr
    done = miaod(installed, tmp_path, 'train', 'configs/NO.py')
    assert (done.returncode, done.stderr) == (1, 'error: configs/NO.py: no such config file\n')


@pytest.mark.slow
def test_a_config_of_the_folder_is_taken_before_that_of_the_package(installed, tmp_path) -> None:
    (tmp_path / 'configs').mkdir()
    (tmp_path / 'configs' / 'MIAOD.py').write_text('mine = 1')
    done = miaod(installed, tmp_path, 'doctor', 'configs/MIAOD.py', '--quick')
    assert done.returncode == 1
    assert done.stderr.startswith('error: the config has no ')


@pytest.mark.slow
def test_a_demo_runs_outside_of_a_checkout(installed, tmp_path) -> None:
    sizes = ['drawing.num_train=12', 'drawing.num_test=3', 'img_scale=(64,64)', 'X_L_0_size=2', 'X_S_size=2']
    short = ['X_L_repeat=1', 'X_U_repeat=1', 'epoch_ratio=[1,1]', 'epoch=1', 'lr_config.step=[]']
    done = miaod(installed, tmp_path, 'demo', '-q', '--cycles', '2', '--cfg-options', *sizes, *short)
    assert (done.returncode, done.stderr) == (0, '')
    assert 'labeled images' in done.stdout
    assert len(list((tmp_path / 'work_dirs' / 'demo').glob('*/metrics.json'))) == 1
