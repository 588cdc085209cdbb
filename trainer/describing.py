"""Task 1: the whole photo, every region in turn, the most degraded first."""

from trainer import shapes
from trainer.rows import QA, USUAL, Text, agreeing, capital, others_of, truth_of
from trainer.templates import draw, pick
from trainer.truth import Applied
from trainer.wording import Part, Wording

__all__ = ["describe"]

_LONG_SHARE = 0.3
"""Chance that a description tells the effects too."""
_JOINED_SHARE = 0.12
"""Chance that several regions share one sentence."""
_LABEL_SHARE = 0.6
"""Chance that a region whose name is known is called by it."""


def describe(wording: Wording) -> QA:
    """The question of task 1 with its answer."""
    sample, rng = wording.sample, wording.rng
    text = Text(sample)
    long = rng.random() < _LONG_SHARE
    shown: tuple[Applied, ...] = ()
    subtask = "clean"
    if sample.regions:
        # Stable: of two that are as bad the first one found comes first.
        parts = sorted(wording.regions, key=_badness)
        if len(parts) > 1 and not long and rng.random() < _JOINED_SHARE:
            _write_joined(text, parts, wording)
        else:
            for part in parts:
                _write_region(text, part, wording, long=long)
        if sample.complete:
            text.write(pick(shapes.REST, rng, USUAL))
        shown, subtask = tuple(a for part in parts for a in part.distortions), "regions"
    elif sample.whole:
        pattern = agreeing(pick(shapes.WHOLE, rng, USUAL), sample.whole)
        text.write(_filled(pattern, wording.whole, wording, long=long))
        shown, subtask = sample.whole, "whole"
    else:
        text.write(pick(shapes.CLEAN_IMAGE, rng, USUAL))
    return QA(
        "describe",
        draw("describe", rng),
        text.text,
        truth_of(shown),
        spans=tuple(text.spans),
        subtask=subtask,
        other=others_of(shown),
    )


def _badness(part: Part) -> float:
    return -sum(applied.level for applied in part.distortions)


def _write_region(text: Text, part: Part, wording: Wording, *, long: bool) -> None:
    rng = wording.rng
    called = bool(part.label) and rng.random() < _LABEL_SHARE
    if called:
        pattern = pick(shapes.LABELLED_REGION, rng, 0.5)
        pattern = pattern.replace("{label}", part.label)
    else:
        pattern = pick(shapes.REGION, rng, USUAL)
    pattern = agreeing(pattern, part.distortions)
    text.write(_filled(pattern, part, wording, long=long, name=not called), part.region)


def _filled(pattern: str, part: Part, wording: Wording, *, long: bool, name: bool = True) -> str:
    """The pattern with its list; with effects where the list comes last, else after it."""
    if long and pattern.endswith("{list}."):
        return pattern.replace("{list}", wording.long(part, name=name))
    words = wording.short(part)
    pattern = pattern.replace("{list}", words).replace("{List}", capital(words))
    return f"{pattern} {wording.explained(part, name=name)}" if long else pattern


def _write_joined(text: Text, parts: list[Part], wording: Wording) -> None:
    """Return "On the top left there is severe noise, while on the bottom right there is ..."."""
    joints = ("; ", ", while ", ", and ")
    joint = joints[int(wording.rng.integers(len(joints)))]
    for number, part in enumerate(parts):
        pattern = agreeing("on {place} there {is} ", part.distortions) + wording.short(part)
        pattern = pattern if number else capital(pattern)
        # "while" once, then lists as usual.
        between = joint if number < 2 or joint == "; " else ", and "
        text.write(pattern, part.region, joint=between)
    text.write(".", joint="")
