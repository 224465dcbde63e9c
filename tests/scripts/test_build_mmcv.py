"""scripts/build_mmcv.py: its cache and its rearrangement of the sources; nothing is compiled here."""

import importlib.metadata
import importlib.util
import os
import zipfile

import pytest

from .conftest import ROOT


@pytest.fixture(scope='module')
def build_mmcv():
    spec = importlib.util.spec_from_file_location('build_mmcv', ROOT / 'scripts' / 'build_mmcv.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def wheel(build_mmcv, tmp_path):
    """A sound cache entry, as far as the cache can tell."""
    file = tmp_path / 'mmcv_full-1.7.2-cp311-cp311-linux_x86_64.whl'
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('mmcv/_ext.cpython-311-x86_64-linux-gnu.so', b'compiled')
    file.with_suffix('.sha256').write_text(build_mmcv.sha256(file))
    return file


def test_a_sound_wheel_is_found(build_mmcv, wheel):
    assert build_mmcv.sound_wheel(wheel.parent) == wheel


def test_a_wheel_that_was_cut_short_is_not_taken(build_mmcv, wheel):
    os.truncate(wheel, wheel.stat().st_size - 1)
    assert build_mmcv.sound_wheel(wheel.parent) is None


def test_a_wheel_without_its_checksum_is_not_taken(build_mmcv, wheel):
    wheel.with_suffix('.sha256').unlink()
    assert build_mmcv.sound_wheel(wheel.parent) is None


def test_a_wheel_without_ops_is_not_taken(build_mmcv, wheel):
    with zipfile.ZipFile(wheel, 'w') as archive:
        archive.writestr('mmcv/__init__.py', '')
    wheel.with_suffix('.sha256').write_text(build_mmcv.sha256(wheel))
    assert build_mmcv.sound_wheel(wheel.parent) is None


def test_the_key_names_all_that_a_wheel_depends_on(build_mmcv):
    assert build_mmcv.cache_key().startswith('mmcv1.7.2-torch2.11.0-cpython-3')


def test_a_package_without_a_pin_is_an_error(build_mmcv):
    with pytest.raises(ValueError, match='no version of torch2'):
        build_mmcv.pinned_version('torch2')


SETUP = """def get_version():
    version_file = 'mmcv/version.py'
    with open(version_file, encoding='utf-8') as f:
        exec(compile(f.read(), version_file, 'exec'))
    return locals()['__version__']
"""


def test_setup_tells_its_version_to_every_python(build_mmcv, tmp_path, monkeypatch):
    # Python 3.13 ended that exec() adds to what locals() returns
    (tmp_path / 'mmcv').mkdir()
    (tmp_path / 'mmcv' / 'version.py').write_text("__version__ = '1.7.2'\n")
    (tmp_path / 'setup.py').write_text(SETUP)
    build_mmcv.mend_version(tmp_path / 'setup.py')
    monkeypatch.chdir(tmp_path)
    names = {}
    exec((tmp_path / 'setup.py').read_text(), names)
    assert names['get_version']() == '1.7.2'
    assert 'locals' not in (tmp_path / 'setup.py').read_text()
    with pytest.raises(ValueError, match='does not read its version as'):
        build_mmcv.mend_version(tmp_path / 'setup.py')


def test_metadata_are_told_without_running_the_sources(build_mmcv, tmp_path):
    names = {}
    exec(build_mmcv.METADATA_BACKEND.format(version='1.7.2'), names)
    name = names['__legacy__'].prepare_metadata_for_build_wheel(str(tmp_path))
    (found,) = importlib.metadata.distributions(path=[str(tmp_path)])
    assert (name, found.name, found.version) == ('mmcv_full-1.7.2.dist-info', 'mmcv-full', '1.7.2')


def test_sources_are_united(build_mmcv, tmp_path):
    bindings = tmp_path / 'mmcv' / 'ops' / 'csrc' / 'pytorch'
    (bindings / 'cpu').mkdir(parents=True)
    names = ['a.cpp', 'b.cpp', 'c.cpp', 'd.cpp', 'e.cpp', 'pybind.cpp']
    for name in [*names, 'cpu/nms.cpp', 'cpu/psamask.cpp', 'cpu/roi_align_rotated.cpp']:
        (bindings / name).write_text(f'// {name}\n')
    build_mmcv.unite_sources(tmp_path)
    compiled = sorted(str(file.relative_to(bindings)) for file in bindings.rglob('*.cpp'))
    units = [f'unity_{unit}.cpp' for unit in range(4)]
    assert compiled == ['cpu/roi_align_rotated.cpp', 'cpu/unity_cpu.cpp', 'pybind.cpp', *units]
    assert (bindings / 'unity_0.cpp').read_text().splitlines() == [
        '#include <torch/extension.h>',
        '#include <pytorch_cpp_helper.hpp>',
        '#include <pytorch_device_registry.hpp>',
        '#include "a.cpp.inc"',
        '#undef min',
        '#undef max',
        '#include "e.cpp.inc"',
        '#undef min',
        '#undef max',
    ]
    assert (bindings / 'e.cpp.inc').read_text() == '// e.cpp\n'
    assert '#include "psamask.cpp.inc"' in (bindings / 'cpu' / 'unity_cpu.cpp').read_text()


def test_an_interrupted_build_keeps_what_it_had_compiled(build_mmcv, tmp_path, monkeypatch):
    def downloaded(folder):
        (folder / 'mmcv').mkdir()
        return folder / 'mmcv'

    monkeypatch.setattr(build_mmcv, 'unpacked_sources', downloaded)
    monkeypatch.setattr(build_mmcv, 'unite_sources', lambda sources: None)
    work = tmp_path / 'work'
    sources = build_mmcv.prepared_sources(work)
    (sources / 'unity_0.o').write_bytes(b'compiled')
    assert build_mmcv.prepared_sources(work) == sources
    assert (sources / 'unity_0.o').exists()
    (work / 'ready').unlink()  # as if it had been interrupted while unpacking
    assert not (build_mmcv.prepared_sources(work) / 'unity_0.o').exists()
