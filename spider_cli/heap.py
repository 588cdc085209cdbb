"""What the C library does with memory that photos leave behind, so that hours of them do not make a
process grow."""

import os
import sys
import time
from typing import Any

__all__ = ["Heap"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Of glibc's malloc.h."""
_FLAT = {
    _M_ARENA_MAX: 1,
    # Pillow takes 16 MiB at a time.
    _M_MMAP_THRESHOLD: 12 << 20,
    # Less than that, or large pieces would be cut from the free end of the heap after all; more
    # than the 128 KiB that it else is once the other is set: tensors' pages would be fetched anew.
    _M_TRIM_THRESHOLD: 8 << 20,
}
_QUICK = _FLAT | {
    # Older releases of glibc refuse more.
    _M_MMAP_THRESHOLD: 32 << 20,
    _M_TRIM_THRESHOLD: 64 << 20,
}
_OWN = ("MALLOC_", "GLIBC_TUNABLES")
"""Variables by which the user has decided already."""
_PAUSE = 5.0
"""Seconds between two times of giving back: after each large photo it took 8% of the pace."""


class Heap:
    """The heap of one of spider's own processes, from before it starts threads: a library leaves
    its caller's memory alone.

    Args:
        quick: what a photo takes in large pieces (Pillow's, tensors) stays in the heap for the next
            one: fetched from the system, page by page, it takes a third of the time of a photo that
            is merely scored. Else such pieces go back as soon as they are free, so that hours of
            photos of all sizes leave no holes.

    By itself glibc keeps ever larger pieces, in a heap per thread: photos of many sizes, decoded on
    several threads, leave holes in each.
    """

    def __init__(self, *, quick: bool = False) -> None:
        self._library = _glibc()
        self._next = time.monotonic() + _PAUSE
        self.flat = self._library is not None and all(
            self._library.mallopt(name, value) == 1
            for name, value in (_QUICK if quick else _FLAT).items()
        )
        """There is one heap, as said above. False where that cannot be said (no glibc), or the user
        has said something else (``MALLOC_...``)."""

    def give_back(self) -> None:
        """Let the system have the holes too, every few seconds; to be called between photos."""
        if self.flat and (now := time.monotonic()) >= self._next:
            self._library.malloc_trim(0)
            self._next = now + _PAUSE


def _glibc() -> Any:
    if sys.platform != "linux" or any(name.startswith(_OWN) for name in os.environ):
        return None
    import ctypes

    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
