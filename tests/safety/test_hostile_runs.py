"""Run directories that were made to run code or to start other programs: reading one runs nothing of it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from mmdet_miaod.config.files import load_config, run_config
from mmdet_miaod.run.config_copy import DUMPED
from mmdet_miaod.run.manifest import MANIFEST_NAME, PREVIOUS_NAME, RunState
from mmdet_miaod.visualization.box_drawing import open_as_seen
from tests.apis.conftest import _leave_the_process_as_it_was  # noqa: F401 (a fixture)
from tests.commands.conftest import call, finished_run  # noqa: F401 (a fixture)
from tests.tiny_run import REPOSITORY

EPS = b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) run\nshowpage\n'


@pytest.fixture
def run(finished_run, tmp_path) -> Path:  # noqa: F811
    return Path(shutil.copytree(finished_run, tmp_path / 'run'))


def code(witness: Path) -> str:
    return f"open({str(witness)!r}, 'w').close()\n"


def without_config(run: Path) -> None:
    """Make the manifest one of version 0.1, which has no text of the config."""
    state = RunState.load(run)
    state.options = {key: value for key, value in state.options.items() if not key.startswith('config_')}
    state.save()
    (run / PREVIOUS_NAME).unlink()


READERS = {
    'report': lambda run: call('report', run, '--images', '2'),
    'visualize': lambda run: call('visualize', 'split', run, '--cycle', '0'),
}


@pytest.mark.parametrize('reader', READERS)
@pytest.mark.parametrize('is_old', [False, True])
def test_a_second_config_in_a_run_is_not_run(run, tmp_path, reader, is_old) -> None:
    if is_old:
        without_config(run)
    (run / 'aaa.py').write_text(code(tmp_path / 'ran'))
    assert READERS[reader](run) == 0
    assert not (tmp_path / 'ran').exists()
    if reader == 'report':
        assert 'are not shown' not in (run / 'report.html').read_text()


@pytest.mark.parametrize('reader', READERS)
def test_a_copy_that_became_a_program_is_not_run(run, tmp_path, reader) -> None:
    path = run / 'MIAOD.py'
    path.write_text(path.read_text() + code(tmp_path / 'ran'))
    assert READERS[reader](run) == 0  # the manifest has the config as it was
    without_config(run)
    assert READERS[reader](run) == (0 if reader == 'report' else 1)
    if reader == 'report':
        page = (run / 'report.html').read_text()
        assert re.search(r'are not shown.*MIAOD.py: is the copy of a run.*line \d+ is no assignment', page)
    assert not (tmp_path / 'ran').exists()


@pytest.mark.parametrize('reader', READERS)
def test_a_run_names_no_modules_to_import(run, tmp_path, monkeypatch, reader) -> None:
    (tmp_path / 'hostile_module.py').write_text(code(tmp_path / 'ran'))
    monkeypatch.syspath_prepend(tmp_path)
    state = RunState.load(run)
    state.options['config_text'] += "custom_imports = dict(imports=['hostile_module'])\n"
    state.save()
    assert READERS[reader](run) == 0
    assert not (tmp_path / 'ran').exists()


def test_a_copy_is_not_run_where_it_is_used_as_a_config(run, tmp_path) -> None:
    path = run / 'MIAOD.py'
    assert load_config(path).seed == 666
    path.write_text(path.read_text() + code(tmp_path / 'ran'))
    with pytest.raises(ValueError, match=r'MIAOD\.py.*a config of your own begins without the line'):
        load_config(path)
    with pytest.raises(ValueError, match=r'MIAOD\.py: is the copy'):
        run_config(run)
    assert not (tmp_path / 'ran').exists()


def test_a_run_without_its_copy_is_resumed_with_the_config_of_its_manifest(run) -> None:
    expected = run_config(run)._cfg_dict
    (run / 'MIAOD.py').unlink()
    assert run_config(run)._cfg_dict == expected
    assert run_config(run, {'seed': 1}).seed == 1
    (run / MANIFEST_NAME).unlink()
    (run / PREVIOUS_NAME).unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError, match='no copy of its config'):
        run_config(run)


@pytest.mark.parametrize('name', ['a.jpg', 'a.png', 'a.webp', 'a.bmp', 'a.eps'])
def test_pictures_of_images_start_no_interpreter_of_postscript(tmp_path, monkeypatch, name) -> None:
    monkeypatch.setattr('PIL.EpsImagePlugin.Ghostscript', lambda *_, **__: pytest.fail('Ghostscript'))
    (tmp_path / name).write_bytes(EPS)
    with pytest.raises(OSError, match='cannot identify'):
        open_as_seen(tmp_path / name)


@pytest.mark.parametrize('form', ['TIFF', 'GIF', 'PPM', 'ICO', 'PDF'])
def test_pictures_of_images_are_of_the_formats_that_a_run_reads(tmp_path, form) -> None:
    Image.new('RGB', (8, 8)).save(tmp_path / 'a.jpg', form)
    with pytest.raises(OSError, match='cannot identify'):
        open_as_seen(tmp_path / 'a.jpg')


def test_pillow_is_given_a_file_in_one_place() -> None:
    found = [
        str(path.relative_to(REPOSITORY))
        for path in (REPOSITORY / 'mmdet_miaod').rglob('*.py')
        if 'Image.open(' in path.read_text(encoding='utf-8')
    ]
    assert found == ['mmdet_miaod/datasets/image_files.py']


def test_the_first_line_of_a_copy_is_what_makes_it_data(tmp_path) -> None:
    path = tmp_path / 'mine.py'
    path.write_text(f'a = 1 + 1\n{DUMPED}')
    assert load_config(path).a == 2
