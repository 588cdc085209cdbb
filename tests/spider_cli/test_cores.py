"""Threads of torch's own, shared by threads that compute at a time."""

import threading

import pytest
import torch

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
        cores.give_back()
        assert torch.get_num_threads() == all_of_them
        assert shares(None, 1) == [all_of_them], "others are as before"
    finally:
        torch.set_num_threads(before)
