"""The data set by hand of the tests of measuring."""

from pathlib import Path

import pytest

from tests.trainer.evaluate.conftest import hand_made
from trainer.datasets.schema import to_row
from trainer.datasets.store import write_data


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The items as a data set with one split, test."""
    folder: Path = tmp_path_factory.mktemp("sets") / "by-hand"
    rows = [to_row(item) for item in hand_made()]
    write_data(folder, {"test": rows}, finish=lambda: ({"made_by": "hand"}, "card"))
    return folder
