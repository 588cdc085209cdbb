"""Names of distortions as outside data spell them, and the levels beside them."""

from collections.abc import Sequence
from functools import cache

from spider_cli.errors import UsageError, did_you_mean
from spider_cli.phrases import other_of_phrase
from spider_cli.vocabulary import FAMILIES, family_named
from trainer.datasets.fields import Fields, shown
from trainer.distortions import AUTHENTIC, TYPES, severity_of
from trainer.truth import Applied

__all__ = ["MOST", "distorted", "distortion_lists", "level_in", "one_distortion"]

_RENAMED = {
    "compression_jpeg_2000": "compression_jpeg2000",
    "quantization_hist": "quantization_histogram",
    **{
        f"brightness_{way}_{how}_{space}": f"{way}_{how.replace('shfit', 'shift')}_{space}"
        for way in ("brighten", "darken")
        for how in ("shfit", "shift", "gamma")
        for space in ("hsv", "rgb")
    },
}
"""What DQ-495K calls a type ("shfit" is how it is spelt there) -> what we call it."""

MOST = 2
"""Distortions that one place may have."""

_FAMILY_RENAMED = {"brightness_brighten": "brighten", "brightness_darken": "darken"}


def distorted(fields: Fields, field: str, name: str, level: float) -> Applied:
    """One distortion by any of its names: a type, a family, a camera's fault, a plain name.

    Spaces, ``_`` and ``-`` are the same, and case does not matter.

    Args:
        fields: the record, for messages.
        field: where `name` stands.
        level: 1-5, see `level_in`.

    Raises:
        UsageError: no distortion is called that; the hint names the nearest.
    """
    plain = "_".join(name.lower().replace("-", " ").replace("_", " ").split())
    severity = severity_of(level)
    kind = _RENAMED.get(plain, plain)
    if kind in _types():
        return Applied(_types()[kind], kind, level, severity)
    if kind in AUTHENTIC:
        family, other = AUTHENTIC[kind]
        return Applied(family, kind, level, severity, other)
    try:
        return Applied(family_named(_FAMILY_RENAMED.get(plain, name)), "", level, severity)
    except UsageError as error:
        spaced = plain.replace("_", " ")
        try:
            return Applied("", "", level, severity, other_of_phrase(spaced))
        except ValueError:
            hint = did_you_mean(plain, _known(), cutoff=0.6).strip() or error.hint
            fields.fail(
                field, f"unknown distortion {shown(name)}", hint=hint, code="unknown_distortion"
            )


def level_in(fields: Fields, field: str, value: float) -> float:
    """`value` if it is a level, 1-5; an error otherwise."""
    if not 1 <= value <= 5:
        fields.fail(
            field,
            f"is {value:g}, not a level",
            hint="levels go from 1 (just visible) to 5",
            code="bad_severity",
        )
    return value


def distortion_lists(fields: Fields, families: str, names: str, levels: str) -> tuple[Applied, ...]:
    """Distortions of three lists that go together: families, types, levels.

    Args:
        families, names, levels: the fields that hold them. The types may be missing or null.
    """
    family_list = fields.texts(families)
    if len(family_list) > MOST:
        fields.fail(families, f"has {len(family_list)} distortions; one or two go together")
    level_list = fields.numbers(levels)
    name_list = fields.texts(names) if fields.has(names) else ()
    for field, count in ((levels, len(level_list)), (names, len(name_list))):
        if count != len(family_list) and not (field == names and not fields.has(names)):
            fields.fail(field, f"has {count} items where {families} has {len(family_list)}")
    found: list[Applied] = []
    for index, (family, level) in enumerate(zip(family_list, level_list, strict=True)):
        checked = level_in(fields, f"{levels}[{index}]", level)
        one = distorted(fields, f"{families}[{index}]", family, checked)
        if name_list:
            one = _named(fields, one, f"{names}[{index}]", name_list[index])
        found.append(one)
    _check_once(fields, families, found)
    return tuple(found)


def one_distortion(fields: Fields, family: str, name: str, level: str) -> tuple[Applied, ...]:
    """The same where each field holds one distortion instead of a list."""
    checked = level_in(fields, level, fields.number(level))
    one = distorted(fields, family, fields.text(family), checked)
    if fields.has(name):
        one = _named(fields, one, name, fields.text(name))
    return (one,)


def _named(fields: Fields, one: Applied, field: str, name: str) -> Applied:
    """`one`, its type as `name` says, which must be of the same family."""
    typed = distorted(fields, field, name, one.level)
    if (typed.family, typed.other) != (one.family, one.other):
        fields.fail(
            field,
            f"{shown(name)} is {typed.family or typed.other}, not {one.family or one.other}",
            code="unknown_distortion",
        )
    return typed


def _check_once(fields: Fields, field: str, found: Sequence[Applied]) -> None:
    nouns = [one.family or one.other for one in found]
    for index, noun in enumerate(nouns):
        if noun in nouns[:index]:
            fields.fail(f"{field}[{index}]", f"names {noun} twice", code="unknown_distortion")


@cache
def _types() -> dict[str, str]:
    return {kind: family for family, kinds in TYPES.items() for kind in kinds}


@cache
def _known() -> tuple[str, ...]:
    return (*FAMILIES, *_types(), *_RENAMED, *AUTHENTIC)
