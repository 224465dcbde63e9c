"""How processes that slurm, MPI or torchrun started find each other."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from torch import distributed as dist

from mmdet_miaod.cli import launch
from mmdet_miaod.cli.launch import start_processes
from tests.reliability.processes import outputs, run_ranks

NAMES = ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT')


@pytest.fixture
def joined(monkeypatch, tmp_path) -> list[tuple[str, dict[str, str]]]:
    """How a process would have joined, and the variables at that moment; no launcher's variable is set."""
    calls: list[tuple[str, dict[str, str]]] = []

    def join(how: str, **_) -> None:
        calls.append((how, {name: os.environ[name] for name in NAMES}))

    monkeypatch.setattr(launch, 'meet', lambda: None)
    monkeypatch.setattr(launch.dist, 'init_process_group', join)
    monkeypatch.setattr(launch, 'init_dist', join)
    monkeypatch.setattr(launch.torch.cuda, 'current_device', lambda: 1)
    for name in list(os.environ):
        if name.startswith(('SLURM_', 'OMPI_')) or name in NAMES:
            monkeypatch.delenv(name)
    for name in NAMES:  # so that what is set in a test is unset after it
        monkeypatch.setenv(name, '')
        monkeypatch.delenv(name)
    monkeypatch.setenv('PATH', str(tmp_path))
    return calls


def fake_scontrol(folder: Path, script: str) -> None:
    (folder / 'scontrol').write_text(f'#!/bin/sh\n{script}\n')
    (folder / 'scontrol').chmod(0o755)


def slurm(monkeypatch, **variables: str) -> None:
    for name, value in {'PROCID': '3', 'NTASKS': '4', **variables}.items():
        monkeypatch.setenv(f'SLURM_{name}', value)


def test_slurm_meets_at_the_first_machine(joined, monkeypatch, tmp_path) -> None:
    fake_scontrol(tmp_path, f'echo "$@" > {tmp_path}/asked; echo node03; echo node04')
    slurm(monkeypatch, NODELIST='node[03-04]')
    assert start_processes('slurm', 'cpu') == 'cpu'
    expected = dict(RANK='3', WORLD_SIZE='4', MASTER_ADDR='node03', MASTER_PORT='29500')
    assert joined == [('gloo', expected)]
    assert (tmp_path / 'asked').read_text() == 'show hostnames node[03-04]\n'


def test_slurm_on_gpus_meets_there_too(joined, monkeypatch, tmp_path) -> None:
    fake_scontrol(tmp_path, 'echo node03; echo node04')
    slurm(monkeypatch, NODELIST='node03,node04')
    assert start_processes('slurm', 'cuda:0') == 'cuda:1'
    (how, variables), *_ = joined
    assert how == 'slurm'
    assert (variables['MASTER_ADDR'], variables['MASTER_PORT']) == ('node03', '29500')


@pytest.mark.parametrize(('machines', 'address'), [('node07', 'node07'), (None, '127.0.0.1')])
def test_one_machine_needs_no_scontrol(joined, monkeypatch, machines, address) -> None:
    slurm(monkeypatch, **({} if machines is None else {'NODELIST': machines}))
    start_processes('slurm', 'cpu')
    assert joined[0][1]['MASTER_ADDR'] == address


@pytest.mark.parametrize('script', [None, 'exit 1', 'true'])
def test_machines_that_scontrol_does_not_name_are_asked_for(joined, monkeypatch, tmp_path, script) -> None:
    if script is not None:
        fake_scontrol(tmp_path, script)
    slurm(monkeypatch, NODELIST='node[1-2]')
    with pytest.raises(ValueError, match=r'node\[1-2\].*set MASTER_ADDR'):
        start_processes('slurm', 'cpu')
    assert joined == []
    monkeypatch.setenv('MASTER_ADDR', 'node1')
    monkeypatch.setenv('MASTER_PORT', '1234')
    start_processes('slurm', 'cpu')
    assert joined[0][1] == dict(RANK='3', WORLD_SIZE='4', MASTER_ADDR='node1', MASTER_PORT='1234')


@pytest.mark.parametrize('local_size', ['2', None])
def test_mpi_on_one_machine(joined, monkeypatch, local_size) -> None:
    monkeypatch.setenv('OMPI_COMM_WORLD_RANK', '1')
    monkeypatch.setenv('OMPI_COMM_WORLD_SIZE', '2')
    if local_size is not None:
        monkeypatch.setenv('OMPI_COMM_WORLD_LOCAL_SIZE', local_size)
    start_processes('mpi', 'cpu')
    expected = dict(RANK='1', WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT='29500')
    assert joined == [('gloo', expected)]


def test_mpi_on_several_machines_needs_an_address(joined, monkeypatch) -> None:
    for name, value in dict(RANK='1', SIZE='4', LOCAL_SIZE='2').items():
        monkeypatch.setenv(f'OMPI_COMM_WORLD_{name}', value)
    with pytest.raises(ValueError, match='several machines set MASTER_ADDR'):
        start_processes('mpi', 'cpu')
    assert joined == []


@pytest.mark.parametrize(
    ('launcher', 'name'),
    [('slurm', 'SLURM_PROCID'), ('mpi', 'OMPI_COMM_WORLD_RANK'), ('pytorch', 'torchrun')],
)
@pytest.mark.parametrize('device', ['cpu', 'cuda:0'])
def test_a_launcher_that_is_not_there_is_named(joined, launcher, name, device) -> None:
    with pytest.raises(ValueError, match=f'--launcher {launcher}: .*{name}'):
        start_processes(launcher, device)
    assert joined == []


def test_one_process_joins_nobody(joined) -> None:
    assert start_processes('none', 'cuda:5') == 'cuda:5'
    assert joined == []


def meet_by_slurm(rank: int, world_size: int, folder: str, port: int) -> None:
    os.environ.update(SLURM_PROCID=str(rank), SLURM_NTASKS=str(world_size), MASTER_PORT=str(port))
    os.environ.update(SLURM_NODELIST='localhost,elsewhere', PATH=f'{folder}:{os.environ["PATH"]}')
    start_processes('slurm', 'cpu')
    found = [None] * world_size
    dist.all_gather_object(found, rank)
    assert found == [0, 1]


def test_two_processes_of_slurm_meet(tmp_path) -> None:
    fake_scontrol(tmp_path, 'echo localhost; echo elsewhere')
    with socket.socket() as free:
        free.bind(('', 0))
        port = free.getsockname()[1]
    assert run_ranks(2, tmp_path, meet_by_slurm, port) == [0, 0], outputs(tmp_path)
