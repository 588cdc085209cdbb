"""What the C library does with memory that photos leave behind, so that hours of them do not make a
process grow."""

import os
import sys

__all__ = ["keep_heap_flat"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Of glibc's malloc.h."""
_SETTINGS = {
    _M_ARENA_MAX: 1,
    # Pillow takes 16 MiB at a time.
    _M_MMAP_THRESHOLD: 12 << 20,
    # Left at its 128 KiB once the other is set: then each tensor's pages would be fetched anew.
    _M_TRIM_THRESHOLD: 64 << 20,
}
_OWN = ("MALLOC_", "GLIBC_TUNABLES")
"""Variables by which the user has decided already."""


def keep_heap_flat() -> bool:
    """Let large pieces of memory go back to the system as soon as they are free; False where that
    cannot be said (no glibc), or the user has said something else (``MALLOC_...``).

    By itself glibc keeps ever larger ones, in a heap per thread: photos of many sizes, decoded on
    several threads, leave holes in each. For spider's own processes, before they start threads: a
    library leaves its caller's memory alone.
    """
    if sys.platform != "linux" or any(name.startswith(_OWN) for name in os.environ):
        return False
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(name, value) == 1 for name, value in _SETTINGS.items())
