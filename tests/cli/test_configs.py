"""Configs of the package are found where there is no such file."""

from __future__ import annotations

import pytest

from mmdet_miaod.cli import configs
from mmdet_miaod.cli.configs import find_config
from tests.tiny_run import REPOSITORY


def test_a_checkout_has_its_configs_beside_the_package(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config('configs/MIAOD.py') == str(REPOSITORY / 'configs' / 'MIAOD.py')
    assert find_config('configs/examples/bccd.py') == str(REPOSITORY / 'configs' / 'examples' / 'bccd.py')


def test_an_installed_package_has_them_inside(tmp_path, monkeypatch) -> None:
    folder = tmp_path / 'package' / '.mim' / 'configs'
    folder.mkdir(parents=True)
    (folder / 'a.py').touch()
    monkeypatch.setattr(configs, '_PACKAGE', tmp_path / 'package')
    assert find_config('configs/a.py') == str(folder / 'a.py')
    assert find_config('configs/MIAOD.py') == 'configs/MIAOD.py'


def test_a_file_of_the_user_comes_first(tmp_path, monkeypatch) -> None:
    (tmp_path / 'configs').mkdir()
    (tmp_path / 'configs' / 'MIAOD.py').touch()
    monkeypatch.chdir(tmp_path)
    assert find_config('configs/MIAOD.py') == 'configs/MIAOD.py'


@pytest.mark.parametrize(
    'path', ['MIAOD.py', 'other/MIAOD.py', 'configs/no.py', 'configs', '', '/configs/a.py']
)
def test_other_paths_stay_as_they_are(tmp_path, monkeypatch, path) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config(path) == path
