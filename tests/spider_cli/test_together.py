"""Calls side by side, and addresses that are this machine's."""

import threading
import time

import pytest

from spider_cli.addresses import is_here, leaves_machine
from spider_cli.together import together


def test_results_are_in_order() -> None:
    def slow(number: int) -> int:
        time.sleep(0.02 * (number % 3))
        return number * number

    assert together(slow, range(10), 4) == [number * number for number in range(10)]
    assert together(slow, [], 4) == []
    assert together(lambda one: one, [None, 0, ""], 2) == [None, 0, ""]


def test_the_first_error_ends_it_and_nothing_new_is_begun() -> None:
    begun: list[int] = []
    hold = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 1:
            raise ValueError("no")
        hold.wait(30)  # nobody waits for this

    start = time.monotonic()
    with pytest.raises(ValueError, match="no"):
        together(work, range(50), 3)
    assert time.monotonic() - start < 20
    hold.set()
    time.sleep(0.1)
    assert len(begun) <= 4


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:8000/v1", "http://127.8.9.1/v1", "http://[::1]:8000/v1"),
        *("http://localhost:8080/v1", "https://LOCALHOST/v1"),
    ],
)
def test_this_machine(url: str) -> None:
    assert is_here(url)
    assert not leaves_machine(url, "qwen2.5vl:7b")
    assert leaves_machine(url, "qwen3-vl:235b-cloud")
    assert leaves_machine(url, "glm-4.6:cloud")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://127.0.0.1.example.org/v1",
            "http://localhost.example.org/v1",
            "http://0.0.0.0/v1",
        ),
        *("http://192.168.0.2/v1", "https://api.example.org/v1", "http://gpu:8000/v1"),
    ],
)
def test_another_machine(url: str) -> None:
    assert not is_here(url)
    assert leaves_machine(url, "m")
