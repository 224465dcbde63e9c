"""Processes of one run that were started differently say so at once, and nothing is trained."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest

from mmdet_miaod.apis.agreement import agree_on_images, refuse_differences
from mmdet_miaod.cli.command_line import run_tool
from mmdet_miaod.cli.launch import start_processes
from mmdet_miaod.datasets.image_index import ImageIndex
from tests.reliability import rank_job
from tests.reliability.processes import outputs, run_ranks
from tests.reliability.tiny_job import draw_data


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    return draw_data(tmp_path_factory.mktemp('different') / 'data')


@pytest.mark.parametrize(
    ('overrides', 'place', 'expected'),
    [
        (
            {'optimizer__lr': 0.5, 'seed': 7, 'log_config__interval': 3},
            {'run_name': 'other'},
            "--run-name is 'run' in process 0 and 'other' in process 1, log_config.interval is 1 in process 0"
            ' and 3 in process 1, optimizer.lr is 0.001 in process 0 and 0.5 in process 1, seed is 666',
        ),
        ({'data__samples_per_gpu': 1}, {}, 'data.samples_per_gpu is 2 in process 0 and 1 in process 1'),
        ({'schedule': 'supervised'}, {}, 'schedule is ['),
    ],
)
def test_another_config_or_option_is_named(tmp_path, data, overrides, place, expected) -> None:
    codes = run_ranks(2, tmp_path, rank_job.differently, str(data), overrides, place)
    assert codes == [1, 1], outputs(tmp_path)
    for rank in range(2):
        text = (tmp_path / f'output_{rank}').read_text()
        assert expected in text
        assert 'Traceback' not in text
    assert not (tmp_path / 'run').exists()


def test_another_order_of_the_pool_is_named(tmp_path, data) -> None:
    names = (data / 'VOC2007/ImageSets/Main/trainval.txt').read_text().split()
    lists = []
    for rank, order in enumerate((names, [*names[:3], names[4], names[3], *names[5:]])):
        path = tmp_path / f'{rank}' / 'trainval.txt'
        path.parent.mkdir()
        path.write_text('\n'.join(order))
        lists.append(str(path))
    codes = run_ranks(2, tmp_path, images_of, lists, f'{data}/VOC2007')
    assert codes == [1, 1], outputs(tmp_path)
    expected = f"8 in process 0 and 8 in process 1, and image 3 is '{names[3]}' and '{names[4]}'"
    assert all(expected in (tmp_path / f'output_{rank}').read_text() for rank in range(2))


def test_lists_of_other_names_with_the_same_images_are_named(tmp_path, data) -> None:
    text = (data / 'VOC2007/ImageSets/Main/trainval.txt').read_text()
    paths = [tmp_path / name for name in ('first.txt', 'second.txt')]
    for path in paths:
        path.write_text(text)
    folder = tmp_path / 'photographs'  # not VOC2007, which would be the name of both
    folder.symlink_to(data / 'VOC2007')
    assert run_ranks(2, tmp_path, images_of, list(map(str, paths)), str(folder)) == [1, 1]
    name = text.split()[0]
    assert f"image 0 is '{name} of list first' and '{name} of list second'" in outputs(tmp_path)


def images_of(rank: int, world_size: int, folder: str, lists: list, voc: str) -> int:
    rank_job.join(folder, rank, world_size)
    agree_on_images('data.pool', ImageIndex.from_lists(lists[0], voc))
    return run_tool(lambda: agree_on_images('data.pool', ImageIndex.from_lists(lists[rank], voc)))


def test_the_differences_of_many_keys_are_cut_short() -> None:
    first = {f'key{k}': k for k in range(9)}
    with pytest.raises(ValueError, match=r'key0 is 0 in process 0 and 1 in process 2.* and 4 more'):
        refuse_differences([first, first, {key: value + 1 for key, value in first.items()}])
    refuse_differences([first, first])


def meet(rank: int, world_size: int, folder: str, variables: list) -> int:
    own = {key: str(value) for key, value in variables[rank].items()}
    os.environ.update({'MASTER_ADDR': '127.0.0.1', 'WORLD_SIZE': '2', 'RANK': str(rank), **own})
    return run_tool(lambda: start_processes('pytorch', 'cpu') and None)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return free.getsockname()[1]


@pytest.mark.parametrize(
    ('world_size', 'variables', 'failed', 'expected'),
    [
        (2, [{}, {}], [], ''),
        (2, [{}, {'WORLD_SIZE': 3}], [0, 1], 'WORLD_SIZE is [23] in process [01] and [32] in another one'),
        (3, [{'WORLD_SIZE': 3}] * 2 + [{'WORLD_SIZE': 3, 'RANK': 1}], [0, 1, 2], 'two processes have RANK=1'),
    ],
)
def test_processes_meet_or_say_why_not(tmp_path, world_size, variables, failed, expected) -> None:
    port = {'MASTER_PORT': free_port()}
    codes = run_ranks(world_size, tmp_path, meet, [{**port, **own} for own in variables])
    text = outputs(tmp_path)
    assert codes == [int(rank in failed) for rank in range(world_size)], text
    assert 'Traceback' not in text
    assert re.search(expected, text), text


def set_variables(monkeypatch, **variables: int | str) -> None:
    usual = dict(RANK=0, WORLD_SIZE=2, MASTER_ADDR='127.0.0.1', MASTER_PORT=1)
    for key, value in {**usual, **variables}.items():
        monkeypatch.setenv(key, str(value))


@pytest.mark.parametrize(
    ('variables', 'expected'),
    [
        ({'RANK': 5}, "RANK is '5': a whole number from 0 to 1"),
        ({'RANK': 'abc'}, "RANK is 'abc'"),
        ({'RANK': -1}, "RANK is '-1'"),
        ({'WORLD_SIZE': 0}, "WORLD_SIZE is '0'"),
        ({'WORLD_SIZE': '1.5'}, "WORLD_SIZE is '1.5'"),
        ({'MASTER_PORT': 'http'}, "MASTER_PORT is 'http': a whole number from 1 to 65535"),
        ({'MASTER_PORT': 99999}, "MASTER_PORT is '99999'"),
        ({'MASTER_ADDR': 'no.such.machine.invalid'}, 'there is no such machine'),
    ],
)
def test_odd_variables_of_a_launcher_are_named(monkeypatch, capsys, variables, expected) -> None:
    set_variables(monkeypatch, **variables)
    assert run_tool(lambda: start_processes('pytorch', 'cpu') and None) == 1
    assert expected in capsys.readouterr().err


def test_a_port_that_another_program_has_is_named(monkeypatch, capsys) -> None:
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen()
        set_variables(monkeypatch, MASTER_PORT=other.getsockname()[1])
        assert run_tool(lambda: start_processes('pytorch', 'cpu') and None) == 1
    assert 'another program has this port; set MASTER_PORT to a free one' in capsys.readouterr().err


def test_a_missing_process_is_not_waited_for_without_end(monkeypatch, capsys) -> None:
    monkeypatch.setattr('mmdet_miaod.cli.meeting.WAIT_SECONDS', 1)
    for rank, expected in ((0, 'processes [1] of 2 did not come'), (1, 'process 0 does not listen there')):
        set_variables(monkeypatch, RANK=rank, MASTER_PORT=free_port())
        assert run_tool(lambda: start_processes('pytorch', 'cpu') and None) == 1
        assert expected in capsys.readouterr().err
