"""Why this score: one line, in the model's own words, the worst first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.audit.why import why


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (
            "The left shows mild blur. The region on the right shows severe noise.",
            "poor: The region on the right shows severe noise; The left shows mild blur",
        ),
        ("The image shows no visible distortion.", "poor: The image shows no visible distortion"),
        ("It is crooked.\n\nMild\tblur.", "poor: Mild blur"),
        ("Moderate darkening; severe blur!", "poor: severe blur; Moderate darkening"),
        ("Shot at f/2.8, with mild noise.", "poor: Shot at f/2.8, with mild noise"),
        ("", "poor"),
        (" .\n! ", "poor"),
    ],
)
def test_the_line(answer: str, line: str) -> None:
    assert why("poor", answer) == line


@given(st.text(max_size=600))
def test_always_one_short_line(answer: str) -> None:
    line = why("fair", answer)
    assert line.startswith("fair")
    assert len(line.splitlines()) == 1
    assert len(line) <= len("fair: ") + 300


def test_long_answers_are_cut() -> None:
    line = why("bad", ", ".join(["severe noise"] * 99))
    assert line.startswith("bad: severe noise")
    assert line.endswith(" ...")
    assert len(line) <= 305
