"""No command writes over what it reads or did not make, or over what another process is writing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mmdet_miaod.run.outputs import claimed
from tests.apis.conftest import _leave_the_process_as_it_was  # noqa: F401 (a fixture)
from tests.commands.conftest import call, finished_run, photos, tiny_model  # noqa: F401 (fixtures)
from tests.experiments.conftest import grid_file  # noqa: F401 (a fixture)
from tests.tiny_run import write_tiny_config

CPU = ('--device', 'cpu')


@pytest.fixture
def folder(tiny_model, photos, tmp_path) -> Path:  # noqa: F811
    """A person's folder with a config, a model, a list and three images."""
    for name, path in zip(('config.py', 'model.pth'), tiny_model):
        shutil.copy(path, tmp_path / name)
    (tmp_path / 'photos').mkdir()
    for name in ('000001', '000002', '000003'):
        shutil.copy(photos / f'{name}.jpg', tmp_path / 'photos')
    (tmp_path / 'list.txt').write_text(''.join(f'photos/00000{i}.jpg\n' for i in (1, 2, 3)))
    (tmp_path / 'mine.csv').write_text('mine')
    return tmp_path


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def refused(folder: Path, capsys, message: str, *arguments: str | Path) -> None:
    """The command fails with a message that has these words, and nothing is changed."""
    before = content(folder)
    assert call(*arguments) == 1
    errors = capsys.readouterr().err
    assert message in errors and 'Traceback' not in errors
    assert content(folder) == before


@pytest.mark.parametrize(
    ('name', 'why'),
    [
        ('config.py', 'is what the command reads'),
        ('model.pth', 'is what the command reads'),
        ('list.txt', 'is what the command reads'),
        ('photos/000002.jpg', 'is what the command reads'),
        ('mine.csv', 'is there already and was not made by this command'),
        ('photos', 'is there already and was not made by this command'),
    ],
)
def test_a_ranking(folder, capsys, name, why) -> None:
    arguments = ['score', folder / 'config.py', folder / 'model.pth', folder / 'list.txt', *CPU]
    refused(folder, capsys, f'{folder / name}: {why}', *arguments, '--out', folder / name)


def test_a_ranking_beside_a_folder_of_somebody(folder, capsys) -> None:
    out, parts = folder / 'r.csv', folder / 'r.csv.partial'
    parts.mkdir()
    (parts / '1.json').write_text('mine')
    arguments = ['score', folder / 'config.py', folder / 'model.pth', folder / 'photos', *CPU, '--out', out]
    refused(folder, capsys, f'{parts / "1.json"}: is no part of a ranking', *arguments)
    (parts / '1.json').unlink()
    for _ in range(2):  # an own ranking is replaced
        assert call(*arguments) == 0
    assert not parts.exists()
    with claimed(out):
        refused(folder, capsys, f'{out}: another process is writing it', *arguments)


def test_pictures_of_one_and_of_many_images(folder, capsys) -> None:
    arguments = ['inference', folder / 'config.py', folder / 'model.pth']
    one = [*arguments, folder / 'photos' / '000001.jpg', *CPU]
    for name in ('photos/000001.jpg', 'photos/000002.jpg'):
        refused(folder, capsys, f'{folder / name}: is ', *one, '--out', folder / name)
    many = [*arguments, folder / 'photos', *CPU, '--out']
    refused(folder, capsys, '000001.jpg: is what the command reads', *many, folder / 'photos')
    (folder / 'out').mkdir()
    shutil.copy(folder / 'photos' / '000003.jpg', folder / 'out' / '000003.jpg')
    refused(folder, capsys, '000003.jpg: is there already', *many, folder / 'out')
    (folder / 'out' / '000003.jpg').unlink()
    for _ in range(2):
        assert call(*many, folder / 'out') == 0
    assert len(list((folder / 'out').iterdir())) == 3
    with claimed(folder / 'out'):
        refused(folder, capsys, f'{folder / "out"}: another process', *many, folder / 'out')


