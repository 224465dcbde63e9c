"""scripts/setup_env.sh, as far as it goes without installing anything."""

import os
import sys
import time
from pathlib import Path

import pytest


def set_up(run_script, *arguments, **variables):
    return run_script(
        'setup_env.sh', *arguments, **{'VIRTUAL_ENV': '', 'CONDA_PREFIX': '', 'CXX': 'c++', **variables}
    )


def test_an_active_environment_that_has_everything_is_used_as_it_is(run_script, checkout):
    # MIAOD_PYTHON keeps a set-up from starting, should the environment be turned down
    variables = {'VIRTUAL_ENV': sys.prefix, 'MIAOD_PYTHON': '/no/python'}
    first = set_up(run_script, **variables)
    assert first.returncode == 0, first.stderr
    assert 'Using the active environment' in first.stdout
    start = time.monotonic()
    second = set_up(run_script, '--print-python', **variables)
    assert time.monotonic() - start < 5
    assert Path(second.stdout.strip()) == Path(sys.prefix, 'bin', 'python')
    assert 'Using the active environment' in second.stderr
    assert not (checkout / '.venv').exists()


def test_an_active_environment_without_the_stack_is_not_used(run_script, tmp_path):
    (tmp_path / 'bin').mkdir()
    (tmp_path / 'bin' / 'python').symlink_to('/usr/bin/false')
    done = set_up(run_script, VIRTUAL_ENV=str(tmp_path), MIAOD_PYTHON='/no/python')
    assert done.returncode == 1
    assert 'MIAOD_PYTHON=/no/python is no Python 3.10 to 3.12' in done.stderr


def test_no_python_at_all_says_what_to_install(run_script, tmp_path):
    for tool in ('bash', 'dirname', 'sed', 'cat', 'cksum', 'tr', 'grep'):
        (tmp_path / tool).symlink_to(
            next(p for p in ('/usr/bin', '/bin') if Path(p, tool).exists()) + f'/{tool}'
        )
    done = set_up(run_script, PATH=str(tmp_path), HOME=str(tmp_path))
    assert done.returncode == 1
    assert 'no Python 3.10, 3.11 or 3.12' in done.stderr
    assert 'apt-get install python3 python3-venv python3-dev' in done.stderr


def test_no_compiler_is_found_out_first_and_says_what_to_install(run_script, tmp_path):
    done = set_up(
        run_script, MIAOD_VENV=str(tmp_path / 'venv'), MIAOD_PYTHON=sys.executable, CXX='no-such-compiler -O1'
    )
    assert done.returncode == 1
    assert "no C++ compiler ('no-such-compiler')" in done.stderr
    assert 'apt-get install g++' in done.stderr
    assert not (tmp_path / 'venv').exists()


def test_a_compiler_that_does_not_work_is_found_out_first(run_script, tmp_path):
    done = set_up(run_script, MIAOD_VENV=str(tmp_path / 'venv'), MIAOD_PYTHON=sys.executable, CXX='false')
    assert done.returncode == 1
    assert "'false' does not compile a small C++17 program" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write everywhere')
def test_a_place_that_cannot_be_written_to_is_found_out_first(run_script):
    done = set_up(run_script, MIAOD_VENV='/usr/venv', MIAOD_PYTHON=sys.executable)
    assert done.returncode == 1
    assert '/usr cannot be written to' in done.stderr


def test_a_full_disk_is_found_out_first(run_script, checkout, tmp_path):
    script = checkout / 'scripts' / 'setup_env.sh'
    script.write_text(script.read_text().replace('GIB_ENVIRONMENT=8', 'GIB_ENVIRONMENT=8000000'))
    done = set_up(run_script, MIAOD_VENV=str(tmp_path / 'venv'), MIAOD_PYTHON=sys.executable)
    assert done.returncode == 1
    assert 'the environment needs 8000000 GiB' in done.stderr


def test_a_folder_of_other_things_is_left_alone(run_script, tmp_path):
    (tmp_path / 'home').mkdir()
    (tmp_path / 'home' / 'thesis.tex').write_text('')
    variables = {
        'MIAOD_VENV': str(tmp_path / 'home'),
        'MIAOD_PYTHON': sys.executable,
        'CXX': 'true',
    }
    done = set_up(run_script, **variables)
    assert done.returncode == 1
    assert 'neither empty nor a Python environment' in done.stderr
    assert [file.name for file in (tmp_path / 'home').iterdir()] == ['thesis.tex']


def test_unknown_arguments_are_refused(run_script):
    done = set_up(run_script, '--all')
    assert done.returncode == 1
    assert "unknown argument '--all'" in done.stderr


def test_help_is_the_head_of_the_file(run_script):
    done = set_up(run_script, '--help')
    assert done.returncode == 0
    assert done.stdout.startswith('Make the Python environment')
    assert 'MIAOD_CACHE' in done.stdout
    assert 'pipefail' not in done.stdout
