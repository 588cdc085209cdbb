"""The ratings of a run: every shot that has a number gets its sidecar, and a line about it."""

from dataclasses import dataclass
from typing import Any

from spider_cli.audit.merging import Policy, Verdict
from spider_cli.audit.ratings import Plan, apply, journal_file, plan
from spider_cli.audit.sidecar_names import Folders, Naming
from spider_cli.audit.undo import Journal, Run
from spider_cli.errors import PhotoError
from spider_cli.results import Audited, Record, Score
from spider_cli.shots import Shot
from spider_cli.vocabulary import SEVERITIES

__all__ = ["Rated", "Rater", "verdict_of"]


@dataclass(frozen=True, slots=True)
class Rated:
    """What was done about a shot's sidecars, or would be."""

    shot: Shot
    plan: Plan

    def to_json(self) -> dict[str, Any]:
        return {
            "photo": self.shot.photo.name,
            "sidecars": [one.to_json() for one in self.plan.sidecars],
        }


class Rater:
    """Writes ratings, shot by shot, on the thread that made it. A context manager.

    Args:
        policy: how scores become ratings, and whose stand.
        naming: how new sidecars are called.
        dry_run: write nothing.

    Raises:
        UsageError: the journal, by which ratings are taken back, cannot be used.
    """

    def __init__(self, policy: Policy, naming: Naming, *, dry_run: bool) -> None:
        self._policy = policy
        self._naming = naming
        self._folders = Folders()
        self._journal = None if dry_run else Journal(journal_file())
        self._run = None if self._journal is None else Run(self._journal)
        self.written = 0
        """Sidecars that were written."""
        self.unnumbered = 0
        """Shots that were judged in words alone, and so have no rating."""

    def __enter__(self) -> "Rater":
        return self

    def __exit__(self, *_: object) -> None:
        if self._journal is not None:
            self._journal.close()

    def rate(self, shot: Shot, record: Record) -> Rated | None:
        """Write a shot's rating; None where the record has no score.

        Raises:
            PhotoError: a sidecar is broken, or cannot be read or written.
            UsageError: the journal takes no notes; nothing was written.
        """
        verdict = verdict_of(record)
        if verdict is None:
            self.unnumbered += isinstance(record.outcome, Audited)
            return None
        paths = [one.path for one in (shot.raw, shot.photo) if one is not None]
        planned = plan(paths, verdict, self._policy, self._folders, naming=self._naming)
        if self._run is not None:
            try:
                apply(planned, self._run)
            except PhotoError as error:
                raise PhotoError(
                    f"{shot.photo.name}: {error.message}", hint=error.hint, code=error.code
                ) from error
            self.written += sum(one.changed for one in planned.sidecars)
        return Rated(shot, planned)


def verdict_of(record: Record) -> Verdict | None:
    """What ratings take of a record; None of a failure, and where there is no number."""
    outcome = record.outcome
    if not isinstance(outcome, Audited) or not isinstance(outcome.score, Score):
        return None
    found = sorted(
        outcome.description.distortions,
        key=lambda one: SEVERITIES.index(one.severity),
        reverse=True,
    )
    reasons = [f"{one.severity} {one.family}" for one in found]
    return Verdict(
        score=outcome.score.score,
        reasons=(*reasons, *outcome.description.other),
        model=record.model,
        revision=record.revision,
    )
