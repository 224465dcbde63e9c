"""scripts/train.sh, with a stub in place of tools/train.py."""

import re
import time

import pytest


def finished_log(checkout, gpu):
    """The log of a run, once the stub has printed its last line."""
    log = checkout / 'log_nohup' / f'nohup_{gpu}.log'
    deadline = time.monotonic() + 30
    while 'leads its session' not in (text := log.read_text()):
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
    return text


def test_defaults(run_script, checkout, stub_torch):
    stub_torch(4)
    done = run_script('train.sh', '3')
    assert done.returncode == 0, done.stderr
    assert finished_log(checkout, 3).splitlines() == [
        "arguments ['configs/MIAOD.py', '--device', 'cuda:0']",
        'port 30300',
        "visible '3'",
        'leads its session True',
    ]
    assert re.search(r'process \d+, port 30300', done.stdout)
    assert f'tail -f {checkout}/log_nohup/nohup_3.log' in done.stdout
    assert re.search(r'kill -- -\d+', done.stdout)


def test_config_and_arguments_are_passed_on(run_script, checkout):
    run_script('train.sh', 'cpu', 'configs/mine.py', '--cfg-options', 'a=1 b', 'c=2')
    log = finished_log(checkout, 'cpu').splitlines()
    assert log[0] == "arguments ['configs/mine.py', '--device', 'cpu', '--cfg-options', 'a=1 b', 'c=2']"
    assert log[1:3] == ['port 30000', "visible ''"]


def test_options_without_a_config_go_with_the_default_one(run_script, checkout):
    run_script('train.sh', 'cpu', '--seed', '1')
    assert "['configs/MIAOD.py', '--device', 'cpu', '--seed', '1']" in finished_log(checkout, 'cpu')


def test_a_run_is_resumed_with_its_own_config(run_script, checkout):
    run_script('train.sh', 'cpu', '--resume', 'work_dirs/run')
    assert "['--device', 'cpu', '--resume', 'work_dirs/run']" in finished_log(checkout, 'cpu')


def test_earlier_logs_are_kept_in_order(run_script, checkout):
    for seed in '123':
        run_script('train.sh', 'cpu', '--seed', seed)
        finished_log(checkout, 'cpu')
    folder = checkout / 'log_nohup'
    assert "'--seed', '3'" in (folder / 'nohup_cpu.log').read_text()
    assert "'--seed', '1'" in (folder / 'nohup_cpu.1.log').read_text()
    assert "'--seed', '2'" in (folder / 'nohup_cpu.2.log').read_text()


@pytest.mark.parametrize('gpu', ['', '-1', '01', '1.5', 'gpu0', 'configs/MIAOD.py', '0; rm', '999'])
def test_what_is_no_gpu_is_refused(run_script, checkout, gpu):
    done = run_script('train.sh', gpu)
    assert done.returncode == 2
    assert 'GPU_ID' in done.stderr
    assert not (checkout / 'log_nohup').exists()


def test_a_gpu_that_is_not_there_is_refused(run_script, stub_torch):
    stub_torch(1)
    done = run_script('train.sh', '1')
    assert done.returncode == 2
    assert 'torch sees 1 GPUs' in done.stderr


def test_a_missing_config_is_refused(run_script):
    done = run_script('train.sh', 'cpu', 'configs/none.py')
    assert done.returncode == 2
    assert 'there is no config configs/none.py' in done.stderr


def test_a_run_that_ends_at_once_is_an_error(run_script):
    done = run_script('train.sh', 'cpu', '--fail')
    assert done.returncode == 1
    assert 'no such luck' in done.stderr
