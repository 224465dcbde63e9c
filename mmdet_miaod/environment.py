"""Check that the installed stack is the one this project was made for.

Only the standard library is imported at the top: scripts/setup_env.sh runs this file by its path, before or
without an installed stack. As a script it prints what is wrong and exits with status 1; `--import` imports
the packages as well, `--requirements` checks the pins of requirement files.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

# Releases that the fixes of compat.py were written and tested for; the end is exclusive.
SUPPORTED: Mapping[str, tuple[str, str]] = {
    'torch': ('2.11', '2.12'),
    'torchvision': ('0.26', '0.27'),
    'mmcv-full': ('1.7.2', '1.8'),
    'mmdet': ('2.28.2', '2.29'),
    'numpy': ('1.26', '3'),
}
IMPORTED_AS: Mapping[str, str] = {
    'mmcv-full': 'mmcv',
    'opencv-python-headless': 'cv2',
    'Pillow': 'PIL',
    'PyYAML': 'yaml',
}
SETUP_HINT = 'Run "bash scripts/setup_env.sh" to make an environment in .venv that has everything.'


def check_environment() -> None:
    """Raise ImportError, saying what to run, unless the stack has supported versions and mmcv's compiled
    ops."""
    problems = version_problems() or ops_problems()
    if problems:
        raise ImportError(f'mmdet_miaod cannot run here: {"; ".join(problems)}. {SETUP_HINT}')


def version_problems(supported: Mapping[str, tuple[str, str]] = SUPPORTED) -> list[str]:
    """What is missing, or outside of the versions that `supported` allows (the first, and the end:
    exclusive)."""
    problems = []
    for name, (first, end) in supported.items():
        installed = installed_version(name)
        if installed is None:
            problems.append(f'{name} is not installed (wanted: >={first},<{end})')
        elif not release(first) <= release(installed) < release(end):
            problems.append(f'{name} is {installed} (wanted: >={first},<{end})')
    return problems


def ops_problems() -> list[str]:
    """Whether mmcv has its compiled ops: without torch, mmcv-full is built without them, and without a
    word."""
    spec = find_spec('mmcv')
    folders = list(spec.submodule_search_locations or []) if spec else []
    if any(file.stat().st_size for folder in folders for file in Path(folder).glob('_ext*.so')):
        return []
    return ['mmcv was installed without its compiled ops (there is no mmcv._ext)']


def requirement_problems(files: Iterable[Path], any_version: bool = False) -> list[str]:
    """Which pins (`name==version`; other lines are passed over) of requirement files do not hold here."""
    problems = []
    for file in files:
        for name, wanted in pins(file.read_text(encoding='utf-8')):
            installed = installed_version(name)
            if installed is None or not (any_version or release(installed) == release(wanted)):
                problems.append(f'{name} is {installed or "not installed"} (wanted: {wanted})')
            elif find_spec(IMPORTED_AS.get(name, 'sys')) is None:
                problems.append(f'{name} has lost its files')
    return problems


def pins(text: str) -> Iterable[tuple[str, str]]:
    """(name, version) of each pin for this Python; a marker may compare `python_version` with one version."""
    for line in text.splitlines():
        found = re.match(r'([\w.-]+)==([^\s;]+)(?:\s*;\s*python_version\s*(<|>=)\s*"([\d.]+)")?', line)
        if found is None:
            continue
        name, version, operator, python = found.groups()
        older = python is not None and sys.version_info[:2] < release(python)
        if operator is None or older == (operator == '<'):
            yield name, version


def installed_version(name: str) -> str | None:
    """Version of the installed distribution `name`, from its metadata; None where there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def release(version: str) -> tuple[int, ...]:
    """'2.11.0+cu130' -> (2, 11): the numbers of a release, without trailing zeros, which say nothing."""
    found = re.match(r'\d+(\.\d+)*', version)
    numbers = [int(number) for number in found.group().split('.')] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def import_problems() -> list[str]:
    """What goes wrong when the stack is imported and its compiled parts are called; takes seconds."""
    try:
        boxes = importlib.import_module('torch').tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 5.0]])
        importlib.import_module('mmdet')
        ops = importlib.import_module('mmcv.ops')
        torchvision_ops = importlib.import_module('torchvision.ops')
        kept = [len(ops.nms(boxes, boxes[:, 3], 0.5)[1]), len(torchvision_ops.nms(boxes, boxes[:, 3], 0.5))]
    except Exception as error:  # whatever a damaged installation raises is what the caller wants to read
        return [f'importing torch, torchvision, mmcv and mmdet fails: {type(error).__name__}: {error}']
    return (
        []
        if kept == [1, 1]
        else [f'NMS of two boxes of IoU 0.8 keeps {kept} boxes in mmcv and torchvision, not 1']
    )


def main() -> int:
    """Check the stack as the arguments say; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--requirements', type=Path, nargs='*', default=[], help='files whose pins to check')
    parser.add_argument('--any-version', action='store_true', help='installed is enough for --requirements')
    parser.add_argument(
        '--import', action='store_true', dest='imports', help='import the stack too (seconds)'
    )
    args = parser.parse_args()
    problems = (
        version_problems() or ops_problems() or requirement_problems(args.requirements, args.any_version)
    )
    if args.imports:
        problems = problems or import_problems()
    sys.stdout.writelines(f'{problem}\n' for problem in problems)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
