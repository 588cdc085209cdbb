"""Files of outside formats, and shrunken photos to go with them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from spider_cli.errors import UsageError
from trainer.datasets.entries import Entry
from trainer.datasets.readers import read

HERE = Path(__file__).parent

Wrong = Callable[..., UsageError]


@pytest.fixture(scope="session")
def files() -> Path:
    """The folder of hand-made files, one for each variant of each format."""
    return HERE / "fixtures"


@pytest.fixture
def wrong(tmp_path: Path) -> Wrong:
    """The error that reading a file of these records ends in; it must name the file."""

    def refused(records: Any, *, name: str = "bad.json", **options: Any) -> UsageError:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        text = records if isinstance(records, str) else json.dumps(records)
        file.write_text(text, encoding="utf-8")
        with pytest.raises(UsageError) as caught:
            list(read(file, **options))
        assert str(file) in caught.value.message
        return caught.value

    return refused


@pytest.fixture
def photo(tmp_path: Path, photos: Path) -> Callable[..., Path]:
    """Save a photo of 100 x 80 pixels (or another size) under a name below `tmp_path`."""

    def save(name: str, *, of: str = "coffee", size: tuple[int, int] = (100, 80)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(photos / f"{of}.jpg") as image:
            image.convert("RGB").resize(size).save(path)
        return path

    return save


@pytest.fixture(scope="session")
def entries(files: Path) -> Callable[..., list[Entry]]:
    """All entries of one of the hand-made files."""

    def all_of(name: str, **options: Any) -> list[Entry]:
        return list(read(files / name, **options))

    return all_of
