"""LLaVA-style lists: every variant read, everything else refused with file, row and field."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spider_cli.questions import SCORE_QUESTION
from trainer.datasets.entries import Entry, Scale
from trainer.datasets.reader import Options
from trainer.datasets.readers import read

Entries = Callable[..., list[Entry]]


def said(entry: Entry) -> list[tuple[str, str, str]]:
    return [(row.task, row.question, row.answer) for row in entry.rows]


def test_scores_as_text_and_number(entries: Entries) -> None:
    one, two = entries("llava/qalign.json")
    assert (one.id, one.photos, one.where.row) == ("1.jpg->68.73", ("koniq/1.jpg",), 1)
    assert one.mos == pytest.approx(0.6873)  # KonIQ's scale to 100, for there are scores above 5
    assert two.mos == pytest.approx(0.125)
    assert str(one.scale) == "0:100"
    # The level word is the score's, whatever the file says.
    question = "How would you rate the quality of this image?"
    assert said(one) == [("score", question, "The quality of the image is good.")]
    assert one.rows[0].subtask == "mos"


def test_a_score_in_the_id_and_two_questions_glued(entries: Entries) -> None:
    one, two = entries("llava/train_kadid.json")
    assert one.mos == pytest.approx((4.57 - 1) / 4)
    assert one.split == two.split == "train"
    assert one.notes == ()
    assert said(two) == [
        (
            "score",
            "How would you rate the quality of this image?",
            "The quality of the image is bad.",
        )
    ]
    assert two.notes == ("second question of two glued together",)


def test_csiq_counts_damage(entries: Entries) -> None:
    (one,) = entries("llava/csiq_upside_down.json")
    assert one.mos == pytest.approx(1 - 0.061989406)
    assert said(one)[0][2] == "The quality of the image is excellent."  # the file says "bad"


def test_free_conversations(entries: Entries) -> None:
    one, two, three = entries("llava/qinstruct.json")
    assert one.mos is None
    assert said(one) == [
        ("chat", "Is this photo sharp?", "No, it is blurry."),
        ("chat", "Where?", "At the left."),
    ]
    assert one.rows[0].subtask == "free"
    assert two.id == one.id  # another question about the same photo
    assert said(three) == [("chat", "Is the image clear?", "Yes.")]
    assert three.notes == ("second question of two glued together",)
    (mipi,) = entries("llava/mipi_combined.json")
    assert said(mipi) == [
        ("chat", "Find the distortions.", "Blur at [100, 200, 900, 1000], severe.")
    ]
    assert mipi.notes == ("boxes in answers, kept as text",)


def test_several_image_tokens(entries: Entries) -> None:
    (one,) = entries("llava/video.json")
    assert said(one) == [
        (
            "chat",
            "How would you rate the quality of this video?",
            "The quality of the video is bad.",
        )
    ]
    assert one.mos is None  # nothing names the scale of the 1.06 in the id


def test_image_lists_and_answers_that_are_numbers(entries: Entries) -> None:
    one, two, three = entries("llava/visualquality_r1.jsonl")
    assert (one.id, one.photos) == ("0", ("kadid10k/I01_01_01.png",))
    assert one.mos == pytest.approx((4.57 - 1) / 4)
    assert said(one) == [("score", "Rate it.", "The quality of the image is excellent.")]
    assert two.mos == pytest.approx(0.25)  # the question names the scale
    assert two.scale == Scale(1, 5, "the question")
    assert three.pair and three.photos == ("pics/3.png", "pics/4.png")


def talk(*turns: Any) -> list[dict[str, Any]]:
    names = ("human", "gpt")
    return [{"from": names[i % 2], "value": turn} for i, turn in enumerate(turns)]


GOOD = {"id": "1", "image": "a/1.jpg", "conversations": talk("How is it?", "Fine.")}


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"image": 3}, "image: is the number 3, not text", "bad_field"),
        ({"image": []}, "image: is an empty list", "bad_field"),
        ({"image": ["a.jpg", 1]}, "image[1]: is the number 1, not text", "bad_field"),
        ({"image": "../../etc/passwd"}, "image: '../../etc/passwd' climbs out", "unsafe_path"),
        ({"image": "/etc/passwd"}, "image: '/etc/passwd' is an absolute path", "unsafe_path"),
        ({"image": r"C:\a.jpg"}, "image: 'C:\\\\a.jpg' names a drive", "unsafe_path"),
        ({"image": r"a\..\..\b.jpg"}, "climbs out", "unsafe_path"),
        ({"image": "a\0.jpg"}, "holds a control character", "unsafe_path"),
        ({"image": ["a.jpg", ".."]}, "image[1]: '..' climbs out", "unsafe_path"),
        ({"image": "\ud800.jpg"}, "image: holds half of a character", "bad_field"),
        ({"image": None}, "image: is null", "bad_field"),
        ({"id": 1.5}, "id: is the number 1.5, not text", "bad_field"),
        ({"conversations": []}, "conversations: has 0 turns", "bad_field"),
        ({"conversations": talk("a?")}, "conversations: has 1 turns", "bad_field"),
        (
            {"conversations": {"from": "human"}},
            "conversations: is an object, not a list",
            "bad_field",
        ),
        ({"conversations": ["a?", "b"]}, "conversations[0]: is text, not an object", "bad_field"),
        ({"conversations": talk("a?", None)}, "conversations[1].value: is null", "bad_field"),
        ({"conversations": talk("a?", " ")}, "conversations[1].value: is empty", "bad_field"),
        (
            {"conversations": talk("<image>", "b")},
            "conversations[0].value: asks nothing",
            "bad_field",
        ),
        (
            {"conversations": [{"from": "system", "value": "a"}, {"from": "gpt", "value": "b"}]},
            "conversations[0].from: is 'system'",
            "bad_field",
        ),
        ({"gt_score": True}, "gt_score: is true or false, not a number", "bad_field"),
        ({"gt_score": "good"}, "gt_score: is 'good', not a number", "bad_field"),
        ({"gt_score": float("nan")}, "gt_score: is nan, not a finite number", "bad_field"),
        ({"gt_score": "inf"}, "gt_score: is inf, not a finite number", "bad_field"),
        ({"gt_score": 3}, "gt_score: is 3, on a scale that nothing names", "unknown_scale"),
        (
            {"gt_score": 7, "image": "kadid10k/1.png"},
            "gt_score: is 7, outside the scale 1:5 (KADID-10k)",
            "bad_score",
        ),
    ],
)
def test_refusals(wrong: Any, change: dict[str, Any], field: str, code: str) -> None:
    error = wrong([GOOD, GOOD | {"id": "2", "image": "a/2.jpg"} | change], format="llava")
    assert "bad.json, row 2, " in error.message
    assert field in error.message
    assert error.code == code


def test_ids_are_unique(wrong: Any) -> None:
    error = wrong([GOOD, GOOD | {"image": "a/2.jpg"}])
    assert "row 2, id: '1' was used in row 1, for a/1.jpg" in error.message
    assert error.code == "duplicate_id"
    error = wrong([GOOD, GOOD | {"id": "2"}, GOOD])
    assert "row 3, id: '1' repeats row 1" in error.message
    assert error.code == "duplicate_id"


def test_a_scale_may_be_said(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps([GOOD | {"gt_score": 3}]), encoding="utf-8")
    (one,) = read(file, options=Options(scale=Scale(10, 0)))
    assert one.mos == pytest.approx(0.7)
    assert said(one)[0] == ("score", SCORE_QUESTION, "The quality of the image is good.")
    assert said(one)[1] == ("chat", "How is it?", "Fine.")
