"""The form for people."""

import io
from dataclasses import replace

import pytest

from spider_cli.outputs.text import Text
from spider_cli.results import Record


def text_of(record: Record, *, failures: bool = True) -> str:
    stream = io.StringIO()
    writer = Text(stream, failures=failures)
    writer.write(record)
    writer.close()
    return stream.getvalue()


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("score", " 72.5/100  good       sub/a.jpg\n"),
        ("raw", " 72.5/100  good       sub/a.nef  (embedded preview 640 x 480)\n"),
        ("worded score", "    -/100  good       sub/a.jpg\n"),
        (
            "worded region",
            "sub/a.jpg\n  The region on the top right.\n  in words only: no logprobs\n",
        ),
        ("describe", "sub/a.jpg\n  Severe blur.\n  severe blur, mild noise\n"),
        ("boxed", "sub/a.jpg  box 1,2,3,4\n  Mild noise, flare.\n  mild noise, flare\n"),
        ("refer", "sub/a.jpg  box 10,20,30,40\n  severe blur\n  severe blur\n"),
        (
            "region",
            "sub/a.jpg\n  The region on the top right.\n"
            "  box 300,100,500,200, 6.5% of the photo, point 400,150, probed\n"
            "  h/a.jpg.overlay.png\n",
        ),
        ("whole", "sub/a.jpg\n  The region on the top right.\n  the whole photo\n"),
        ("nothing", "sub/a.jpg\n  The region on the top right.\n  nothing at fault\n"),
        ("failed", "sub/a.jpg  failed: sub/a.jpg: cut short\n"),
    ],
)
def test_shows(records: dict[str, Record], kind: str, shown: str) -> None:
    assert text_of(records[kind]) == shown


def test_failures_can_be_left_to_stderr(records: dict[str, Record]) -> None:
    assert text_of(records["failed"], failures=False) == ""


def test_a_name_cannot_drive_the_terminal(records: dict[str, Record]) -> None:
    shown = text_of(replace(records["score"], photo="a\x1b[31m\nb\r[bold]c.jpg"))
    assert shown.count("\n") == 1
    assert r"a\x1b[31m\nb\r[bold]c.jpg" in shown


def test_long_answers_are_not_broken(records: dict[str, Record]) -> None:
    name = "very/" * 60 + "long.jpg"
    assert name in text_of(replace(records["score"], photo=name))
