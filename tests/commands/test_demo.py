"""miaod demo: data, cycles and their table from one command."""

import json

import pytest

from mmdet_miaod.apis import load_config
from tests.commands.conftest import call
from tests.tiny_run import REPOSITORY

SMALL = ('drawing.num_train=12', 'drawing.num_test=3', 'img_scale=(64,64)', 'X_L_0_size=2', 'X_S_size=2')
SHORT = ('X_L_repeat=1', 'X_U_repeat=1', 'epoch_ratio=[1,1]', 'epoch=1', 'lr_config.step=[1]')


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip('|').split('|')]


def run_demo(tmp_path, capsys, name: str) -> list[list[str]]:
    """A demo of two cycles; returns its table without the times."""
    places = ['--data-root', str(tmp_path / 'data'), '--work-dir', str(tmp_path / 'runs'), '--run-name', name]
    changes = ['--cycles', '2', '--seed', '3', '--quiet', '--cfg-options', *SMALL, *SHORT]
    assert call('demo', *places, *changes) == 0
    heads, _, *rows = capsys.readouterr().out.splitlines()
    return [cells(line)[:3] for line in (heads, *rows)]


def test_same_seed_same_table_in_a_new_run_directory(tmp_path, capsys):
    table = run_demo(tmp_path, capsys, 'a')
    assert [row[:2] for row in table] == [['cycle', 'labeled images'], ['0', '2'], ['1', '4']]
    assert run_demo(tmp_path, capsys, 'b') == table
    metrics = [json.loads((tmp_path / 'runs' / name / 'metrics.json').read_text()) for name in 'ab']
    assert [entry['AP'] for entry in metrics[0]] == [entry['AP'] for entry in metrics[1]]
    assert (tmp_path / 'data' / 'VOC2007' / 'ImageSets' / 'Main' / 'trainval.txt').exists()


def test_demo_config_has_seven_cycles_that_its_pool_can_feed():
    config = load_config(REPOSITORY / 'configs' / 'MIAOD_demo.py')
    assert list(config.cycles) == list(range(7))
    assert config.X_L_0_size + 6 * config.X_S_size < config.drawing.num_train
    assert len(config.drawing.classes) == config.model.bbox_head.num_classes


@pytest.mark.parametrize('text', ['0', '-1', 'x'])
def test_cycles_is_a_number_of_cycles(text, capsys):
    assert call('demo', '--cycles', text) == 2
    assert '--cycles' in capsys.readouterr().err
