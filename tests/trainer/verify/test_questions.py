"""Every wrong question and answer is said, where it is, and no more."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.trainer.verify.spoiling import TEST, TRAIN, Check, Rows, findings, question

QUESTIONS: dict[str, tuple[str, Callable[[Rows], object], list[str]]] = {
    "an answer of another truth": (
        TRAIN,
        question(0, 1, answer="This region shows mild blur and severe noise."),
        [
            "000000-01, answer: reads as mild blur, severe noise, expected severe blur, severe "
            "noise: 'This region shows mild blur and severe noise.'"
        ],
    ),
    "a truth of another region": (
        TRAIN,
        question(
            0, 1, truth=[{"family": "noise", "severity": "mild"}],
            answer="This region shows mild noise.",
        ),
        [
            "000000-01, truth: is mild noise, expected severe blur, severe noise, as regions[0] "
            "shows"
        ],
    ),
    "a clean answer about a distorted box": (
        TRAIN,
        question(0, 3, truth=[], answer="no visible distortion", region=-1, subtask="clean"),
        ["000000-03, box: is distorted in 79% of its pixels, but the truth is that it is clean"],
    ),
    "the wrong place in an answer": (
        TRAIN,
        question(0, 10, answer="The region on the top right shows severe blur, then severe noise."),
        ["000000-10, answer: says 'top right', expected 'top left', where it is"],
    ),
    "distortions in each other's places": (
        TRAIN,
        question(
            0, 0, spans=[],
            answer="The region on the top left shows mild noise. The region on the bottom right "
            "shows severe blur and severe noise.",
        ),
        ["000000-00, answer: puts mild noise on the top left, where no region shows it"],
    ),
    "a distortion left out of a place": (
        TRAIN,
        question(
            0, 0, spans=[],
            answer="The region on the top left shows severe noise. The region on the bottom right "
            "shows mild noise. There is severe blur.",
        ),
        [
            "000000-00, answer: does not put severe blur on the top left, where regions[0] shows it"
        ],
    ),
    "called clean, which nobody knows": (
        TEST,
        question(
            1, 3, truth=[], other=[], region=-1, subtask="clean", box=[80, 70, 150, 120],
            answer="no visible distortion",
        ),
        [
            "000005-03, truth: is nothing, but in a photo of scene authentic nothing is known to "
            "be clean"
        ],
    ),
    "the wrong place in a question": (
        TRAIN,
        question(0, 1, question="Describe the quality of the region on the bottom left."),
        ["000000-01, question: asks about the bottom left, but regions[0] is on the top left"],
    ),
    "a distorted place asked about as clean": (
        TRAIN,
        question(0, 19, question="Describe the quality of the region on the top left."),
        ["000000-19, question: asks about the top left as clean, but 53% of it is distorted"],
    ),
    "a span's value": (
        TRAIN,
        lambda rows: rows[0]["rows"][10]["spans"][0].update(value=0.9),
        ["000000-10, spans[0].value: is 0.9000, expected 0.2657 (y / height of the point)"],
    ),
    "a span's characters": (
        TRAIN,
        lambda rows: rows[0]["rows"][10]["spans"][1].update(start=23),
        ["000000-10, spans[1].start: 23 to 26 points at 'eft', expected left or right after a "
         "space"],
    ),
    "a span that is missing": (
        TRAIN,
        lambda rows: rows[0]["rows"][0]["spans"].pop(2),
        ["000000-00, spans: have none for 'bottom' at character 81"],
    ),
    "another box in the question": (
        TRAIN,
        question(0, 2, question="Describe the quality of the region [0.1, 0.1, 0.2, 0.2]."),
        [
            "000000-02, question: does not ask about the row's box, [0.050, 0.062, 0.456, 0.477]: "
            "'Describe the quality of the region [0.1, 0.1, 0.2, 0.2].'"
        ],
    ),
    "a box off its region": (
        TRAIN,
        question(
            0, 3, box=[80, 0, 160, 64],
            question="Which distortions does the region [0.500, 0.000, 1.000, 0.500] show?",
        ),
        ["000000-03, box: lies on regions[0] with 0% of its pixels, expected at least 60%"],
    ),
    "not the most": (
        TRAIN,
        question(0, 10, region=1),
        [
            "000000-10, region: is 1, expected 0 for the most: regions[1] has a total level of "
            "2.00, regions[0] 8.50"
        ],
    ),
    "not the most of one distortion": (
        TEST,
        question(0, 5, region=1),
        [
            "000004-05, region: is 1, expected 0 for the most: regions[1] has blur at a level of "
            "1.80, regions[0] 4.00"
        ],
    ),
    "a region without what is asked for": (
        TEST,
        question(0, 5, region=2),
        ["000004-05, region: is 2, which shows no blur; regions[0] does"],
    ),
    "the least called the most": (
        TRAIN,
        question(0, 13, question="Which region shows the most noise?"),
        ["000000-13, question: asks ground_sid/most, expected ground_sid/least"],
    ),
    "another order asked for": (
        TRAIN,
        question(0, 14, question="Which region was distorted by noise first and then by blur?"),
        [
            "000000-14, region: is 0, asked for noise, then blur in that order, but it shows blur, "
            "then noise"
        ],
    ),
    "the order in the answer": (
        TRAIN,
        question(0, 14, answer="The region on the top left shows severe noise, then severe blur."),
        ["000000-14, answer: says noise, then blur, expected blur, then noise"],
    ),
    "one distortion has no order": (
        TRAIN,
        question(0, 15, region=1),
        ["000000-15, region: is 1, which shows noise: no order of two"],
    ),
    "nowhere, though it is there": (
        TRAIN,
        question(
            0, 16, question="Which region shows the most blur?", answer="No region shows blur."
        ),
        ["000000-16, region: is -1 and the truth is nothing, but regions[0] shows blur"],
    ),
    "no such order, though it is there": (
        TRAIN,
        question(0, 17, question="Which region was distorted by blur first and then by noise?"),
        [
            "000000-17, region: is -1 and the truth is nothing, but regions[0] shows blur, then "
            "noise in that order"
        ],
    ),
    "all over, which is not said": (
        TRAIN,
        question(1, 1, answer="The region shows moderate contrast weakening, then moderate noise."),
        [
            "000001-01, answer: does not say that all of the image is meant: 'The region shows "
            "moderate contrast weakening, then moderate noise.'"
        ],
    ),
    "another label": (
        TRAIN,
        question(0, 9, question="Describe the quality of the cup."),
        [
            "000000-09, question: does not ask about 'the saucer', the label of regions[1]: "
            "'Describe the quality of the cup.'"
        ],
    ),
    "a blank": (
        TRAIN,
        question(0, 0, question="What is wrong with {place}?"),
        ["000000-00, question: has an unfilled blank: 'What is wrong with {place}?'"],
    ),
    "no answer": (TRAIN, question(3, 1, answer=" ", truth=[]), [
        "000003-01, answer: is empty, expected the answer",
        "000003-01, truth: is nothing, expected severe compression, as regions[0] shows",
        "000003-01, answer: does not say that nothing is wrong, as the truth is: ' '",
    ]),
    "no such region": (
        TRAIN,
        question(0, 1, region=7),
        ["000000-01, region: is 7, expected -1 to 1: the photo has 2 regions"],
    ),
    "no such task": (
        TRAIN,
        question(0, 1, task="guess"),
        [
            "000000-01, task: is 'guess', expected describe, describe_region, refer_short, "
            "refer_long, ground_hyd, ground_sid, ground_dao, score, choice or chat"
        ],
    ),
    "another sub-task": (
        TRAIN,
        question(0, 3, subtask="one"),
        ["000000-03, subtask: is one, expected two"],
    ),
    "an id out of turn": (
        TRAIN,
        question(0, 3, id="000000-05"),
        ["000000-05, id: is '000000-05', expected '000000-03'", "000000-05, id: stands twice in "
         "the set"],
    ),
    "no such option": (
        TEST,
        question(2, 1, correct=5),
        ["000006-01, correct: is 5, expected 0 to 1"],
    ),
    "the wrong letter": (
        TEST,
        question(2, 1, answer="A"),
        ["000006-01, answer: is 'A', expected B. yes"],
    ),
    "a level far from the score": (
        TEST,
        question(2, 0, answer="The quality of the image is bad."),
        ["000006-00, answer: says bad, expected excellent for a score of 0.900"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_questions_and_answers(name: str, spoiled: Any, check: Check) -> None:
    file, change, expected = QUESTIONS[name]
    spoiled.edit(file, change)
    code, lines = check(spoiled.folder)
    assert code == 1
    assert findings(lines) == [f"{file}, photo {one[:6]}, row {one}" for one in expected]
