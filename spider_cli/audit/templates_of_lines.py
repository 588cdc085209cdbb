r"""Lines of the user's own form: ``{score}\t{photo}``.

Only what is named in `FIELDS` can be asked for: no attributes, no items, no expressions.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from spider_cli.errors import UsageError, did_you_mean
from spider_cli.outputs.messages import printable
from spider_cli.results import Audited, Failure, Grounding, Record
from spider_cli.shots import Shot
from spider_cli.vocabulary import SEVERITIES

__all__ = ["FIELDS", "Template", "parse_template"]

_Value = str | int | float | None
_SPEC = re.compile(r"(?P<align>[<>^]?)(?P<width>\d{0,3})(?:\.(?P<digits>\d{1,2}))?(?P<kind>[dfs]?)")
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "0": "\0", "e": "\x1b", "\\": "\\"}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.|$)", re.DOTALL)


def _audited(read: Callable[[Audited], _Value]) -> Callable[[Record], _Value]:
    def field(record: Record) -> _Value:
        return read(record.outcome) if isinstance(record.outcome, Audited) else None

    return field


def _failure(read: Callable[[Failure], str]) -> Callable[[Record], _Value]:
    def field(record: Record) -> _Value:
        return read(record.outcome) if isinstance(record.outcome, Failure) else None

    return field


def _distortions(outcome: Audited) -> str:
    found = outcome.description.distortions
    return ", ".join([f"{one.severity} {one.family}" for one in found])


def _worst(outcome: Audited) -> str:
    found = outcome.description.distortions
    if not found:
        return ""
    worst = max(found, key=lambda one: SEVERITIES.index(one.severity))
    return f"{worst.severity} {worst.family}"


def _area(outcome: Audited) -> float | None:
    return outcome.region.area if isinstance(outcome.region, Grounding) else None


def _box(outcome: Audited) -> str:
    box = outcome.region.box if isinstance(outcome.region, Grounding) else None
    return "" if box is None else ",".join(map(str, box))


FIELDS: Mapping[str, Callable[[Record], _Value]] = {
    "answer": _audited(lambda one: one.description.answer),
    "aperture": _audited(lambda one: one.facts.aperture),
    "area": _audited(_area),
    "box": _audited(_box),
    "burst": lambda record: record.burst,
    "camera": _audited(lambda one: one.facts.camera),
    "distortions": _audited(_distortions),
    "error": _failure(lambda one: one.message),
    "error_code": _failure(lambda one: one.code),
    "exposure": _audited(lambda one: one.facts.exposure),
    "flagged": lambda record: ",".join(record.flagged),
    "focal_length": _audited(lambda one: one.facts.focal_length),
    "height": _audited(lambda one: one.facts.height),
    "iso": _audited(lambda one: one.facts.iso),
    "lens": _audited(lambda one: one.facts.lens),
    "level": _audited(lambda one: one.score.level),
    "model": lambda record: record.model,
    "pick": lambda record: "pick" if record.pick else "",
    "region": _audited(lambda one: one.region.answer),
    "revision": lambda record: record.revision,
    "score": _audited(lambda one: getattr(one.score, "score", None)),
    "seconds": lambda record: record.seconds,
    "taken": _audited(lambda one: one.facts.taken),
    "why": _audited(lambda one: one.why),
    "width": _audited(lambda one: one.facts.width),
    "worst": _audited(_worst),
}
"""What a line can hold of a record, beside its paths."""

PATHS: Mapping[str, Callable[[Shot], str]] = {
    "folder": lambda shot: os.fspath(shot.photo.path.parent),
    "name": lambda shot: shot.photo.path.name,
    "photo": lambda shot: os.fspath(shot.photo.path),
    "raw": lambda shot: "" if shot.raw is None else os.fspath(shot.raw.path),
}
"""Paths, byte for byte as the system has them."""

_AT_THE_END = frozenset(("burst", "pick"))


@dataclass(frozen=True, slots=True)
class Template:
    """A line's form, checked."""

    parts: tuple[tuple[str, str | None, str], ...]
    """Text, then a field or None, and how it is formatted."""

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(field for _, field, _ in self.parts if field is not None)

    @property
    def at_the_end(self) -> bool:
        """Does it hold what is known only when all shots are judged?"""
        return not _AT_THE_END.isdisjoint(self.fields)

    @property
    def shows_errors(self) -> bool:
        """Has it a place for what went wrong?"""
        return not {"error", "error_code"}.isdisjoint(self.fields)

    def line(self, shot: Shot, record: Record) -> str:
        """The line of a shot, without an end. Undecodable bytes of paths are surrogate escapes;
        nothing that came out of a photo brings control characters with it."""
        out = []
        for text, field, spec in self.parts:
            out.append(text)
            if field is not None and field in PATHS:
                out.append(_formatted(PATHS[field](shot), spec))
            elif field is not None:
                value = FIELDS[field](record)
                if isinstance(value, str):
                    value = printable(" ".join(value.split()))
                out.append(_formatted(value, spec))
        return "".join(out)


