"""Shots with records, as an audit would make them, without a model."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from spider_cli.audit.entry import Preview
from spider_cli.audit.judging import named_as
from spider_cli.audit.state import State
from spider_cli.results import (
    Audited,
    Description,
    Distortion,
    Failure,
    Grounding,
    Mask,
    Record,
    Score,
    View,
)
from spider_cli.shot_facts import Facts
from spider_cli.shots import Shot, shots
from spider_cli.sources import named_source

SETTINGS = '{"model": "nano", "device": "auto"}'
PREVIEW = Preview(jpeg=b"\xff\xd8small", heat=b"\x89PNG heat")


def shot(photo: Path, raw: Path | None = None) -> Shot:
    return Shot(named_source(photo), None if raw is None else named_source(raw))


def found(*photos: Path) -> list[Shot]:
    return shots(named_source(photo) for photo in photos)


def told(one: Shot) -> str:
    """What the record says of a shot: a digest of its files, so that a wrong record shows."""
    digest = hashlib.sha256(one.photo.path.read_bytes())
    if one.raw is not None:
        digest.update(b"+" + one.raw.path.read_bytes())
    return digest.hexdigest()


def judged(one: Shot, *, size: tuple[int, int] = (60, 40), revision: str = "1f2e") -> Record:
    why = told(one)
    levels = {"excellent": 0.0, "good": 1 / 3, "fair": 1 / 3, "poor": 1 / 3, "bad": 0.0}
    mask = Mask((size[1], size[0]), "0abc")
    record = Record(
        command="audit",
        photo="",
        model="nano",
        revision=revision,
        seconds=0.125,
        looked_at=(View((0, 0, *size), size),),
        max_pixels=409_600,
        notes=("first frame of 3",),
        outcome=Audited(
            score=Score(50.0, "fair", levels),
            description=Description("How?", f"Blurry: {why}", (Distortion("blur", "severe"),)),
            region=Grounding(
                "Where?", "Top left.", (1.5, 2.5), False, (0, 0, 9, 9), 1 / 7, mask, False
            ),
            why=why,
            facts=Facts(*size, taken="2026-11-28T14:03:09.42", iso=200, focus=1 / 3),
        ),
    )
    return named_as(one, record)


def failed(one: Shot) -> Record:
    return Record(
        "audit", one.photo.name, "nano", "1f2e", 0.0, (), Failure("empty", "is empty", "")
    )


def audit(state: State, these: Iterable[Shot]) -> list[str]:
    """Judge what is not known; the names of the photos that were judged."""
    new = []
    for one in these:
        record = state.known(one)
        if record is None:
            assert state.keep(one, judged(one), PREVIEW)
            new.append(one.photo.path.name)
        else:
            assert record == judged(one)
    return new