@pytest.mark.parametrize('suffix', ['.jpg', '.jpeg', '.png', '.webp'])
def test_an_own_picture_is_known_in_every_format(folder, suffix) -> None:
    image = folder / 'photos' / '000001.jpg'
    arguments = [folder / 'config.py', folder / 'model.pth', image, *CPU, '--out', folder / f'p{suffix}']
    assert call('inference', *arguments) == call('inference', *arguments) == 0


def test_images_with_boxes_of_a_test_set(folder, tiny_data, capsys) -> None:
    shutil.copytree(tiny_data, folder / 'data')
    write_tiny_config(folder / 'config.py', folder / 'data', folder)
    images = folder / 'data' / 'VOC2007' / 'JPEGImages'
    arguments = ['test', folder / 'config.py', folder / 'model.pth', *CPU, '--show-dir']
    refused(folder, capsys, '.jpg: is what the command reads', *arguments, images)
    with claimed(folder / 'show'):
        refused(folder, capsys, f'{folder / "show"}: another process', *arguments, folder / 'show')


def test_heat_maps(folder, capsys) -> None:
    arguments = ['visualize', 'uncertainty', folder / 'config.py', folder / 'model.pth']
    arguments += [folder / 'photos' / '000001.jpg', *CPU, '--out', folder / 'maps']
    assert call(*arguments) == call(*arguments) == 0
    for name in ('001_000001_instances.csv', '001_000001_uncertainty.png'):
        (folder / 'maps' / name).write_text('mine')
        refused(folder, capsys, f'{name}: is there already', *arguments)
        (folder / 'maps' / name).unlink()


def test_contact_sheets(finished_run, folder, capsys) -> None:  # noqa: F811
    (folder / 'labeled.jpg').write_text('mine')
    arguments = ['visualize', 'split', finished_run, '--cycle', '0', '--out']
    refused(folder, capsys, 'labeled.jpg: is there already', *arguments, folder)
    assert call(*arguments, folder / 'new') == call(*arguments, folder / 'new') == 0


def test_a_page_and_its_plots(finished_run, folder, capsys) -> None:  # noqa: F811
    arguments = ['report', finished_run, '--images', '0', '--out']
    refused(folder, capsys, 'mine.csv: is there already', *arguments, folder / 'mine.csv')
    (folder / 'page_plots').mkdir()
    (folder / 'page_plots' / 'losses.csv').write_text('mine')
    refused(folder, capsys, 'page_plots: is not empty', *arguments, folder / 'page.html')
    for _ in range(2):
        assert call(*arguments, folder / 'other.html') == 0
    with claimed(folder / 'other.html'):
        refused(folder, capsys, 'other.html: another process', *arguments, folder / 'other.html')


def test_a_new_run(folder, tiny_data, capsys) -> None:
    examples = folder / 'confs' / 'examples'
    write_tiny_config(examples / 'config.py', tiny_data, folder)
    arguments = ['train', folder / 'config.py', *CPU, '--work-dir', folder / 'confs']
    refused(folder, capsys, f'{examples}: exists already and', *arguments, '--run-name', 'examples')


def test_a_grid(grid_file, tmp_path, capsys) -> None:  # noqa: F811
    work, path = tmp_path / 'work', grid_file
    work.mkdir()
    (work / 'results.md').write_text('mine')
    message = f'{work}: is not empty, and no run of the grid is in it'
    refused(tmp_path, capsys, message, 'experiment', path, '--work-dir', work)
    refused(tmp_path, capsys, message, 'experiment', path, '--work-dir', work, '--results-only')


def test_records_and_losses_of_single_models(folder, capsys) -> None:
    study = folder / 'study.py'
    study.write_text(
        "data = 'any'\nconfig = 'config.py'\nsettings = dict(a=dict())\nseeds = [1]\n"
        "records = 'records.jsonl'\n"
    )
    refused(folder, capsys, 'mine.csv: is there already', 'collapse', study, '--losses', folder / 'mine.csv')
    message = 'mine.csv: is no file of records of models'
    refused(folder, capsys, message, 'collapse', study, '--records', folder / 'mine.csv')
