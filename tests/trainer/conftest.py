"""A small random nano in memory, small photos with region maps."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

if TYPE_CHECKING:
    from spider_cli.nano.modeling import NanoForConditionalGeneration
    from spider_cli.nano.processing import NanoProcessor
    from trainer.sources import LabelledPhoto

Pixels = npt.NDArray[np.uint8]

QUESTIONS = {
    "describe": ("Describe the quality of this image.", "The whole image shows severe noise."),
    "refer_short": (
        "Which distortions does the region [0.100, 0.200, 0.600, 0.900] show?",
        "Blur.",
    ),
    "refer_long": (
        "Why [0.0, 0.0, 0.5, 0.5] and not [0.5, 0.5, 1.0, 1.0]?",
        "This region shows it.",
    ),
    "ground_hyd": ("Which region is degraded the most?", "The region on the top left has noise."),
}
"""Task -> question and answer."""


def scene(height: int, width: int, seed: int) -> Pixels:
    """Colour, shade and texture, unlike for every seed."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 226, (5, 7, 3), dtype=np.uint8)
    large = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(float)
    grain = rng.normal(0, 20, (height, width, 3))
    return np.clip(large + grain, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Tiny:
    """A model whose weights no test may change (`fresh` gives one that may)."""

    model: "NanoForConditionalGeneration"
    processor: "NanoProcessor"

    def fresh(self) -> "NanoForConditionalGeneration":
        return copy.deepcopy(self.model)

    def ids(self, text: str) -> list[int]:
        found: list[int] = self.processor.tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    def text(self, ids: Any) -> str:
        return str(self.processor.tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The items by hand of the tests of measuring, as a data set with one split, test."""
    from tests.trainer.evaluate.conftest import hand_made
    from trainer.datasets.schema import to_row
    from trainer.datasets.store import write_data

    folder = tmp_path_factory.mktemp("sets") / "by-hand"
    rows = [to_row(item) for item in hand_made()]
    write_data(folder, {"test": rows}, finish=lambda: ({"made_by": "hand"}, "card"))
    return folder


@pytest.fixture(scope="session")
def tiny() -> Tiny:
    import torch

    from spider_cli.nano.processing import NanoProcessor
    from spider_cli.questions import SCORE_PREFIX
    from trainer.new_nano import new_nano, train_tokenizer

    corpus = [SCORE_PREFIX, *(text for pair in QUESTIONS.values() for text in pair)] * 20
    tokenizer = train_tokenizer(corpus, size=420)
    model = new_nano(tokenizer, hidden=48, layers=2, seed=3)
    with torch.no_grad():
        for parameter in model.language_model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(5)
    model.eval()
    return Tiny(model, NanoProcessor(tokenizer, model.config))


@pytest.fixture(scope="session")
def turns() -> dict[str, tuple[str, str]]:
    """Task -> question and answer."""
    return QUESTIONS


@pytest.fixture(scope="session")
def draw() -> Callable[[int, int, int], Pixels]:
    """Height, width, seed -> a photo."""
    return scene


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> "list[LabelledPhoto]":
    """Three photos of 220 x 300 from two sources, each with a map of four regions."""
    from trainer.sources import read_collection

    folder: Path = tmp_path_factory.mktemp("shots")
    for index, source in enumerate(("one", "one", "two")):
        (folder / source).mkdir(exist_ok=True)
        cv2.imwrite(str(folder / source / f"{index}.png"), scene(220, 300, index))
        labels = np.zeros((220, 300), np.uint8)
        labels[:, 150:] = 1
        labels[110:] += 2
        cv2.imwrite(str(folder / source / f"{index}.labels.png"), labels)
    return read_collection([folder])
