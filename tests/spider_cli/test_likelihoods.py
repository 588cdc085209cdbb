"""How likely an answer is as a whole."""

from typing import Any

import numpy as np
import pytest

from spider_cli.lmm import Ask, LanguageModel

pytestmark = pytest.mark.usefixtures("short_answers")

QUESTIONS = (
    "Which distortions does the region [0.100, 0.200, 0.600, 0.900] show? Answer briefly.",
    "What?",
)


def test_how_likely_a_whole_answer_is(
    nano_model: LanguageModel, scenes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several asks at once: the sum along its tokens and its end, as asked one by one."""
    looks = nano_model.look(list(scenes.values()))
    asks = [Ask(look, QUESTIONS[number % 2]) for number, look in enumerate(looks)]
    text = "severe blur, mild noise"
    ends = sorted(nano_model.end_ids)
    told = nano_model.likelihoods(asks, text, 4)
    for ask, one in zip(asks, told, strict=True):
        tokens = nano_model.encode(text)
        whole = [nano_model.log_probability(ask, (), [*tokens, end]) for end in ends]
        assert one == pytest.approx(float(np.logaddexp.reduce(whole)), abs=1e-3)
    # Models that read photo and question anew for each answer say the same.
    monkeypatch.setattr(nano_model.eyes, "shares", False)
    assert nano_model.likelihoods(asks[:2], text, 4) == pytest.approx(told[:2], abs=1e-3)
    assert nano_model.likelihoods([], text, 4) == []


def test_what_it_says_is_likelier_than_what_it_does_not(
    nano_model: LanguageModel, scenes: dict[str, Any]
) -> None:
    [look] = nano_model.look([scenes["small"]])
    ask = Ask(look, "Which distortions does the region [0.1, 0.1, 0.9, 0.9] show?")
    [answer] = nano_model.ask([ask])
    [said] = nano_model.likelihoods([ask], answer.text, 1)
    [other] = nano_model.likelihoods([ask], f"{answer.text} The", 1)
    assert other < said < 0
