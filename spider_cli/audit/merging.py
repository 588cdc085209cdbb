"""What a rating becomes in a sidecar that may hold a person's: pure decisions on values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any

from spider_cli.audit.stars import Labels, Stars, Thresholds
from spider_cli.audit.xmp_terms import (
    CAPTURE_ONE_URGENCY,
    DARKTABLE,
    DARKTABLE_LABELS,
    LABEL,
    LABEL_ECHOES,
    MODEL,
    RATING,
    RATING_ECHOES,
    REASONS,
    REVISION,
    SCORE,
    URGENCY,
    WROTE_LABEL,
    WROTE_RATING,
    Colour,
    Name,
    Value,
)

__all__ = ["Decision", "Field", "Kept", "Marks", "Policy", "Program", "Verdict", "decide", "marks"]

_NO_LABEL = frozenset(["", "none", "nocolor"])


class Program(StrEnum):
    """Whose way of writing colour labels."""

    LIGHTROOM = "lightroom"
    """xmp:Label alone: Lightroom, Bridge with Lightroom's names, darktable, digiKam."""
    CAPTURE_ONE = "capture-one"
    """photoshop:Urgency as well. digiKam takes that number for one of its own colours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How scores become ratings, and whose ratings stand."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    labels: Labels = field(default_factory=Labels)
    program: Program = Program.LIGHTROOM
    overwrite: bool = False
    """Replace ratings and labels that a person gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What spider says of one shot.

    Raises:
        ValueError: the score is not within 0-100.
    """

    score: float
    """0-100, higher is better."""
    reasons: tuple[str, ...] = ()
    """What is wrong, in words, the worst first."""
    model: str
    revision: str

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 100:
            raise ValueError(f"a score of {self.score} is not within 0-100")


class Kept(StrEnum):
    """Why a rating or a label stays as it is."""

    PERSON = "a person's"
    CLEARED = "taken away by a person"
    ELSEWHERE = "a person's stands elsewhere"


@dataclass(frozen=True, slots=True)
class Field:
    """A rating or a label: before, after, and why it was kept if it was."""

    before: str
    after: str
    """Empty where there is none."""
    kept: Kept | None = None

    def to_json(self) -> dict[str, Any]:
        return {"before": self.before, "after": self.after, "kept": self.kept and str(self.kept)}


@dataclass(frozen=True, slots=True)
class Decision:
    """What to change in one sidecar."""

    wanted: Mapping[Name, Value | None]
    """For `xmp_edit.edited`."""
    rating: Field
    label: Field


class _Standing(Enum):
    EMPTY = 0
    OURS = 1
    PERSON = 2
    CLEARED = 3
    """spider's was here, and a person took it away."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Whether a person rated or labelled something."""

    rated: bool = False
    labelled: bool = False


def marks(values: Mapping[Name, Value], target: Mapping[Name, Value]) -> Marks:
    """What a person did in one place, as far as another is concerned.

    Args:
        values: the properties of a sidecar, or of a photo.
        target: those of another sidecar of the shot. What spider wrote there may have been copied
            by a program that keeps several places alike; that is no person's doing.
    """

    def person(standing: _Standing, wrote: Name) -> bool:
        return standing is _Standing.PERSON or (standing is _Standing.CLEARED and wrote in values)

    both = {name: target[name] for name in (WROTE_RATING, WROTE_LABEL) if name in target}
    both |= values
    return Marks(
        person(_rating_standing(both), WROTE_RATING), person(_label_standing(both), WROTE_LABEL)
    )


