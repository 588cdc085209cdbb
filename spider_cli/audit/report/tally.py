"""What the charts of a report need of its shots: counts, however many shots there are."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from spider_cli.audit.entry import Entry
from spider_cli.audit.report.cards import faults_of, score_of
from spider_cli.audit.report.facts_line import moment
from spider_cli.results import Audited
from spider_cli.vocabulary import SEVERITIES

__all__ = ["BINS", "Counts", "Tally"]

BINS = 20
"""Of the histogram; each is 5 points wide, the last one holds 100 as well."""


@dataclass(slots=True)
class Counts:
    """Photos by the worst severity of their faults: none, mild, moderate, severe."""

    by_badness: list[int] = field(default_factory=lambda: [0] * (len(SEVERITIES) + 1))

    @property
    def total(self) -> int:
        return sum(self.by_badness)

    @property
    def faulty(self) -> int:
        """With any fault."""
        return self.total - self.by_badness[0]


@dataclass(slots=True)
class Tally:
    """Counts of a shoot, shot by shot."""

    photos: int = 0
    failed: int = 0
    flagged: int = 0
    bursts: set[int] = field(default_factory=set)
    scores: list[int] = field(default_factory=lambda: [0] * BINS)
    sum_of_scores: float = 0.0
    hours: defaultdict[datetime, Counts] = field(default_factory=lambda: defaultdict(Counts))
    """By the hour in which they were taken."""
    lenses: defaultdict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    models: set[str] = field(default_factory=set)

    @property
    def scored(self) -> int:
        return sum(self.scores)

    def add(self, entry: Entry) -> None:
        self.photos += 1
        self.flagged += bool(entry.flagged)
        if entry.burst is not None:
            self.bursts.add(entry.burst)
        self.models.add(entry.record.model)
        found = entry.record.outcome
        if not isinstance(found, Audited):
            self.failed += 1
            return
        score = score_of(found)
        if score is not None:
            self.scores[min(int(score * BINS / 100), BINS - 1)] += 1
            self.sum_of_scores += score
        faults = faults_of(found)
        known = bool(faults) and faults[0].severity in SEVERITIES
        badness = SEVERITIES.index(faults[0].severity) + 1 if known else int(bool(faults))
        taken = moment(found.facts.taken)
        if taken is not None:
            self.hours[taken.replace(minute=0, second=0)].by_badness[badness] += 1
        if found.facts.lens:
            self.lenses[found.facts.lens].by_badness[badness] += 1
