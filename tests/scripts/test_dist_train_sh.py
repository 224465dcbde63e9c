"""scripts/dist_train.sh, with a stub in place of torchrun."""

import pytest


def launched(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_one_process_for_each_gpu(run_script, stub_torch):
    stub_torch(2)
    done = run_script(
        'dist_train.sh', 'configs/mine.py', '2', '--seed', '1', PORT='30123', OMP_NUM_THREADS='7'
    )
    assert launched(done) == (
        "['--nnodes', '1', '--nproc-per-node', '2', '--master-addr', '127.0.0.1', '--master-port', '30123', "
        "'tools/train.py', 'configs/mine.py', '--launcher', 'pytorch', '--seed', '1'] 7"
    )


def test_without_gpus_the_processes_share_the_cpu(run_script, stub_torch):
    stub_torch(0)
    done = run_script('dist_train.sh', 'configs/mine.py', '1000', OMP_NUM_THREADS='')
    assert "'--master-port', '29500'" in launched(done)
    assert launched(done).endswith("'--launcher', 'pytorch', '--device', 'cpu'] 1")


def test_a_run_is_resumed_without_a_config(run_script, stub_torch):
    stub_torch(2)
    done = run_script('dist_train.sh', '2', '--resume', 'work dirs/run', OMP_NUM_THREADS='7')
    words = "'tools/train.py', '--launcher', 'pytorch', '--resume', 'work dirs/run'"
    assert launched(done).endswith(f'{words}] 7')


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['configs/mine.py'], 'CONFIG and N are needed'),
        (['configs/mine.py', '0'], "N is '0'"),
        (['configs/mine.py', 'two'], "N is 'two'"),
        (['configs/none.py', '2'], 'there is no config configs/none.py'),
        (['3', '--resume', 'run'], 'torch sees 2 GPUs'),
        (['2', '--seed', '1'], "N is '--seed'"),
        (['configs/mine.py', '3'], 'torch sees 2 GPUs'),
    ],
)
def test_wrong_arguments_are_refused(run_script, stub_torch, arguments, message):
    stub_torch(2)
    done = run_script('dist_train.sh', *arguments)
    assert done.returncode == 2
    assert message in done.stderr
