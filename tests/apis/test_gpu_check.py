"""The check of GPU options, without a GPU."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import torch

from mmdet_miaod.apis import benchmark_tasks

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'gpu_check.py'


def run(*arguments: str) -> int:
    tool = runpy.run_path(str(TOOL))
    return tool['main'](tool['parse_arguments'](list(arguments)))


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU here')
def test_without_a_gpu_it_says_so_and_has_an_exit_code_of_its_own(capsys) -> None:
    assert run() == 3
    assert 'no GPU' in capsys.readouterr().err


def test_it_runs_on_a_cpu(capsys) -> None:
    assert run('--device', 'cpu', '--quick', '--options', 'channels_last') == 0
    shown = capsys.readouterr()
    assert 'channels_last' in shown.out
    assert 'minimize pair: loss_dis' in shown.out
    assert shown.err.splitlines()[-2:] == ['measuring float32', 'measuring channels_last']


def test_the_timed_label_step_trains_what_every_label_step_trains(monkeypatch, capsys) -> None:
    trained = []

    def note(model, stage, frozen):
        set_trainable(model, stage, frozen)
        trained.append((stage.name, sum(p.requires_grad for p in model.parameters())))

    set_trainable = benchmark_tasks.set_trainable
    monkeypatch.setattr(benchmark_tasks, 'set_trainable', note)
    assert run('--device', 'cpu', '--quick', '--options', 'float32') == 0
    assert [name for name, _ in trained] == ['label', 'minimize', 'maximize', 'label']
    numbers = [number for _, number in trained]
    assert numbers[3] == numbers[0] > numbers[2]


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(ValueError, match='warp'):
        run('--device', 'cpu', '--quick', '--options', 'warp')
