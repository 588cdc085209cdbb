"""A small random nano as a folder and loaded, photos to show it, and answers put in its mouth."""

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest

if TYPE_CHECKING:
    from spider_cli.auditor import Auditor
    from spider_cli.lmm import Answer, LanguageModel

Pixels = npt.NDArray[np.uint8]

# A busy machine is no bug.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

SCORE_TEMPERATURE = 2.5
POINT_TEMPERATURE = 1.5

CORPUS = [
    "The quality of the image is excellent.",
    "How would you rate the quality of this image?",
    "Describe the quality of the region [0.125, 0.250, 0.500, 0.750].",
    "The region on the top left shows severe noise. The rest of the image is clean.",
    "The region on the bottom right shows mild blur and moderate brightening.",
    "The whole image shows severe compression.",
    "The image shows no visible distortion.",
    "Which region is degraded the most? Which distortions does the region show? Answer briefly.",
]


def scene(height: int, width: int, seed: int) -> Pixels:
    """Smooth colours and texture, unlike for every seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = rng.uniform(0.005, 0.2, (3, 2))
    base = 128 + 90 * np.sin(x[..., None] * waves[:, 0] + y[..., None] * waves[:, 1] + seed)
    grain = rng.normal(0, rng.uniform(1, 40), (height, width, 3))
    return np.clip(base + grain, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def scenes() -> dict[str, Pixels]:
    """Photos by what is special about them; "large" and "frame" are looked at at 100% too."""
    sizes = {
        "small": (120, 160),
        "odd": (97, 211),
        "tall": (260, 60),
        "thin": (3, 250),
        "large": (700, 900),
        "frame": (820, 610),
    }
    return {name: scene(*size, seed) for seed, (name, size) in enumerate(sizes.items())}


@pytest.fixture(scope="session")
def loud() -> "Callable[[Any], None]":
    """Draw the weights of a segmenter's parts anew: as transformers draws them, hardly anything
    moves its mask."""
    from torch import nn

    def draw(*parts: nn.Module) -> None:
        for part in parts:
            for module in part.modules():
                if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.Embedding):
                    module.reset_parameters()

    return draw


@pytest.fixture(scope="session")
def nano_folder(tmp_path_factory: pytest.TempPathFactory, loud: "Callable[..., None]") -> Path:
    """An untrained nano, packaged as the one that ships, a fraction of its size."""
    import torch

    from tests.random_nano import save_nano
    from trainer.new_nano import new_nano, new_segmenter, train_tokenizer

    folder = tmp_path_factory.mktemp("models") / "random-nano"
    tokenizer = train_tokenizer(CORPUS * 20, size=420)
    model = new_nano(tokenizer, hidden=96, layers=2, seed=2)
    with torch.no_grad():
        # As new, it would say the same of everything: louder weights make it look.
        model.projector.told.weight.mul_(0.1)  # all photos' readings are alike in a random encoder
        for parameter in model.language_model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(5)
    segmenter = new_segmenter(width=32, side=256, seed=1)
    loud(segmenter.vision_encoder.neck, segmenter.prompt_encoder, segmenter.mask_decoder)
    save_nano(
        folder,
        model=model,
        tokenizer=tokenizer,
        segmenter=segmenter,
        scoring={"temperature": SCORE_TEMPERATURE},
        grounding={"rule": "paper", "temperature": POINT_TEMPERATURE},
    )
    return folder


@pytest.fixture(scope="session")
def nano(nano_folder: Path) -> "Auditor":
    """An auditor with that model."""
    from spider_cli.auditor import Auditor

    return Auditor(str(nano_folder), device="cpu")


@pytest.fixture(scope="session")
def nano_model(nano: "Auditor") -> "LanguageModel":
    """The language model of `nano`."""
    return nano.load()


@pytest.fixture
def short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A random model seldom ends its answer: 16 tokens are enough."""
    monkeypatch.setattr("spider_cli.lmm.MAX_NEW_TOKENS", 16)


@pytest.fixture(scope="session")
def answer_of() -> "Callable[[LanguageModel, str], Answer]":
    """An `Answer` as if the model had said a text, with logits of its own for every step."""

    def make(model: "LanguageModel", text: str) -> "Answer":
        ids = model.encode(text)
        vocabulary = len(model.eyes.tokenizer)
        rng = np.random.default_rng(len(text))
        logits = rng.normal(0, 3, (len(ids) + 1, vocabulary)).astype(np.float32)
        answer = model._answer([*ids, min(model.end_ids)], logits)
        assert answer.text == text
        return answer

    return make


@pytest.fixture
def say(
    monkeypatch: pytest.MonkeyPatch, answer_of: "Callable[[LanguageModel, str], Answer]"
) -> "Callable[[LanguageModel, str], Answer]":
    """Make a model answer every question with a text."""

    def script(model: "LanguageModel", text: str) -> "Answer":
        answer = answer_of(model, text)
        monkeypatch.setattr(model, "ask", lambda asks: [answer for _ in asks])
        return answer

    return script


@pytest.fixture(scope="session")
def valid_record() -> Callable[[Any], dict[str, Any]]:
    """Check a record against the published schema; its JSON form."""
    import jsonschema

    schema = files("spider_cli").joinpath("schema/records.schema.json").read_text("utf-8")
    validator = jsonschema.Draft202012Validator(json.loads(schema))

    def check(record: Any) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(json.dumps(record.to_json(), allow_nan=False))
        validator.validate(said)
        return said

    return check
