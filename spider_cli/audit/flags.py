"""Conditions on what was found: ``blur:moderate`` is blur that is moderate at least."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spider_cli.errors import UsageError, did_you_mean
from spider_cli.results import Audited, Distortion, Record
from spider_cli.vocabulary import FAMILIES, SEVERITIES, family_named

__all__ = ["ANY_SEVERE", "Flag", "flagged", "parse_flags"]


@dataclass(frozen=True, slots=True)
class Flag:
    """One condition."""

    text: str
    """As it was typed."""
    family: str | None
    """None: any."""
    severity: str
    """The weakest that counts."""

    def holds(self, found: Iterable[Distortion]) -> bool:
        """Is one of the distortions of this family, and as severe at least?"""
        least = SEVERITIES.index(self.severity)
        return any(
            self.family in (None, one.family) and SEVERITIES.index(one.severity) >= least
            for one in found
        )


ANY_SEVERE = (Flag("any:severe", None, "severe"),)
"""What counts where no condition is given."""


def parse_flags(texts: Sequence[str]) -> tuple[Flag, ...]:
    """The conditions in words: families with severities, separated by commas.

    ``family:severity``; without a severity any counts, and ``any`` stands for all families.

    Raises:
        UsageError: an unknown family or severity; the hint names the nearest.
    """
    flags: dict[str, Flag] = {}
    for text in texts:
        for part in text.split(","):
            typed = part.strip()
            if not typed:
                raise UsageError(
                    f"--flag {text!r} has an empty part", hint="--flag blur:moderate,noise:severe"
                )
            family, colon, severity = (one.strip() for one in typed.partition(":"))
            weakest = _severity(severity, typed) if colon else SEVERITIES[0]
            flags.setdefault(typed, Flag(typed, _family(family), weakest))
    return tuple(flags.values())


def flagged(record: Record, flags: Iterable[Flag]) -> tuple[str, ...]:
    """Which conditions hold of a record, as they were typed; none of a failure."""
    if not isinstance(record.outcome, Audited):
        return ()
    found = record.outcome.description.distortions
    return tuple(flag.text for flag in flags if flag.holds(found))


def _family(word: str) -> str | None:
    if word.lower() == "any":
        return None
    try:
        return family_named(word)
    except UsageError as error:
        if word.lower() in SEVERITIES:
            raise UsageError(
                f"--flag names a severity, {word!r}, and no distortion",
                hint=f"--flag any:{word.lower()}, or one of: {', '.join(FAMILIES)}",
                code="unknown_distortion",
            ) from error
        raise


def _severity(word: str, typed: str) -> str:
    if word.lower() in SEVERITIES:
        return word.lower()
    raise UsageError(
        f"unknown severity {word!r} in --flag {typed}",
        hint=f"{did_you_mean(word.lower(), SEVERITIES)}"
        f"The severities are: {', '.join(SEVERITIES)}.",
        code="unknown_severity",
    )
