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
    assert not (checkout / '.venv').exists()


def test_an_active_environment_without_the_stack_is_not_used(run_script, tmp_path):
    (tmp_path / 'bin').mkdir()
    (tmp_path / 'bin' / 'python').symlink_to('/usr/bin/false')
    done = set_up(run_script, VIRTUAL_ENV=str(tmp_path), MIAOD_PYTHON='/no/python')
    assert done.returncode == 1
    assert 'was found as MIAOD_PYTHON=/no/python' in done.stderr


def executable(file, command):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'#!/bin/sh\n{command}\n')
    file.chmod(0o755)


@pytest.mark.parametrize(
    ('pretend', 'said'),
    [
        (None, ''),
        ("sys.version_info = collections.namedtuple('V', 'major minor')(3, 15)", 'is Python 3.15'),
        # Debian has it in a package of its own, python3-venv
        ("sys.modules['ensurepip'] = None", 'has no module ensurepip'),
    ],
)
def test_what_is_wrong_with_the_pythons_and_what_to_install(run_script, tmp_path, pretend, said):
    for tool in ('bash', 'dirname', 'sed', 'cat', 'cksum', 'tr', 'grep'):
        (tmp_path / tool).symlink_to(
            next(p for p in ('/usr/bin', '/bin') if Path(p, tool).exists()) + f'/{tool}'
        )
    if pretend:
        code = f'import sys, collections; {pretend}; exec(sys.argv[1])'
        executable(tmp_path / 'python3', f'shift; exec {sys.executable} -c "{code}" "$@"')
        said = f'({tmp_path}/python3 {said})'
    done = set_up(run_script, PATH=str(tmp_path), HOME=str(tmp_path))
    assert done.returncode == 1
    assert f'with the modules venv and ensurepip was found {said}'.rstrip() in done.stderr
    assert 'Debian 13 (Python 3.13), Ubuntu 24.04 (3.12) and 26.04 (3.14):  apt-get install' in done.stderr


def environment_of(folder, venv):
    """An environment like this one, as if the copy of the repository in `folder` had set it up."""
    (folder / 'scripts').mkdir(parents=True, exist_ok=True)
    (folder / 'scripts' / 'setup_env.sh').touch()
    executable(venv / 'bin' / 'python', f'exec {sys.executable} "$@"')
    (venv / 'pyvenv.cfg').touch()
    (venv / '.mmdet_miaod.ready').write_text(f'{folder}\n123 456\n')


def content(folder):
    return {file: file.read_bytes() for file in folder.rglob('*') if file.is_file()}


def test_the_environment_of_another_folder_stays_as_it_is(run_script, tmp_path):
    venv = tmp_path / 'venv'
    environment_of(tmp_path / 'other', venv)
    before = content(venv)
    variables = {'MIAOD_VENV': str(venv), 'MIAOD_PYTHON': sys.executable, 'CXX': 'no-such-compiler'}
    done = set_up(run_script, **variables)
    assert done.returncode == 1
    assert f'the environment in {venv} belongs to {tmp_path}/other, and stays as it is' in done.stderr
    assert content(venv) == before
    (tmp_path / 'other' / 'scripts' / 'setup_env.sh').unlink()  # nobody's any more: the set-up begins
    assert "no C++ compiler ('no-such-compiler')" in set_up(run_script, **variables).stderr


def test_scripts_use_the_environment_of_another_folder_with_the_code_of_their_own(
    run_script, stub_torch, checkout, tmp_path
):
    stub_torch(2)
    venv = tmp_path / 'venv'
    environment_of(tmp_path / 'other', venv)
    before = content(venv)
    done = run_script(
        'dist_train.sh', 'configs/mine.py', '2', '--help', MIAOD_VENV=str(venv), MIAOD_RUN_PYTHON=''
    )
    assert done.returncode == 0, done.stderr
    assert "'tools/train.py', 'configs/mine.py', '--launcher', 'pytorch', '--help']" in done.stdout
    assert f'{venv} belongs to {tmp_path}/other; it is used as it is, with the code of {checkout}' in (
        done.stderr
    )
    assert content(venv) == before


@pytest.mark.parametrize('name', ['dist_train.sh', 'train.sh', 'demo.sh', 'test.sh'])
def test_only_setup_env_installs(run_script, tmp_path, name):
    venv = tmp_path / 'venv'
    done = run_script(name, 'cpu', '2', '--help', MIAOD_VENV=str(venv), MIAOD_RUN_PYTHON='')
    assert done.returncode == 1
    assert f'{venv}: there is no environment' in done.stderr
    assert 'Make it with: bash scripts/setup_env.sh' in done.stderr
    assert not venv.exists()


def test_an_environment_of_other_versions_is_named_not_changed(run_script, checkout, tmp_path):
    venv = tmp_path / 'venv'
    environment_of(checkout, venv)
    before = content(venv)
    with (checkout / 'requirements' / 'tests.txt').open('a') as file:
        file.write('pytest==0.1\n')
    done = set_up(run_script, '--print-python', MIAOD_VENV=str(venv))
    assert done.returncode == 1
    assert '(wanted: 0.1). Make it with: bash scripts/setup_env.sh' in done.stderr
    assert done.stdout == ''
    assert content(venv) == before


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
