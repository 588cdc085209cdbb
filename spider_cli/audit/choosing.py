"""Which shots of an audit are shown, in which order, and which are worth keeping."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from spider_cli.errors import UsageError, did_you_mean
from spider_cli.patterns import natural_key
from spider_cli.results import Audited, Record, Score
from spider_cli.shots import Shot
from spider_cli.vocabulary import SEVERITIES

__all__ = ["SORTS", "Choice", "Summary", "sort_key", "summed_up"]


@dataclass(slots=True)
class Summary:
    """What is remembered of a shot until the end of the run."""

    number: int
    """Of its record (`spool.Spool`)."""
    shot: Shot
    failed: bool
    score: float | None
    """None: failed, or in words alone."""
    severity: int
    """Of the worst distortion: 0 none, 3 severe."""
    taken: str | None
    flagged: tuple[str, ...]
    burst: int | None = None
    pick: bool = False
    bursts_known: bool = False

    def keeps(self, at_least: float | None, *, picks: bool) -> bool:
        """Is the shot worth keeping: judged, not flagged, and good enough?

        Args:
            at_least: the lowest score that is; what has no number is not.
            picks: of bursts only the best.
        """
        if self.failed or self.flagged or (picks and not self.pick):
            return False
        return at_least is None or (self.score is not None and self.score >= at_least)


def summed_up(number: int, shot: Shot, record: Record) -> Summary:
    """The summary of a record."""
    outcome = record.outcome
    if not isinstance(outcome, Audited):
        return Summary(number, shot, True, None, 0, None, ())
    found = outcome.description.distortions
    return Summary(
        number,
        shot,
        failed=False,
        score=outcome.score.score if isinstance(outcome.score, Score) else None,
        severity=max((SEVERITIES.index(one.severity) + 1 for one in found), default=0),
        taken=outcome.facts.taken,
        flagged=record.flagged,
    )


Key = Callable[[Summary], Any]

_SORTS: dict[str, Key] = {
    "path": lambda one: natural_key(one.shot.photo.name),
    "score": lambda one: -(one.score or 0.0),
    "severity": lambda one: -one.severity,
    "taken": lambda one: one.taken or "",
}
SORTS: tuple[str, ...] = tuple(_SORTS)
"""Orders by name: paths as people count, best scores first, worst distortions first, earliest
first."""


def sort_key(name: str) -> "Order":
    """The order of a name in `SORTS`, turned round with a ``-`` before it.

    Raises:
        UsageError: an unknown name; the hint names the nearest.
    """
    plain = name.strip().lower()
    key = plain.removeprefix("-")
    if key not in _SORTS:
        raise UsageError(
            f"--sort {name}: there is no such order",
            hint=f"{did_you_mean(key, SORTS)}The orders are: {', '.join(SORTS)}; "
            "a - before it turns it round.",
            code="unknown_order",
        )
    return Order(key, plain.startswith("-"))


@dataclass(frozen=True, slots=True)
class Order:
    """An order of shots; those that have nothing to be sorted by come last either way."""

    key: str
    reverse: bool = False

    def sorted(self, shots: Iterable[Summary]) -> list[Summary]:
        """The shots in order; equal ones as they were."""
        known: list[Summary] = []
        unknown: list[Summary] = []
        for one in shots:
            lacks = one.failed or (
                (self.key == "score" and one.score is None)
                or (self.key == "taken" and one.taken is None)
            )
            (unknown if lacks and self.key != "path" else known).append(one)
        return [*sorted(known, key=_SORTS[self.key], reverse=self.reverse), *unknown]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which shots are shown."""

    order: Order | None = None
    top: int | None = None
    only_flagged: bool = False
    best_of_burst: bool = False
    fail_under: float | None = None

    @property
    def at_the_end(self) -> bool:
        """Can it be told only when all shots are judged?"""
        return self.order is not None or self.top is not None or self.best_of_burst

    def shows(self, shot: Summary) -> bool:
        """Is it shown? Failures always are: nothing is lost in silence."""
        if shot.failed:
            return True
        if self.best_of_burst and shot.bursts_known and not shot.pick:
            return False
        return bool(shot.flagged) or not self.only_flagged

    def shown(self, shots: Sequence[Summary]) -> list[Summary]:
        """The shots that are shown, in order; with `top` the best of them, and failures."""
        return self._ordered([one for one in shots if self.shows(one)])

    def keepers(self, shots: Sequence[Summary]) -> list[Summary]:
        """The shots worth keeping, in order; with `top` the best of them."""
        picks = self.best_of_burst
        kept = [one for one in shots if one.keeps(self.fail_under, picks=picks)]
        return self._ordered(kept)

    def _ordered(self, shots: list[Summary]) -> list[Summary]:
        if self.top is not None:
            best = Order("score").sorted(one for one in shots if not one.failed)[: self.top]
            failures = [one for one in shots if one.failed]
            chosen = {one.number for one in best}
            if self.order is None:
                return [*best, *failures]
            shots = [one for one in shots if one.number in chosen or one.failed]
        return shots if self.order is None else self.order.sorted(shots)
