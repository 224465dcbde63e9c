"""Memory that is kept for the next tensor; each case in a process of its own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from mmdet_miaod import host_memory

PROGRAM = """
import ctypes, resource, runpy, sys
if sys.argv[1] == 'keep':
    print(runpy.run_path(sys.argv[2])['keep_freed_memory']())
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

def touch():
    block = libc.malloc(64 << 20)
    ctypes.memset(block, 1, 64 << 20)
    libc.free(block)

touch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    touch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def run(mode: str, **variables: str) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith('MALLOC_')}
    process = subprocess.run(
        [sys.executable, '-c', PROGRAM, mode, host_memory.__file__],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout.split()


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='the settings are those of glibc')
def test_the_same_block_is_used_again_without_page_faults() -> None:
    (usual,) = run('plain')
    done, kept = run('keep')
    assert done == 'True'
    # 64 MiB are 16,384 pages of 4 KiB, fewer where the system gives large ones.
    assert int(kept) < 10 <= int(usual)


def test_what_the_user_set_stays() -> None:
    assert run('keep', MALLOC_TRIM_THRESHOLD_='131072')[0] == 'False'
