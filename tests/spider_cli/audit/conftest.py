"""A shoot to rate."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from spider_cli.audit.undo import Journal
from tests.spider_cli.audit.shoot import Shoot


@pytest.fixture
def shoot(tmp_path: Path) -> Iterator[Shoot]:
    folder = tmp_path / "shoot"
    folder.mkdir()
    with Journal(tmp_path / "cache" / "ratings.sqlite") as journal:
        yield Shoot(folder, journal)
