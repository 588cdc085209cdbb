"""What is kept of a photo answers as the whole prompt does, whoever else is in the batch."""

from typing import Any

import numpy as np
import pytest
import torch

from spider_cli.decoding import Opening
from spider_cli.lmm import Ask, LanguageModel
from spider_cli.questions import SCORE_PREFIX

pytestmark = pytest.mark.usefixtures("short_answers")

QUESTIONS = (
    "Describe the quality of this image.",
    "Describe the quality of the region [0.100, 0.200, 0.600, 0.900].",
    "Compare [0.0, 0.0, 0.5, 0.5] with [0.5, 0.5, 1.0, 1.0], both of them, as well as you can.",
)


def opening(ids: list[int]) -> Opening:
    return Opening(tuple(ids), (), torch.arange(len(ids)))


@pytest.mark.parametrize(
    ("ids", "count"),
    [
        ([1, 2, 3, 4], 3),
        ([1, 2, 3], 2),  # the last one is read anew: its logits are wanted
        ([1, 2, 9, 3, 4], 2),
        ([9, 1, 2, 3], 0),
        ([1], 0),
    ],
)
def test_how_much_is_shared(ids: list[int], count: int) -> None:
    assert opening([1, 2, 3]).shared(ids) == count


def test_kept_is_fresh(nano_model: LanguageModel, scenes: dict[str, Any]) -> None:
    """As transformers' own generation from the whole prompt: the same tokens, logits to 1e-4."""
    asks = [
        Ask(look, QUESTIONS[index % 3])
        for index, look in enumerate(nano_model.look(list(scenes.values())))
    ]
    asks.append(Ask(asks[0].look, "Rate it.", prefix=SCORE_PREFIX))
    with torch.inference_mode():
        tokens, steps = nano_model._afresh(asks, 16)
    for answer, ids, logits in zip(nano_model.ask(asks), tokens, steps, strict=True):
        length = len(answer.token_ids)
        assert list(answer.token_ids) == ids[:length]
        np.testing.assert_allclose(answer.logits, logits[:length], atol=1e-4, rtol=0)


def test_a_photo_is_read_once(
    nano_model: LanguageModel, scenes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is asked about; and its tokens are gone with the look."""
    forward = nano_model.model.forward
    rows: list[int] = []

    def counted(*args: Any, **inputs: Any) -> Any:
        if inputs.get("input_ids") is not None:
            image = nano_model.model.config.image_token_id
            rows.append(int((inputs["input_ids"] == image).sum()))
        return forward(*args, **inputs)

    monkeypatch.setattr(nano_model.model, "forward", counted)
    looks = nano_model.look([scenes["small"], scenes["odd"]])
    for question in QUESTIONS:
        nano_model.ask([Ask(look, question) for look in looks])
    nano_model.next_logits([Ask(looks[0], "Rate it.", prefix=SCORE_PREFIX)])
    assert rows[0] == sum(look.tokens for look in looks)
    assert not any(rows[1:])
    kept = len(nano_model._openings)
    del looks
    assert len(nano_model._openings) == kept - 2


def test_photos_of_other_sizes_are_read_apart(
    nano_model: LanguageModel, scenes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large photo's tiles are no padding of small ones."""
    parts: list[list[int]] = []
    opening = nano_model.eyes.opening

    def noted(looks: Any) -> Any:
        parts.append([look.tokens for look in looks])
        return opening(looks)

    monkeypatch.setattr(nano_model.eyes, "opening", noted)
    names = ("small", "large", "odd")
    nano_model.ask([Ask(look, "Why?") for look in nano_model.look([scenes[n] for n in names])])
    assert sorted(map(len, parts)) == [1, 2]
    assert all(min(part) >= 0.75 * max(part) for part in parts)
