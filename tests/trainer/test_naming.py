"""Labels as noun phrases: which can be used, and which regions they mean."""

import numpy as np
import pytest

from trainer.naming import askable_labels, noun_phrase, sayable
from trainer.regions import box_of, interior_point
from trainer.truth import Applied, Region


@pytest.mark.parametrize(
    ("label", "phrase", "said"),
    [
        ("the sky", "the sky", True),
        ("sky", "the sky", True),
        ("  The  old tree ", "the old tree", True),
        ("a boy", "a boy", True),
        ("Tom's car", "Tom's car", True),
        ("T-shirt", "the T-shirt", True),
        # Fine in a question; in an answer "light" is a severity, "hazy" a distortion.
        ("street light", "the street light", False),
        ("hazy hills", "the hazy hills", False),
        ("a boy on the left", "", False),
        ("top-left tower", "", False),
        ("the photo", "", False),
        ("cat and dog", "", False),
        ("sky; noise", "", False),
        ("{box}", "", False),
        ("3", "", False),
        ("one two three four five six seven eight", "", False),
        ("", "", False),
        (" ", "", False),
    ],
)
def test_noun_phrases(label: str, phrase: str, said: bool) -> None:
    assert noun_phrase(label) == phrase
    assert sayable(noun_phrase(label)) == said


def region(label: str) -> Region:
    mask = np.zeros((40, 40), bool)
    mask[5:20, 5:20] = True
    fault = Applied("blur", "", 3, "moderate")
    return Region(mask, box_of(mask), interior_point(mask), (fault,), label)


@pytest.mark.parametrize(
    ("labels", "askable"),
    [
        (["the sky", "the grass"], {0: "the sky", 1: "the grass"}),
        (["sky", "the sky", "grass"], {2: "the grass"}),
        (["the tree", "the old tree"], {1: "the old tree"}),
        (["", "the sky"], {1: "the sky"}),
        (["the", "the photo"], {}),
    ],
)
def test_a_question_by_name_means_one_region(labels: list[str], askable: dict[int, str]) -> None:
    assert askable_labels([region(label) for label in labels]) == askable