def decide(
    values: Mapping[Name, Value], verdict: Verdict, policy: Policy, *, elsewhere: Marks
) -> Decision:
    """Merge a verdict into a sidecar.

    A rating stands if a person gave it; so does its absence, if a person took spider's away. The
    same holds for the label, by itself. Score and reasons are always spider's own to write.

    Args:
        values: the sidecar's properties; empty for a new one.
        elsewhere: what a person did in other sidecars of the shot, or inside its photos.
    """
    stars = policy.thresholds.stars(verdict.score)
    colour = policy.labels.colour(stars)
    wanted: dict[Name, Value | None] = {}
    before, standing = _shown(values, RATING), _rating_standing(values)
    kept = _kept(standing, elsewhere.rated, policy)
    if kept is None:
        wanted |= _rating(values, stars)
    elif kept is Kept.PERSON:
        wanted[WROTE_RATING] = None
    rating = Field(before, before if kept else str(stars), kept)
    before, standing = _shown(values, LABEL), _label_standing(values)
    kept = _kept(standing, elsewhere.labelled, policy)
    if kept is Kept.PERSON:
        wanted[WROTE_LABEL] = None
        if before and before == values.get(WROTE_LABEL):
            # darktable heeds xmp:Label before its own colours, and never takes it out.
            wanted[LABEL] = None
    elif kept is None and not (colour is None and standing is _Standing.EMPTY):
        wanted |= _label(values, colour, policy.program)
    label = Field(before, str(wanted.get(LABEL, before) or ""), kept)
    wanted |= {
        SCORE: f"{verdict.score:.2f}",
        REASONS: verdict.reasons or None,
        MODEL: verdict.model or None,
        REVISION: verdict.revision or None,
    }
    return Decision(wanted, rating, label)


def _kept(standing: _Standing, elsewhere: bool, policy: Policy) -> Kept | None:
    if policy.overwrite:
        return None
    if standing is _Standing.PERSON:
        return Kept.PERSON
    if standing is _Standing.CLEARED:
        return Kept.CLEARED
    return Kept.ELSEWHERE if elsewhere else None


def _rating_standing(values: Mapping[Name, Value]) -> _Standing:
    now, wrote = _number(values.get(RATING)), _number(values.get(WROTE_RATING))
    ours = wrote is not None and now == wrote
    persons = now not in (None, 0.0) and not ours
    for name, of in RATING_ECHOES.items():
        echo = _number(values.get(name))
        if echo is not None and echo != 0.0:
            persons |= min(of, key=lambda stars: abs(float(of[stars]) - echo)) != wrote
    return _standing(wrote is not None, ours, persons)


def _label_standing(values: Mapping[Name, Value]) -> _Standing:
    now, wrote = _shown(values, LABEL), values.get(WROTE_LABEL)
    ours = wrote is not None and now == wrote
    persons = now.casefold() not in _NO_LABEL and not ours
    for name, of in LABEL_ECHOES.items():
        persons |= values.get(name, "") not in ("", "0", "none", (), _of(of, wrote))
    return _standing(wrote is not None, ours, persons)


def _standing(wrote: bool, ours: bool, persons: bool) -> _Standing:
    if persons:
        return _Standing.PERSON
    if ours:
        return _Standing.OURS
    return _Standing.CLEARED if wrote else _Standing.EMPTY


def _rating(values: Mapping[Name, Value], stars: Stars) -> dict[Name, Value | None]:
    wanted: dict[Name, Value | None] = {RATING: str(stars), WROTE_RATING: str(stars)}
    wanted |= {name: of[stars] for name, of in RATING_ECHOES.items() if name in values}
    return wanted


def _label(
    values: Mapping[Name, Value], colour: Colour | None, program: Program
) -> dict[Name, Value | None]:
    label = None if colour is None else str(colour)
    wanted: dict[Name, Value | None] = {LABEL: label, WROTE_LABEL: label}
    darktables = any(namespace == DARKTABLE for namespace, _ in values)
    for name, of in LABEL_ECHOES.items():
        if name in values or (name == DARKTABLE_LABELS and darktables):
            wanted[name] = _of(of, label)
    # An urgency that says something else than the label is a news desk's, and none of ours.
    tag, now = values.get(URGENCY), _of(CAPTURE_ONE_URGENCY, values.get(LABEL))
    if tag == now if tag is not None else program is Program.CAPTURE_ONE:
        wanted[URGENCY] = _of(CAPTURE_ONE_URGENCY, label)
    return wanted


def _of(of: Mapping[str, Value], label: Value | None) -> Value | None:
    """What an echo holds for a label; None where it has no way to say it."""
    return of.get(label) if isinstance(label, str) else None


def _shown(values: Mapping[Name, Value], name: Name) -> str:
    value = values.get(name, "")
    return value if isinstance(value, str) else ", ".join(value)


def _number(value: Value | None) -> float | None:
    """None where there is nothing; NaN, which equals no rating, for what is no number."""
    if value is None or value in ("", ()):
        return None
    try:
        return float(value) if isinstance(value, str) else float("nan")
    except ValueError:
        return float("nan")
