"""Compile mmcv-full's CPU ops as a unity build, into a wheel that is kept in a cache folder and reused.

mmcv-full 1.7.2 has no wheel for the torch of requirements/build.txt. As it comes, its 73 C++ files take 38
CPU-minutes, most of them spent on parsing torch's headers again for every file. Including them from a few
files takes 5 CPU-minutes.

Run with the python of an environment that has requirements/build.txt installed; the last line of its output
is the path of the wheel. `--cached` only looks: it prints the path of a sound wheel, or exits with status 1
(any python will do).
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECIPE = 1  # raise it when the build below changes, so that older cached wheels are not taken
BINDING_UNITS = 4
# These define the names of box_iou_rotated and roi_align once more, so they stay files of their own.
KEPT_APART = ('rotated_feature_align.cpp', 'roi_align_rotated.cpp')
# pip wants the metadata of what it downloads, which mmcv-full's setup.py fails to tell (see mend_version);
# this stands in for setuptools there (PEP 517's prepare_metadata_for_build_wheel).
METADATA_BACKEND = """
from pathlib import Path

class __legacy__:
    def prepare_metadata_for_build_wheel(folder, config_settings=None):
        info = Path(folder, 'mmcv_full-{version}.dist-info')
        info.mkdir()
        (info / 'METADATA').write_text('Metadata-Version: 2.1\\nName: mmcv-full\\nVersion: {version}\\n')
        return info.name
