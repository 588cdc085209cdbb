"""Predictions of any system: JSON lines in the form of our records, an `id` naming the row.

    {"id": "000123-04", "answer": "severe noise"}
    {"id": "000123-07", "mask": {"size": [384, 512], "counts": "..."}}
    {"id": "000123", "score": 71.5}

All fields of docs/json.md may be there; those that say nothing about the answer are not read.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spider_cli.errors import UsageError, nearest
from spider_cli.results import SCHEMA, Distortion, Mask
from spider_cli.vocabulary import SEVERITIES, family_named
from trainer.datasets.entries import Rle, Where
from trainer.datasets.fields import Fields, shown
from trainer.datasets.marks import decode_rle
from trainer.datasets.records import text_lines
from trainer.evaluate.cases import Case
from trainer.evaluate.outcomes import Prediction

__all__ = ["read_predictions"]

_LETTERS = "ABCDEFGH"
_SAYS = ("answer", "distortions", "mask", "point", "score", "choice", "whole", "error")
"""Fields of which a prediction must have one."""


@dataclass(frozen=True, slots=True)
class _Line(Where):
    """A place in a file of JSON lines."""

    def __str__(self) -> str:
        return f"{self.file}, line {self.row}"


def read_predictions(
    file: Path, cases: Iterable[Case], asked: Iterable[Case] | None = None
) -> dict[str, Prediction]:
    """Read predictions and check them against the benchmark's rows.

    Args:
        file: JSON lines, UTF-8.
        cases: every case of the split.
        asked: those that will be graded; predictions of the others are checked and dropped. All
            when None.

    Returns:
        Case id -> prediction.

    Raises:
        UsageError: an id that is unknown or comes twice, a mask that does not fit, a field that is
            not as it should be; with file, line and field.
    """
    known = {case.id: case for case in cases}
    wanted = known.keys() if asked is None else {case.id for case in asked}
    found: dict[str, Prediction] = {}
    lines: dict[str, int] = {}
    for number, text in _lines(file):
        where = _Line(file, number)
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise where.error("", f"not JSON: {error}", code="bad_json") from error
        fields = Fields(value, where)
        name = fields.text("id")
        if name in lines:
            fields.fail("id", f"{shown(name)} was in line {lines[name]}", code="duplicate_id")
        if name not in known:
            _unknown(fields, name, known)
        lines[name] = number
        prediction = _prediction(fields, known[name])
        if name in wanted:
            found[name] = prediction
    if not lines:
        raise UsageError(f"{file} holds no prediction", code="no_predictions")
    return found


def _lines(file: Path) -> Iterable[tuple[int, str]]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        for _ in text_lines(file):  # raises, and says where
            pass
        raise
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror or error}", code="unreadable"
        ) from error
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line


def _unknown(fields: Fields, name: str, known: Mapping[str, Case]) -> None:
    example = nearest(name, list(known)[:5000], cutoff=0.7) or next(iter(known), "")
    hint = f"ids look like {shown(example)}" if example else ""
    if name.partition("-")[0] in {case.photo for case in known.values()}:
        hint = "that photo has no such row with a known answer"
    fields.fail("id", f"{shown(name)} is no row of this split", hint=hint, code="unknown_id")


def _prediction(fields: Fields, case: Case) -> Prediction:
    if fields.has("schema") and fields.text("schema") != SCHEMA:
        fields.fail("schema", f"is {shown(fields.text('schema'))}, not {SCHEMA!r}")
    if not any(name in fields.value for name in _SAYS):
        fields.fail(
            "answer",
            "is missing, and so is all else that could be graded",
            hint=f"one of {', '.join(_SAYS[:-1])} must be there",
        )
    distortions, other = _named(fields)
    score = _score(fields)
    masked = "mask" in fields.value or fields.flag("whole", False)
    return Prediction(
        answer=fields.text("answer") if fields.has("answer") else None,
        distortions=distortions,
        other=other,
        masked=masked,
        mask=_mask(fields, case) if fields.has("mask") else None,
        point=_point(fields, case) if fields.has("point") else None,
        whole=fields.flag("whole", False),
        probed=fields.flag("probed", False),
        score=score,
        choice=_choice(fields, case) if fields.has("choice") else None,
        error=_error(fields) if fields.has("error") else None,
    )


def _named(fields: Fields) -> tuple[tuple[Distortion, ...] | None, tuple[str, ...] | None]:
    if not fields.has("distortions"):
        return None, None
    found = []
    for one in fields.objects("distortions"):
        try:
            family = family_named(one.text("family"))
        except UsageError as error:
            one.fail("family", error.message, hint=error.hint, code=error.code)
        severity = one.text("severity").strip().lower()
        if severity not in SEVERITIES:
            one.fail("severity", f"is {shown(severity)}", hint=f"one of {', '.join(SEVERITIES)}")
        found.append(Distortion(family, severity))
    return tuple(found), fields.texts("other") if fields.has("other") else ()


def _mask(fields: Fields, case: Case) -> Mask:
    given = fields.inside("mask")
    size = given.numbers("size")
    if len(size) != 2 or not all(one.is_integer() for one in size):
        given.fail("size", "is not [height, width]", code="bad_mask")
    counts = given.text("counts")
    height, width = case.size
    rle = Rle(counts, (int(size[0]), int(size[1])))
    decode_rle(rle, fields.where, fields.name("mask"), height, width)
    return Mask((height, width), counts)


def _point(fields: Fields, case: Case) -> tuple[float, float]:
    given = fields.numbers("point")
    height, width = case.size
    if len(given) != 2 or not (0 <= given[0] <= width and 0 <= given[1] <= height):
        fields.fail("point", f"is {list(given)}, not [x, y] in a photo of {width} x {height}")
    return given[0], given[1]


def _score(fields: Fields) -> float | None:
    if not fields.has("score"):
        return None
    score = fields.number("score")
    return score if fields.flag("higher_is_better", True) else -score


def _choice(fields: Fields, case: Case) -> str:
    letters = _LETTERS[: len(case.options)]
    letter = fields.text("choice").strip().upper()
    if len(letter) != 1 or letter not in letters:
        fields.fail("choice", f"is {shown(letter)}, none of {', '.join(letters) or 'no options'}")
    return letter


def _error(fields: Fields) -> str:
    value = fields.value["error"]
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        return str(value["message"])
    return str(value)
