"""What a process keeps of large pieces of memory, asked of its C library."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, sys, threading
from spider_cli.heap import Heap

heap = Heap() if sys.argv[1] == "flat" else None
print(heap and heap.flat)
c = ctypes.CDLL(None)
c.malloc.restype = ctypes.c_void_p
c.malloc.argtypes = [ctypes.c_size_t]
c.free.argtypes = [ctypes.c_void_p]

class Kept(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

c.mallinfo2.restype = Kept

def alone() -> None:
    c.free(c.malloc(16 << 20))
    before = c.mallinfo2().hblks
    piece = c.malloc(16 << 20)
    print(c.mallinfo2().hblks - before)
    c.free(piece)

thread = threading.Thread(target=alone)
thread.start()
thread.join()
"""
"""Prints what is said, and how many of pieces like Pillow's lie outside the heap after a first."""


def ran(how: str, **more: str) -> list[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    clean.pop("GLIBC_TUNABLES", None)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        env=clean | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("how", "more", "glibc"),
    [
        ("flat", {}, ["True", "1"]),
        ("as it is", {}, ["None", "0"]),
        ("flat", {"MALLOC_ARENA_MAX": "4"}, ["False", "0"]),
    ],
)
def test_large_pieces_are_given_back(how: str, more: dict[str, str], glibc: list[str]) -> None:
    said = ran(how, **more)
    if platform.libc_ver()[0] == "glibc":
        assert said == glibc
    else:
        assert said[0] == ("None" if how != "flat" else "False")
