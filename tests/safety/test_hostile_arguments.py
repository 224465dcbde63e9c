"""Scripts pass file names and options on as they are; no shell reads them twice."""

from __future__ import annotations

import time

import pytest

from tests.scripts.conftest import checkout, run_script, stub_torch

__all__ = ['checkout', 'run_script', 'stub_torch']  # fixtures

HOSTILE = [
    '$(touch ran)',
    '`touch ran`',
    '; touch ran;',
    '| touch ran',
    '"$(touch ran)"',
    "'; touch ran; '",
    '*',
]


def printed(checkout, name='nohup_cpu.log') -> str:
    log, deadline = checkout / 'log_nohup' / name, time.monotonic() + 30
    while 'leads its session' not in (text := log.read_text()):
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
    return text


def test_train_sh_passes_hostile_names_and_options_on(run_script, checkout) -> None:
    config = 'configs/$(touch ran) `touch ran`; touch ran.py'
    (checkout / config).write_text('')
    done = run_script('train.sh', 'cpu', config, *HOSTILE)
    assert done.returncode == 0, done.stderr
    assert printed(checkout).splitlines()[0] == f'arguments {[config, "--device", "cpu", *HOSTILE]}'
    assert not list(checkout.rglob('ran'))


def test_dist_train_sh_passes_hostile_names_and_options_on(run_script, checkout, stub_torch) -> None:
    stub_torch(0)
    config = 'configs/$(touch ran); touch ran.py'
    (checkout / config).write_text('')
    done = run_script('dist_train.sh', config, '2', *HOSTILE, PORT='$(touch ran)')
    assert done.returncode == 0, done.stderr
    expected = [config, '--launcher', 'pytorch', '--device', 'cpu', *HOSTILE]
    assert str(expected)[1:-1] in done.stdout
    assert not list(checkout.rglob('ran'))


@pytest.mark.parametrize('value', ['$(touch ran)', 'a[$(touch ran)]', '1; touch ran', 'x[$(touch ran >&2)]'])
@pytest.mark.parametrize('script', ['train.sh', 'dist_train.sh'])
def test_numbers_are_never_calculated_from_text(run_script, checkout, stub_torch, script, value) -> None:
    stub_torch(2)
    arguments = [value] if script == 'train.sh' else ['configs/mine.py', value]
    assert run_script(script, *arguments).returncode == 2
    assert not list(checkout.rglob('ran'))
