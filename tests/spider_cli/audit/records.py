"""Records of audits with what a test is about, and the summaries that a run makes of them."""

from dataclasses import replace
from pathlib import Path

from spider_cli.audit.choosing import Summary, summed_up
from spider_cli.audit.flags import ANY_SEVERE, Flag, flagged
from spider_cli.results import (
    Audited,
    Description,
    Distortion,
    Failure,
    Files,
    Grounding,
    Mask,
    Record,
    Score,
    View,
    WordedScore,
)
from spider_cli.shot_facts import Facts
from spider_cli.shots import Shot
from spider_cli.sources import named_source

LEVELS = {"excellent": 0.0, "good": 0.25, "fair": 0.5, "poor": 0.25, "bad": 0.0}


def audited(
    photo: str = "a.jpg",
    score: float | None = 50.0,
    *found: str,
    taken: str | None = None,
    raw: str | None = None,
    files: Files | None = None,
) -> Record:
    """The record of a photo.

    Args:
        score: None: a server's, in words alone.
        found: "severe blur" and the like.
        raw: the RAW file of the shot.
    """
    pairs = [one.split(" ", 1) for one in found]
    number = WordedScore("fair", "It is fair.", "no numbers")
    return Record(
        command="audit",
        photo=photo,
        raw=raw,
        model="nano",
        revision="1f2e",
        seconds=0.25,
        max_pixels=None,
        looked_at=(View((0, 0, 60, 40), (60, 40)),),
        outcome=Audited(
            score=number if score is None else Score(score, "fair", LEVELS),
            description=Description(
                "How?", "It is blurred.", tuple(Distortion(b, a) for a, b in pairs)
            ),
            region=Grounding(
                "Where?",
                "Top left.",
                (1.5, 2.5),
                False,
                (0, 0, 9, 9),
                0.25,
                Mask((40, 60), "0abc"),
                False,
                files,
            ),
            why="fair: It is blurred",
            facts=Facts(60, 40, taken=taken, camera="Canon EOS R5", iso=200, exposure=0.005),
        ),
    )


def failure(photo: str = "broken.jpg") -> Record:
    return Record(
        command="audit",
        photo=photo,
        model="nano",
        revision="1f2e",
        seconds=0.0,
        looked_at=(),
        outcome=Failure("truncated", f"{photo}: ends early", "copy it again"),
    )


def shot_of(record: Record, folder: str = "") -> Shot:
    def path(name: str) -> str:
        return str(Path(folder) / name)

    raw = None if record.raw is None else named_source(path(record.raw))
    return Shot(named_source(path(record.photo)), raw)


def summaries(records: list[Record], flags: tuple[Flag, ...] = ANY_SEVERE) -> list[Summary]:
    marked = [replace(one, flagged=flagged(one, flags)) for one in records]
    return [summed_up(number, shot_of(one), one) for number, one in enumerate(marked)]
