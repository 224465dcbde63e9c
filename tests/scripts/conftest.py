"""A copy of the scripts in a folder of its own, so that what they write does not land in the repository."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (
    'MIAOD_VENV',
    'MIAOD_PYTHON',
    'MIAOD_CACHE',
    'MIAOD_RUN_PYTHON',
    'PORT',
    'PYTHONPATH',
    'CUDA_VISIBLE_DEVICES',
)

STUB_TRAIN = """
import os, sys
print('arguments', sys.argv[1:])
print('port', os.environ['MASTER_PORT'])
print('visible', repr(os.environ['CUDA_VISIBLE_DEVICES']))
print('leads its session', os.getsid(0) == os.getpid())
if '--fail' in sys.argv:
    sys.exit('no such luck')
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the scripts, what setting up reads, and stubs of torch (which sees 4 GPUs) and
    tools/train.py."""
    folder = tmp_path / 'check out'  # a space, since people have them in folder names
    shutil.copytree(ROOT / 'scripts', folder / 'scripts')
    shutil.copytree(ROOT / 'requirements', folder / 'requirements')
    for name in (
        'setup.py',
        'mmdet_miaod/environment.py',
        'tools/train.py',
        'configs/MIAOD.py',
        'configs/mine.py',
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists() and not name.startswith(('tools', 'configs')):
            shutil.copy(ROOT / name, folder / name)
        else:
            (folder / name).write_text(STUB_TRAIN if name == 'tools/train.py' else '')
    return folder


@pytest.fixture
def stub_torch(checkout: Path) -> Callable[[int], None]:
    """Call it with a number of GPUs: a stub of torch sees so many, one of torchrun prints its arguments."""

    def write(gpus: int) -> None:
        files = {
            'torch/__init__.py': f'class cuda:\n    device_count = lambda: {gpus}\n',
            'mmdet_miaod/__init__.py': '',
            'mmdet_miaod/apis/__init__.py': '',
            'mmdet_miaod/cli/torchrun.py': (
                'import os, sys\nprint(sys.argv[1:], os.environ.get("OMP_NUM_THREADS"))\n'
            ),
        }
        for name, text in files.items():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            (checkout / name).write_text(text)

    return write


@pytest.fixture
def run_script(checkout: Path) -> Callable[..., subprocess.CompletedProcess]:
    """Run a script of the copy: run_script('train.sh', '0', variable='value') -> the finished process."""

    def run(name: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        environment = {key: value for key, value in os.environ.items() if key not in SETTINGS}
        environment |= {
            'MIAOD_RUN_PYTHON': sys.executable,
            'MIAOD_CACHE': str(checkout / 'cache'),
            **variables,
        }
        return subprocess.run(
            ['bash', str(checkout / 'scripts' / name), *arguments],
            cwd=checkout, env=environment, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip

    return run
