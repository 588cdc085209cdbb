"""Distortions as the record has them: names, levels, words, and orders that can be seen."""

from collections.abc import Sequence

from spider_cli.errors import UsageError
from spider_cli.results import Distortion
from spider_cli.vocabulary import FAMILIES, SEVERITIES
from trainer.annotate import ORDERS
from trainer.distortions import AUTHENTIC, family_of, other_of, severity_of
from trainer.truth import Applied
from trainer.verify.findings import Record, shown

__all__ = ["in_words", "order_of", "read_distortions", "telling", "truth_in_words"]

MOST = 2
"""Distortions that one region may have where they were put there by us."""


def read_distortions(
    records: Sequence[Record], report_at: Record, field: str, *, made: bool, ordered: bool
) -> tuple[Applied, ...] | None:
    """Check a list of distortions; None when one of them cannot be understood.

    Args:
        records: the distortions.
        report_at: the record that has the list, in `field`.
        made: they were put there by us, so types are known and there are at most two.
        ordered: the order of two is said to be visible.
    """
    read = [_one(record, made=made) for record in records]
    if made and len(read) > MOST:
        report_at.report.say(
            field, "too_many", f"has {len(read)} distortions, expected at most {MOST}"
        )
    if any(one is None for one in read):
        return None
    applied = tuple(one for one in read if one is not None)
    if ordered and len(applied) == MOST:
        first, second = applied
        if second.family not in ORDERS.get(first.family, ()):
            turned = first.family in ORDERS.get(second.family, ())
            report_at.report.say(
                field,
                "order",
                f"are {order_of(applied)}, an order that no viewer can tell"
                + (f"; expected {order_of(applied[::-1])}" if turned else ""),
            )
    return applied


def _one(record: Record, *, made: bool) -> Applied | None:
    say = record.report.say
    family, kind = record.text("family"), record.text("type")
    severity, other = record.text("severity"), record.text("other")
    level = record.number("level")
    if family is None or kind is None or severity is None or other is None or level is None:
        return None
    known = True
    if bool(family) == bool(other):
        both = "both have names" if family else "are both empty"
        say("family", "unknown_distortion", f"and other {both}, expected one of the two")
        known = False
    if family and family not in FAMILIES:
        say("family", "unknown_distortion", f"is {shown(family)}, no family of distortions")
        known = False
    if kind:
        known = _fitting(record, family, kind, other) and known
    elif made:
        say("type", "unknown_distortion", "is empty, expected a type of distortion")
        known = False
    if severity not in SEVERITIES:
        say("severity", "bad_severity", f"is {shown(severity)}, expected {_or(SEVERITIES)}")
        known = False
    if not 1 <= level <= 5:
        say("level", "bad_level", f"is {level:g}, expected 1 to 5")
        known = False
    elif severity in SEVERITIES and severity_of(level) != severity:
        say(
            "severity",
            "bad_severity",
            f"is {severity}, expected {severity_of(level)} for level {level:g}",
        )
    return Applied(family, kind, level, severity, other) if known else None


def _fitting(record: Record, family: str, kind: str, other: str) -> bool:
    """The type is known, and one of its family."""
    say = record.report.say
    try:
        own, own_other = family_of(kind), other_of(kind)
    except UsageError as error:
        nearest = error.hint.partition("? ")[0] if error.hint.startswith("did") else ""
        say(
            "type",
            "unknown_distortion",
            f"is {shown(kind)}, no type of distortion" + (f"; {nearest}?" if nearest else ""),
        )
        return False
    if own != family:
        expected = shown(own) if own else f"none, as {kind} is {AUTHENTIC[kind][1]}"
        say("family", "wrong_family", f"is {shown(family)}, expected {expected} for type {kind}")
        return False
    if own_other != other:
        say("other", "wrong_other", f"is {shown(other)}, expected {shown(own_other)}")
        return False
    return True


def telling(shown_here: Sequence[Applied]) -> tuple[dict[str, str], set[str]]:
    """What an answer about these must say: family -> strongest severity, and the other names."""
    families: dict[str, str] = {}
    for one in shown_here:
        if one.family:
            before = families.get(one.family, one.severity)
            families[one.family] = max(before, one.severity, key=SEVERITIES.index)
    return families, {one.other for one in shown_here if one.other}


def in_words(families: dict[str, str], others: set[str]) -> str:
    """What `telling` gives, for a message."""
    words = [f"{severity} {family}" for family, severity in families.items()]
    return ", ".join([*words, *sorted(others)]) or "nothing"


def truth_in_words(truth: Sequence[Distortion], others: Sequence[str]) -> str:
    """A row's truth, for a message."""
    return in_words({one.family: one.severity for one in truth}, set(others))


def order_of(applied: Sequence[Applied]) -> str:
    """Return "blur, then noise"."""
    return ", then ".join(one.family or one.other for one in applied)


def _or(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
