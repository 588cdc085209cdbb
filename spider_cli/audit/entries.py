"""All shots of a finished audit, read one by one as often as is asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from spider_cli.audit.choosing import Summary
from spider_cli.audit.entry import Entry, Preview
from spider_cli.audit.spool import Spool
from spider_cli.results import Audited, Grounding, Mask, Record
from spider_cli.shots import Shot

if TYPE_CHECKING:
    from spider_cli.audit.state import State

__all__ = ["Entries", "mark_bursts"]


@dataclass(frozen=True)
class Entries:
    """Shots in the order in which they are shown; memory does not grow with them.

    Args:
        shown: the shots.
        spool: their records.
        state: has the previews that were made.
    """

    shown: Sequence[Summary]
    spool: Spool
    state: "State"

    def __len__(self) -> int:
        return len(self.shown)

    def __iter__(self) -> Iterator[Entry]:
        for one, record in zip(self.shown, self.records(), strict=True):
            preview = partial(_preview, self.state, one.shot, _mask(record))
            yield Entry(record, one.flagged, one.burst, one.pick, preview)

    def records(self) -> Iterator[Record]:
        """Their records, each with its burst where bursts are known."""
        for one in self.shown:
            yield told(one, self.spool[one.number])


def told(one: Summary, record: Record) -> Record:
    """A record with what is known of the shot among the others."""
    if one.failed or not one.bursts_known:
        return record
    return replace(record, burst=one.burst, pick=one.pick)


def mark_bursts(shots: Sequence[Summary], spool: Spool) -> None:
    """Find the bursts, and note them on the summaries.

    Args:
        shots: all of the run.
    """
    from spider_cli.audit.bursts import bursts

    for one in shots:
        one.burst, one.pick, one.bursts_known = None, not one.failed, True
    for number, group in enumerate(bursts(spool[one.number] for one in shots), 1):
        for place, index in enumerate(group):
            shots[index].burst, shots[index].pick = number, place == 0


def _mask(record: Record) -> Mask | None:
    outcome = record.outcome
    if isinstance(outcome, Audited) and isinstance(outcome.region, Grounding):
        return outcome.region.mask
    return None


def _preview(state: "State", shot: Shot, mask: Mask | None) -> Preview | None:
    from spider_cli.audit.report.preview import preview_again

    return state.preview(shot.photo.path) or preview_again(shot.photo, mask)
