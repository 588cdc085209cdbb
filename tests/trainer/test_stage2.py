"""The temperatures are chosen by what `spider ground` and `spider score` would say."""

import copy
from typing import Any

import numpy as np
import pytest

from spider_cli.auditor import Auditor
from spider_cli.lmm import Answer, LanguageModel
from trainer import stage2
from trainer.package import package_nano
from trainer.sources import LabelledPhoto, Opinion


@pytest.fixture(scope="module")
def auditor(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Auditor:
    from trainer.new_nano import new_segmenter

    folder = tmp_path_factory.mktemp("models") / "random-nano"
    package_nano(
        folder,
        model=copy.deepcopy(tiny.model),
        tokenizer=tiny.processor.tokenizer,
        segmenter=new_segmenter(width=32, side=128),
        scoring={"temperature": 1.0},
        grounding={"rule": "paper", "temperature": 1.0},
        card="",
        trained=False,
    )
    return Auditor(str(folder), device="cpu")


def say(patch: pytest.MonkeyPatch, text: str) -> None:
    """Every answer is `text`, word by word, its logits flat."""
    pieces = tuple(f" {word}" for word in text.split())

    def ask(model: LanguageModel, asks: list[Any]) -> list[Answer]:
        logits = np.zeros((len(pieces), len(model.eyes.tokenizer)), np.float32)
        return [Answer("".join(pieces), (9,) * len(pieces), pieces, logits) for _ in asks]

    patch.setattr(LanguageModel, "ask", ask)


def chosen(auditor: Auditor, shots: list[LabelledPhoto]) -> dict[str, Any]:
    return stage2._grounding(auditor, shots, 2, seed=1)


def test_every_photo_counts_whatever_the_answer(
    auditor: Auditor, shots: list[LabelledPhoto], monkeypatch: pytest.MonkeyPatch
) -> None:
    say(monkeypatch, "No region shows visible distortion.")
    nothing = chosen(auditor, shots)
    assert nothing["validation_photos"] == 2
    assert set(nothing["validation_miou"].values()) == {0.0}
    say(monkeypatch, "The whole image shows severe noise.")
    whole = chosen(auditor, shots)
    assert whole["validation_photos"] == 2
    (overlap,) = set(whole["validation_miou"].values())
    assert 0 < overlap < 1


def test_the_best_temperature_is_taken(
    auditor: Auditor, shots: list[LabelledPhoto], monkeypatch: pytest.MonkeyPatch
) -> None:
    say(monkeypatch, "The region on the top left shows severe noise.")
    found = chosen(auditor, shots)
    overlaps = {float(tau): value for tau, value in found["validation_miou"].items()}
    assert set(overlaps) == set(stage2.TEMPERATURES)
    assert overlaps[found["temperature"]] == max(overlaps.values())


def test_the_score_temperature(auditor: Auditor, shots: list[LabelledPhoto]) -> None:
    opinions = [Opinion(shot.path, mos) for shot, mos in zip(shots, (0.2, 0.9, 0.5), strict=True)]
    found = stage2._scoring(auditor, opinions)
    assert found["temperature"] > 0
    assert -1 <= found["validation_srcc"] <= 1
    assert found["validation_photos"] == 3
