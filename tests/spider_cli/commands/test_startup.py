import gc
from collections.abc import Iterator

import pytest

from spider_cli.commands.startup import loading_first


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_the_collector_is_off_for_the_first_item_only() -> None:
    seen = list(loading_first(gc.isenabled() for _ in range(3)))
    assert seen == [False, True, True]
    assert gc.isenabled()


def test_it_comes_back_after_an_error_and_without_items() -> None:
    def broken() -> Iterator[int]:
        raise ValueError("broken")
        yield 1

    with pytest.raises(ValueError, match="broken"):
        list(loading_first(broken()))
    assert gc.isenabled()
    assert list(loading_first(iter([]))) == []
    assert gc.isenabled()
