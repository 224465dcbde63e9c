"""Memory of the C library that tensors on the CPU give back."""

import ctypes
import os

# glibc's malloc.h: what mallopt calls its settings, and the environment variables that users set them with.
_SETTINGS = {
    'MALLOC_MMAP_THRESHOLD_': (-3, 1 << 30),  # blocks up to 1 GiB come from the heap
    'MALLOC_TRIM_THRESHOLD_': (-1, (1 << 31) - 1),  # which is not given back before 2 GiB of it are free
    'MALLOC_TOP_PAD_': (-2, 64 << 20),  # and grows by 64 MiB at least
}


def keep_freed_memory() -> bool:
    """Have the C library keep freed memory for the next tensor.

    By default glibc returns it to the system again and again, and gets it back in pages that the system
    clears at their first touch: thousands of page faults per training step. No number changes.

    Returns:
        Whether that was done: not where the user set one of these things, nor with another C library.
    """
    if any(name in os.environ for name in _SETTINGS):
        return False
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    return mallopt is not None and sum(mallopt(*setting) for setting in _SETTINGS.values()) == len(_SETTINGS)
