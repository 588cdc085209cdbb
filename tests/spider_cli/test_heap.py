"""What a process keeps of large pieces of memory, asked of its C library."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from spider_cli.heap import Heap
from tests.program import run_here

PROGRAM = """
import ctypes, sys, threading, time
from spider_cli.heap import Heap

heap = None if sys.argv[1] == "as it is" else Heap(quick=sys.argv[1] == "quick")
print(heap and heap.flat)
c = ctypes.CDLL(None)
c.malloc.restype = ctypes.c_void_p
c.malloc.argtypes = [ctypes.c_size_t]
c.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
c.free.argtypes = [ctypes.c_void_p]
MB = 1 << 20

class Kept(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

c.mallinfo2.restype = Kept

def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

def alone() -> None:
    c.free(c.malloc(40 * MB))
    for size in (40 * MB, 16 * MB):
        before = c.mallinfo2().hblks
        piece = c.malloc(size)
        print(c.mallinfo2().hblks - before)
        c.free(piece)

thread = threading.Thread(target=alone)
thread.start()
thread.join()

pieces = [c.malloc(MB) for _ in range(100)]
for piece in pieces:
    c.memset(piece, 1, MB)
for piece in pieces[::2]:
    c.free(piece)
before = resident()
if heap:
    heap.give_back()
    soon = before - resident()
    now = time.monotonic()
    time.monotonic = lambda: now + 6
    heap.give_back()
    print(soon > 40 * MB, before - resident() > 40 * MB)
"""
"""Prints what is said; how many of a piece like a photo of 12 megapixels, after a first, and of one
like Pillow's lie outside the heap; and whether fifty holes of a megabyte went back at once, and
after a while."""


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
        ("flat", {}, ["True", "1", "1", "False", "True"]),
        ("quick", {}, ["True", "1", "0", "False", "True"]),
        ("as it is", {}, ["None", "1", "1"]),
        ("flat", {"MALLOC_ARENA_MAX": "4"}, ["False", "1", "1", "False", "False"]),
    ],
)
def test_memory_goes_back_to_the_system(how: str, more: dict[str, str], glibc: list[str]) -> None:
    said = ran(how, **more)
    if platform.libc_ver()[0] == "glibc":
        assert said == glibc
    else:
        assert said[0] == ("None" if how == "as it is" else "False")


@pytest.mark.parametrize("command", ["score", "audit"])
def test_between_photos_it_is_given_back(
    command: str, demo_photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[Heap]()
    monkeypatch.setattr(Heap, "give_back", lambda self: asked.append(self))
    more = [] if command == "score" else ["--state", str(tmp_path / "state.sqlite")]
    done = run_here(command, demo_photo, demo_photo, "--json", *more)
    assert done.code == 0, done.err
    assert len(asked) == len(done.records) > 0
