"""A folder of real photos from three sources, and quick settings."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from trainer.build.config import BuildConfig


@pytest.fixture(scope="session")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighteen photos: parts of scikit-image's sample photos, in three folders."""
    folder = tmp_path_factory.mktemp("given")
    for source, picture in (
        ("people", data.astronaut()),
        ("table", data.coffee()),
        ("animals", data.chelsea()),
    ):
        (folder / source).mkdir()
        height, width = picture.shape[:2]
        for number in range(6):
            top, left = (number // 3) * height // 4, (number % 3) * width // 6
            part = picture[top : top + height * 3 // 4, left : left + width * 2 // 3]
            Image.fromarray(part).save(folder / source / f"{number}.png")
    return folder


@pytest.fixture
def settings() -> Callable[..., BuildConfig]:
    """Small photos, few of them."""

    def make(**changes: object) -> BuildConfig:
        return BuildConfig(**{"size": 12, "side": 160, "seed": 7, **changes})  # type: ignore[arg-type]

    return make
