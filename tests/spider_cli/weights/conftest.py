"""What the tests of downloads share."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def fetched(here: Path) -> Callable[[], list[str]]:
    """Download owner/name; the lines that are said meanwhile."""

    def run() -> list[str]:
        from spider_cli.weights.catalogue import Reference
        from spider_cli.weights.download import fetch
        from spider_cli.weights.hub import Report, look_up

        told: list[str] = []
        report = Report(told=told.append)
        fetch(look_up(Reference("owner/name", "owner/name"), report=report), report=report)
        return told

    return run