def parse_template(text: str) -> Template:
    r"""Check a line's form.

    ``{{`` and ``}}`` stand for braces; ``\t``, ``\n``, ``\r``, ``\0``, ``\e``, ``\\``, ``\xHH`` and
    ``\uHHHH`` for what they do elsewhere. After a colon: ``<``, ``>`` or ``^``, a width, and for
    numbers the digits after the point: ``{score:>6.1f}``.

    Raises:
        UsageError: an unknown field (the hint names the nearest), anything else in braces, a
            format or an escape that means nothing.
    """
    known = (*FIELDS, *PATHS)
    parts: list[tuple[str, str | None, str]] = []
    try:
        pieces = list(Formatter().parse(text))
    except ValueError as error:
        raise _bad(text, str(error)) from error
    for literal, field, spec, conversion in pieces:
        said = _ESCAPE.sub(_escaped, literal)
        if field is not None:
            if field not in known:
                listed = ", ".join(sorted(known))
                hint = f"{did_you_mean(field, known)}The fields are: {listed}."
                raise _bad(text, f"there is no field {field!r}", hint)
            if conversion or not _SPEC.fullmatch(spec or ""):
                asked = f"!{conversion}" if conversion else f":{spec}"
                raise _bad(text, f"{{{field}{asked}}} is formatted in no way that spider knows")
        parts.append((said, field, spec or ""))
    return Template(tuple(parts))


def _escaped(match: "re.Match[str]") -> str:
    code = match.group(1)
    if len(code) > 1 and not 0xD800 <= int(code[1:], 16) <= 0xDFFF:  # halves of a character
        return chr(int(code[1:], 16))
    if code not in _ESCAPES:
        raise UsageError(
            f"--format: \\{code} is no escape that spider knows",
            hint=r"these are: \t \n \r \0 \e \\ \xHH \uHHHH; \\ stands for a backslash",
            code="bad_format",
        )
    return _ESCAPES[code]


def _bad(text: str, why: str, hint: str = "") -> UsageError:
    return UsageError(
        f"--format {text!r}: {why}",
        hint=hint or r"for example --format '{score:.1f}\t{photo}'; {{ stands for a brace",
        code="bad_format",
    )


def _formatted(value: Any, spec: str) -> str:
    match = _SPEC.fullmatch(spec)
    assert match is not None
    kind, digits = match["kind"], match["digits"]
    if value is None:
        text = ""
    elif isinstance(value, float) and kind == "d":
        text = f"{value:.0f}"
    elif isinstance(value, int | float) and kind != "s" and (digits or kind == "f"):
        text = f"{value:.{digits or 6}f}"
    elif isinstance(value, float):
        text = f"{value:.4g}" if kind != "s" else str(value)
    else:
        text = str(value)
        if digits and kind in ("", "s"):
            text = text[: int(digits)]
    width = match["width"]
    if not width:
        return text
    right = match["align"] == ">" or (not match["align"] and isinstance(value, int | float))
    return f"{text:{'^' if match['align'] == '^' else '>' if right else '<'}{int(width)}}"
