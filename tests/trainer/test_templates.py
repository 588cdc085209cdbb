"""Questions: enough wordings for each task and sub-task, none twice, none that tells the answer."""

import re
from itertools import pairwise

import numpy as np
import pytest

from spider_cli.phrases import EVENT
from spider_cli.questions import (
    SCORE_QUESTION,
    box_fractions,
    box_phrase,
    describe_question,
    describe_region_question,
    ground_question,
    refer_question,
)
from spider_cli.vocabulary import FAMILIES, HORIZONTAL, NOUNS, VERTICAL
from trainer.rows import SUBTASKS
from trainer.templates import POOL_OF, POOLS, draw, pick
from trainer.verify.asked import asked

BOX = box_phrase((12, 20, 60, 90), 100, 100)
FILLERS: dict[str, tuple[str, ...]] = {
    "box": (BOX,),
    "place": ("top left", "bottom right", "left", "bottom"),
    "label": ("the sky", "the trees"),
    "noun": tuple(NOUNS[family] for family in FAMILIES),
    "first": tuple(NOUNS[family] for family in FAMILIES),
    "second": (*(NOUNS[family] for family in FAMILIES[1:]), NOUNS[FAMILIES[0]]),
}
LEAST_COUNTS = {
    "describe": 26,
    "describe_place": 17,
    "describe_box": 17,
    "describe_label": 17,
    "most": 24,
    "least": 24,
    "most_family": 16,
    "least_family": 16,
    "order": 18,
    "first": 18,
    "last": 18,
    # One distortion and two share their wordings: twice 14.
    "refer_short": 28,
    "refer_long": 28,
}
"""Pool -> the paper's number of wordings."""
RUN_TIME = {
    "describe": describe_question(),
    "describe_place": describe_region_question("{place}").replace(
        "this region alone: {place}", "the region on the {place}"
    ),
    "describe_box": describe_region_question(BOX).replace(BOX, "{box}"),
    "describe_label": describe_region_question("{label}"),
    "most": ground_question(),
    "least": ground_question(extreme="least"),
    "most_family": ground_question(extreme="most", family="noise").replace("noise", "{noun}"),
    "least_family": ground_question(extreme="least", family="noise").replace("noise", "{noun}"),
    "order": ground_question(order=("noise", "blur")).replace("noise", "{first}").replace(
        "blur", "{second}"
    ),
    "first": ground_question(first="noise").replace("noise", "{noun}"),
    "last": ground_question(last="noise").replace("noise", "{noun}"),
    "refer_short": refer_question("{box}", long=False),
    "refer_long": refer_question("{box}", long=True),
}  # fmt: skip
EVERY = [(name, wording) for name, pool in POOLS.items() for wording in pool]


def blanks(wording: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", wording))


def filled(wording: str) -> list[str]:
    """The wording with each value of its blanks."""
    names = blanks(wording)
    count = max((len(FILLERS[name]) for name in names), default=1)
    return [
        wording.format(**{name: FILLERS[name][i % len(FILLERS[name])] for name in names})
        for i in range(count)
    ]


def test_every_pool_has_the_papers_number_of_wordings() -> None:
    assert set(POOLS) == set(LEAST_COUNTS)
    for name, pool in POOLS.items():
        assert len(pool) >= LEAST_COUNTS[name], name


def test_every_task_and_sub_task_has_a_pool() -> None:
    ours = [task for task in SUBTASKS if task not in ("score", "choice", "chat")]
    assert set(POOL_OF) == {(task, subtask) for task in ours for subtask in SUBTASKS[task]}
    assert set(POOL_OF.values()) == set(POOLS)


def test_the_first_wording_is_what_is_asked_at_run_time() -> None:
    assert {name: pool[0] for name, pool in POOLS.items()} == RUN_TIME


def test_no_wording_stands_twice() -> None:
    plain = sorted(" ".join(re.findall(r"[\w{}]+", wording.lower())) for _, wording in EVERY)
    assert not [one for one, two in pairwise(plain) if one == two]
    # And none asks for a score, whose answer has another form.
    assert SCORE_QUESTION.lower() not in {wording.lower() for _, wording in EVERY}


@pytest.mark.parametrize("name", POOLS)
def test_wordings_are_sentences_with_the_pools_blanks(name: str) -> None:
    expected = blanks(RUN_TIME[name])
    for wording in POOLS[name]:
        assert blanks(wording) == expected, wording
        for text in filled(wording):
            assert text[0].isupper() or text[0] == "[", text
            assert text[-1] in ".?" and "  " not in text and "{" not in text, text
            # No "a {noun}", which would be "a blur", "a oversharpening".
            assert not re.search(r"\ban? \{", wording), wording
            if name.startswith("describe_label"):
                assert not re.search(r"\b(?:is|are|has|have|does|do|was|were) \{label\}", wording)
                assert not re.search(r"\{label\} (?:is|are|has|have|looks?|shows?)\b", wording)


@pytest.mark.parametrize("name", POOLS)
def test_questions_name_what_is_asked_for_and_nothing_else(name: str) -> None:
    for wording in POOLS[name]:
        for text in filled(wording):
            names = [m.group().strip() for m in EVENT.finditer(text.lower()) if m.lastgroup in
                     ("named", "family", "other")]  # fmt: skip
            wanted = {NOUNS[f] for f in FAMILIES if f"{NOUNS[f]}" in text}
            assert set(names) <= wanted, text
            assert (box_fractions(text) is not None) == ("{box}" in wording)
            words = set(re.findall(r"[a-z]+", text.lower())) & {*VERTICAL, *HORIZONTAL}
            if "{place}" not in wording:
                # "on top of it" is no place: said in questions alone.
                assert words <= {"top"} and ("top" not in words or "on top of" in text), text


@pytest.mark.parametrize("name", ["describe", "describe_box", "refer_short", "refer_long"])
def test_questions_do_not_tell_how_many_distortions_there_are(name: str) -> None:
    for wording in POOLS[name]:
        assert not re.search(
            r"\b(?:one|two|both|single|pair|a distortion|the distortion|another|clean|"
            r"undistorted|severe|mild|moderate|only one)\b(?! line)",
            wording.lower().replace("one line", "").replace("does one see", "")
            .replace("how each one", "").replace("how clean", ""),
        ), wording  # fmt: skip


@pytest.mark.parametrize(
    ("task", "subtask"), [pair for pair in POOL_OF if pair[0].startswith("ground")]
)
def test_grounding_questions_can_be_told_apart(task: str, subtask: str) -> None:
    """Read back, a question is of its own task and sub-task, about the families filled in."""
    families = {noun: family for family, noun in NOUNS.items()}
    for wording in POOLS[POOL_OF[task, subtask]]:
        for index, text in enumerate(filled(wording)):
            meant = [one for one in asked(text) if (one.task, one.subtask) == (task, subtask)]
            order = [name for name in ("noun", "first", "second") if name in blanks(wording)]
            values = tuple(families[FILLERS[name][index]] for name in order)
            assert [one.names for one in meant] == [values], text


def test_the_run_time_wording_is_drawn_half_of_the_time() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw("most_family", rng, noun="blur") for _ in range(2000)]
    assert {*drawn} == {wording.format(noun="blur") for wording in POOLS["most_family"]}
    assert 0.45 < drawn.count(ground_question(family="blur")) / 2000 < 0.55
    assert pick(("one",), rng, 0.0) == "one"