"""
PREAMBLE = ('torch/extension.h', 'pytorch_cpp_helper.hpp', 'pytorch_device_registry.hpp')


def pinned_version(name: str) -> str:
    """Version that the requirement files pin `name` to."""
    for file in ('build.txt', 'mminstall.txt'):
        text = (ROOT / 'requirements' / file).read_text(encoding='utf-8')
        found = re.search(rf'^{re.escape(name)}==([^\s;]+)', text, re.MULTILINE)
        if found:
            return found.group(1)
    raise ValueError(f'requirements/build.txt and mminstall.txt pin no version of {name}')


def cache_key() -> str:
    """Name of the cache entry: all that a compiled wheel depends on."""
    python = f'{sys.implementation.cache_tag}-{sysconfig.get_platform()}-{platform.libc_ver()[0] or "libc"}'
    versions = f'mmcv{pinned_version("mmcv-full")}-torch{pinned_version("torch")}'
    return f'{versions}-{python}-cpu{RECIPE}'


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sound_wheel(folder: Path) -> Path | None:
    """The wheel in `folder` if it is whole (checksum, zip, compiled ops inside), else None."""
    for wheel in sorted(folder.glob('mmcv_full-*.whl')):
        try:
            noted = wheel.with_suffix('.sha256').read_text(encoding='utf-8').strip()
            if sha256(wheel) == noted and has_ops(wheel):
                return wheel
        except (OSError, ValueError, zipfile.BadZipFile):
            continue
    return None


def has_ops(wheel: Path) -> bool:
    """Whether the wheel carries mmcv._ext; mmcv's setup.py silently leaves it out where it finds no torch."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.testzip() is None and any(
            re.fullmatch(r'mmcv/_ext.*\.so', n) for n in archive.namelist()
        )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`; it is released when the process ends, however it ends."""
    with path.open('w') as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f'another build is using {path.parent}; waiting for it', flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def build_environment() -> dict[str, str]:
    """Environment variables for mmcv's setup.py: ops on, CPU only on every machine, no debug information."""
    scripts = sysconfig.get_path('scripts')
    return {
        **os.environ,
        'PATH': f'{scripts}{os.pathsep}{os.environ.get("PATH", "")}',  # ninja lies there
        'MMCV_WITH_OPS': '1', 'MMCV_WITH_TRT': '0', 'MMCV_WITH_ORT': '0',
        # Without a visible GPU setup.py takes its CPU branch: the project needs none of mmcv's CUDA ops, and
        # the CUDA branch would need a CUDA compiler of torch's very version.
        'FORCE_CUDA': '0', 'FORCE_MLU': '0', 'FORCE_MPS': '0', 'FORCE_NPU': '0', 'CUDA_VISIBLE_DEVICES': '',
        # setuptools takes CFLAGS in place of Python's own flags, so the optimization has to be named again
        'CFLAGS': f'-O2 -DNDEBUG -g0 {os.environ.get("CFLAGS", "")}'.strip(),
        'MAX_JOBS': os.environ.get('MAX_JOBS', str(usable_cores())),
    }  # fmt: skip


def run(command: Sequence[str], cwd: Path | None = None, **variables: str) -> None:
    subprocess.run(command, cwd=cwd, env={**build_environment(), **variables}, check=True)


def unpacked_sources(folder: Path) -> Path:
    """Download mmcv-full's source distribution into `folder`, unpack it, and mend its setup.py."""
    version = pinned_version('mmcv-full')
    backend = folder / 'backend' / 'setuptools'
    backend.mkdir(parents=True)
    (backend / '__init__.py').touch()
    (backend / 'build_meta.py').write_text(METADATA_BACKEND.format(version=version), encoding='utf-8')
    run([sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps', '--no-build-isolation',
         '--use-pep517', '--no-binary', 'mmcv-full', '--dest', str(folder), f'mmcv-full=={version}'],
        PYTHONPATH=str(backend.parent))  # fmt: skip
    (archive,) = folder.glob('mmcv*full-*.tar.gz')
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, 'data_filter'):
            tar.extractall(folder, filter='data')
        else:  # Python 3.10 and 3.11 before their security releases of 2023
            tar.extractall(folder)
    sources = folder / archive.name.removesuffix('.tar.gz')
    mend_version(sources / 'setup.py')
    return sources


def mend_version(setup: Path) -> None:
    """Let setup.py find its version: from Python 3.13 on, exec no longer adds to what locals() returns."""
    text = setup.read_text(encoding='utf-8')
    for found, mended in (
        ("version_file, 'exec'))", "version_file, 'exec'), globals())"),
        ("locals()['__version__']", "globals()['__version__']"),
    ):
        if found not in text:
            raise ValueError(f'{setup} does not read its version as that of mmcv-full 1.7.2 does')
        text = text.replace(found, mended)
    setup.write_text(text, encoding='utf-8')


def unite_sources(sources: Path) -> None:
    """Replace the C++ files that setup.py would compile one by one with a few that include them."""
    bindings = sources / 'mmcv' / 'ops' / 'csrc' / 'pytorch'
    files = sorted(f for f in bindings.glob('*.cpp') if f.name != 'pybind.cpp')
    for unit in range(BINDING_UNITS):
        write_unit(bindings / f'unity_{unit}.cpp', files[unit::BINDING_UNITS])
    kernels = bindings / 'cpu'
    write_unit(
        kernels / 'unity_cpu.cpp', sorted(f for f in kernels.glob('*.cpp') if f.name not in KEPT_APART)
    )


def write_unit(unit: Path, files: Sequence[Path]) -> None:
    """Write a C++ file that includes `files`, which are renamed so that setup.py's glob passes them over."""
    lines = [f'#include <{header}>' for header in PREAMBLE]
    for file in files:
        included = file.rename(file.with_name(f'{file.name}.inc'))
        # cpu/psamask.cpp defines macros of these names, which break whatever comes after it
        lines += [f'#include "{included.name}"', '#undef min', '#undef max']
    unit.write_text('\n'.join(lines) + '\n', encoding='utf-8')


def prepared_sources(folder: Path) -> Path:
    """Sources ready to compile: those of an interrupted build, with what it had compiled, or new ones."""
    ready = folder / 'ready'
    if not ready.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        sources = unpacked_sources(folder)
        unite_sources(sources)
        ready.write_text(sources.name, encoding='utf-8')
    return folder / ready.read_text(encoding='utf-8')


def build(cache: Path) -> Path:
    """Build the wheel and put it into its cache entry in one step (a rename), checksum first."""
    work = cache / f'{cache_key()}.build'
    dist = work / 'dist'
    shutil.rmtree(dist, ignore_errors=True)
    sources = prepared_sources(work)
    run([sys.executable, 'setup.py', '--quiet', 'bdist_wheel', '--dist-dir', str(dist)], cwd=sources)
    (wheel,) = dist.glob('*.whl')
    if not has_ops(wheel):
        raise RuntimeError(
            f'{wheel.name} was built without mmcv._ext; is torch importable by {sys.executable}?'
        )
    entry = cache / cache_key()
    entry.mkdir(parents=True, exist_ok=True)
    (entry / wheel.name).with_suffix('.sha256').write_text(sha256(wheel) + '\n', encoding='utf-8')
    os.replace(wheel, entry / wheel.name)
    shutil.rmtree(work)
    return entry / wheel.name


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('cache', type=Path, help='folder that keeps the wheels')
    parser.add_argument('--cached', action='store_true', help='only look for a sound wheel')
    args = parser.parse_args()
    cache = args.cache.expanduser().resolve()
    if args.cached:
        wheel = sound_wheel(cache / cache_key())
        print(wheel or '', end='\n' if wheel else '')
        return 0 if wheel else 1
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / f'{cache_key()}.lock'):
        print(sound_wheel(cache / cache_key()) or build(cache))
    return 0


if __name__ == '__main__':
    sys.exit(main())
