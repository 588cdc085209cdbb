"""LLVisionQA and Q-Bench2: options and the right one."""

from collections.abc import Callable
from typing import Any

import pytest

from trainer.datasets.entries import Entry

Entries = Callable[..., list[Entry]]


def test_list_form(entries: Entries) -> None:
    one, two = entries("llvisionqa/llvisionqa_dev.json")
    row = one.rows[0]
    assert (row.task, row.subtask, row.question) == ("choice", "letters", "Is this image clear?")
    assert (row.options, row.correct, row.answer) == (("Yes", "No"), 1, "B")
    assert (two.rows[0].options, two.rows[0].correct) == (("Noise", "Blur", "Nothing"), 1)
    assert one.photos == two.photos == ("00001.jpg",)
    assert one.split == "validation"


def test_answers_kept_back(entries: Entries) -> None:
    (one,) = entries("llvisionqa/llvisionqa_test.json")
    assert (one.rows[0].correct, one.rows[0].answer, one.split) == (None, "", "test")


def test_hugging_face_form(entries: Entries) -> None:
    (one,) = entries("llvisionqa/hf.jsonl")
    assert one.id == "7"
    assert (one.rows[0].options, one.rows[0].correct) == (("Dark", "Bright", "Fine"), 2)
    assert one.notes == ("question_type of questions", "question_concern of questions")


def test_pairs(entries: Entries) -> None:
    one, two = entries("llvisionqa/qbench2.json")
    assert (one.photos, one.rows[0].correct) == (("a.jpg", "b.jpg"), 0)
    assert (two.photos, two.rows[0].correct) == (("c.jpg", "d.jpg"), 1)


GOOD = {"img_path": "1.jpg", "question": "Clear?", "candidates": ["Yes", "No"], "correct_ans": "No"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"img_path": None}, "img_path: is missing"),
        ({"img_path": "../1.jpg"}, "img_path: '../1.jpg' climbs out"),
        ({"question": " "}, "question: asks nothing"),
        ({"candidates": "Yes"}, "candidates: is text, not a list"),
        ({"candidates": ["Yes", 2]}, "candidates[1]: is the number 2, not text"),
        ({"candidates": ["Yes", "N/A"]}, "candidates: 1 options"),
        ({"candidates": ["Yes", "Yes"]}, "candidates: has an option twice"),
        ({"correct_ans": "Maybe"}, "correct_ans: is 'Maybe', none of the options"),
        ({"correct_ans": "C"}, "correct_ans: is 'C', none of the options"),
        ({"correct_ans": 1}, "correct_ans: is the number 1, not text"),
    ],
)
def test_refusals(wrong: Any, change: dict[str, Any], field: str) -> None:
    error = wrong([GOOD, GOOD | {"img_path": "2.jpg"} | change])
    assert f"bad.json, row 2, {field}" in error.message


def test_the_same_question_again(wrong: Any) -> None:
    assert "row 2, id: '1.jpg' repeats row 1" in wrong([GOOD, GOOD]).message
