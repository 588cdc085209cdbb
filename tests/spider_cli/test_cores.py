"""Threads of torch's own, shared by threads that compute at a time."""

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from spider_cli.auditor import Auditor
from spider_cli.cores import Cores


def shares(cores: Cores | None, threads: int) -> list[int]:
    """What each of so many new threads has, once it took its share."""
    found = []

    def compute() -> None:
        if cores is not None:
            cores.take()
            cores.take()
        found.append(torch.get_num_threads())

    started = [threading.Thread(target=compute) for _ in range(threads)]
    for one in started:
        one.start()
        one.join()
    return found


@pytest.mark.parametrize(("all_of_them", "threads", "each"), [(8, 3, 2), (8, 2, 2), (2, 2, 1)])
def test_cores_are_shared_and_given_back(all_of_them: int, threads: int, each: int) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(all_of_them)
        cores = Cores(threads)
        assert torch.get_num_threads() == each, "its own thread computes, too"
        assert shares(cores, threads) == [each] * threads
        other = Cores(threads)
        assert torch.get_num_threads() == each, "of all, not of a share"
        cores.give_back()
        assert torch.get_num_threads() == each, "somebody shares still"
        other.give_back()
        assert torch.get_num_threads() == all_of_them
        assert shares(None, 1) == [all_of_them], "others are as before"
    finally:
        torch.set_num_threads(before)


def test_nano_looks_ahead_where_there_are_cores(demo_photo: Path) -> None:
    """The same records as on one, and the threads are back when it has ended."""
    photos = [demo_photo] * 3
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            auditor = Auditor("nano", device="cpu")
            records = auditor.describe(photos)
            found.append([replace(next(records), seconds=0.0)])
            assert auditor.looks_ahead == (threads > 1)
            assert torch.get_num_threads() == 1
            found[-1] += [replace(record, seconds=0.0) for record in records]
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert [len(records) for records in found] == [3, 3]
    assert found[0] == found[1]


def test_seconds_count_what_was_seen_ahead(demo_photo: Path) -> None:
    auditor = Auditor("nano", device="cpu", batch_size=1)
    auditor.load().eyes = Slow(auditor.load().eyes)
    *_, last = auditor.score([demo_photo] * 3)
    assert 0.2 < last.seconds < 5


class Slow:
    """Eyes that take their time on the thread that decodes."""

    def __init__(self, eyes: Any) -> None:
        self._eyes = eyes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._eyes, name)

    def prepare(self, pixels: Any) -> Any:
        time.sleep(0.2)
        return self._eyes.prepare(pixels)
