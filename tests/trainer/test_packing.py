"""Questions and answers as tokens: where the answer begins, which targets are soft."""

from typing import Any

import numpy as np
import pytest

from spider_cli.questions import SCORE_PREFIX, SCORE_QUESTION
from spider_cli.vocabulary import HORIZONTAL, LEVEL_WEIGHTS, LEVELS, VERTICAL
from trainer.annotate import compose
from trainer.answers import questions_and_answers
from trainer.packing import SCORE_QUESTIONS, pack_answer, pack_qa, pack_score, single_words
from trainer.regions import blob_regions


def test_a_turn_is_question_and_answer(tiny: Any) -> None:
    row = pack_answer(tiny.processor, "describe", "Is it good?", "It is.", [], 11)
    assert tiny.text(row.ids) == "<user>Is it good?<answer>It is.<end>"
    assert tiny.text(row.ids[row.answer :]) == "It is.<end>"
    assert row.ids[row.answer - 1] == tiny.ids("<answer>")[0]
    assert (row.task, row.soft, row.boxes) == ("describe", {}, ())


def test_a_box_is_a_run_of_placeholders(tiny: Any) -> None:
    question = "Is [0.1, 0.2, 0.3, 0.4] like [0.5, 0.5, 1.0, 1.0]?"
    row = pack_answer(tiny.processor, "refer_short", question, "No.", [], 11)
    assert row.boxes == ((0.1, 0.2, 0.3, 0.4), (0.5, 0.5, 1.0, 1.0))
    assert row.ids.count(tiny.model.config.region_token_id) == 22
    assert tiny.text(row.ids).replace("<region>", "") == "<user>Is  like ?<answer>No.<end>"


def test_soft_targets_by_hand(tiny: Any) -> None:
    answer = "The region on the top left has noise."
    soft = [
        (answer.index("top"), {"top": 0.8, "bottom": 0.2}),
        (answer.index("left"), {"left": 0.55, "right": 0.45}),
    ]
    row = pack_answer(tiny.processor, "ground_hyd", "Where?", answer, soft, 0)
    token = {word: tiny.ids(f" {word}")[0] for word in (*HORIZONTAL, *VERTICAL)}
    at = {row.ids.index(token["top"]), row.ids.index(token["left"])}
    assert set(row.soft) == at
    assert row.soft[row.ids.index(token["top"])] == {token["top"]: 0.8, token["bottom"]: 0.2}
    assert row.soft[row.ids.index(token["left"])] == {token["left"]: 0.55, token["right"]: 0.45}


def test_a_soft_target_stands_at_a_token(tiny: Any) -> None:
    with pytest.raises(ValueError, match="no token begins"):
        pack_answer(tiny.processor, "x", "Where?", "The quality of", [(6, {"left": 1.0})], 0)


def test_soft_words_are_single_tokens(tiny: Any) -> None:
    with pytest.raises(ValueError, match="soft targets need one"):
        pack_answer(tiny.processor, "x", "Where?", "on the left", [(7, {"xylophone": 1.0})], 0)
    for word in single_words():
        assert len(tiny.ids(f" {word}")) == 1


def test_every_answer_to_a_composed_photo_packs(tiny: Any) -> None:
    """Their spans become soft targets that sum to 1 and mean the region's point."""
    token = {word: tiny.ids(f" {word}")[0] for word in (*HORIZONTAL, *VERTICAL)}
    spans = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        pixels = rng.integers(0, 256, (160, 200, 3), dtype=np.uint8)
        sample = compose(pixels, blob_regions((160, 200), rng, 2), rng)
        for qa in questions_and_answers(sample, rng):
            row = pack_qa(tiny.processor, qa, 11)
            assert tiny.text(row.ids[row.answer :]) == qa.answer + "<end>"
            assert len(row.boxes) * 11 == row.ids.count(tiny.model.config.region_token_id)
            assert len(row.soft) == len(qa.spans)
            assert all(index >= row.answer for index in row.soft)
            for index, span in zip(sorted(row.soft), qa.spans, strict=True):
                pair = VERTICAL if span.axis == "vertical" else HORIZONTAL
                shares = row.soft[index]
                assert shares == {
                    token[pair[0]]: pytest.approx(1 - span.value),
                    token[pair[1]]: pytest.approx(span.value),
                }
                assert sum(shares.values()) == pytest.approx(1)
                # The token that stands there is one of the two: the word by the box's centre.
                assert row.ids[index] in shares
                spans += 1
    assert spans > 30


@pytest.mark.parametrize("mos", [0.0, 0.1, 0.25, 0.5, 0.62, 0.9, 1.0])
def test_the_score_is_a_distribution_over_levels(tiny: Any, mos: float) -> None:
    row = pack_score(tiny.processor, mos, 0)
    [(index, shares)] = row.soft.items()
    weight = {
        tiny.ids(f" {word}")[0]: value for word, value in zip(LEVELS, LEVEL_WEIGHTS, strict=True)
    }
    assert sum(shares.values()) == pytest.approx(1)
    # Run-time scoring undoes it: the expectation of the levels is the opinion.
    assert sum(weight[t] * p for t, p in shares.items()) == pytest.approx(mos)
    assert shares[row.ids[index]] == max(shares.values())
    # The level word stands right after what run time forces.
    forced = tiny.ids(f"<user>{SCORE_QUESTION}<answer>{SCORE_PREFIX}")
    assert list(row.ids[:index]) == forced


def test_the_rating_is_asked_in_several_wordings(tiny: Any) -> None:
    assert SCORE_QUESTIONS[0] == SCORE_QUESTION
    asked = {tiny.text(pack_score(tiny.processor, 0.5, i).ids) for i in range(8)}
    assert len(asked) == len(SCORE_QUESTIONS)
