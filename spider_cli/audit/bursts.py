"""Bursts: shots so like each other that one of them is enough, the best first."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TypeAlias

from spider_cli.patterns import natural_key
from spider_cli.results import Audited, Record, Score
from spider_cli.vocabulary import LEVEL_WEIGHTS, LEVELS

__all__ = ["bursts"]

# Distances are bits of 64 that differ between two hashes. Of different photos, 18 is rare and 32
# usual; held by hand, one frame and the next differ in up to 16 (tests/spider_cli/audit/
# test_bursts_of_photos.py).
_CLOSE = 2.0
"""Seconds between shots of one burst that may look as different as a hand moves."""
_LIKE_CLOSE = 16
_LATER = 20.0
"""Seconds between shots that are one burst if hardly anything moved."""
_LIKE_LATER = 10
_LONGEST = 60.0
"""Seconds from a burst's first shot to its last."""
_OPEN = 8
"""Bursts of a camera that may still go on, the latest ones."""
_LIKE_UNTIMED = 6
_NUMBERS_APART = 3
"""Between the file names of untimed shots of one burst."""
_ALIKE_SCORES = 5.0
"""Points that a score may change by when nothing changed that anybody sees."""

_NameKey: TypeAlias = tuple[list[int | str], str]


@dataclass(frozen=True, slots=True)
class _Shot:
    """What bursts need to know of a record."""

    index: int
    name: _NameKey
    camera: tuple[str, str]
    moment: float | None
    """Seconds, by the camera's clock."""
    size: tuple[int, int]
    look: int
    score: float
    focus: float

    def __lt__(self, other: "_Shot") -> bool:
        return self.order < other.order

    @property
    def order(self) -> tuple[float, _NameKey, int]:
        moment = float("inf") if self.moment is None else self.moment
        return moment, self.name, self.index

    def unlike(self, other: "_Shot") -> int:
        return (self.look ^ other.look).bit_count()


def bursts(records: Iterable[Record]) -> list[list[int]]:
    """Group shots of one camera that were taken shortly after one another and look alike.

    A shot belongs to a burst if it looks like the burst's latest shot and like its first: shots
    that turn away little by little, as in a pan, become several bursts. Where the camera told no
    time, only shots of one folder, one size and neighbouring file names that look all but the
    same are a burst. Records that failed, or whose look is not known, are in none.

    Within a burst the better score comes first; but scores within five points of the best are
    held for equal, and of those the sharpest comes first (`Facts.focus`), then the next one.

    Args:
        records: of the command ``audit``, in any order, which changes nothing but the numbers; of
            each a few numbers are kept.

    Returns:
        Numbers of `records`, from 0: for each burst of two or more, its shots, the best first.
        Bursts in the order of their first shots' times; those without times last, by their names.
    """
    timed: dict[tuple[str, str], list[_Shot]] = defaultdict(list)
    untimed: dict[str, list[_Shot]] = defaultdict(list)
    for index, record in enumerate(records):
        shot = _shot(index, record)
        if shot is None:
            continue
        if shot.moment is None:
            untimed[str(PurePosixPath(record.photo).parent)].append(shot)
        else:
            timed[shot.camera].append(shot)
    groups = [group for shots in timed.values() for group in _in_time(sorted(shots))]
    groups += [group for shots in untimed.values() for group in _by_name(sorted(shots))]
    groups = sorted((group for group in groups if len(group) > 1), key=lambda group: group[0])
    return [[shot.index for shot in _ranked(group)] for group in groups]


def _shot(index: int, record: Record) -> _Shot | None:
    outcome = record.outcome
    if not isinstance(outcome, Audited):
        return None
    facts, found = outcome.facts, outcome.score
    if facts.look is None:
        return None
    moment = None
    with suppress(ValueError, TypeError):
        local = datetime.fromisoformat(facts.taken or "").replace(tzinfo=None)
        moment = (local - datetime(1970, 1, 1)).total_seconds()
    if isinstance(found, Score):
        score = found.score
    else:
        score = 100 * dict(zip(LEVELS, LEVEL_WEIGHTS, strict=True)).get(found.level, 0.0)
    return _Shot(
        index=index,
        name=natural_key(record.photo),
        camera=(facts.camera or "", facts.serial or ""),
        moment=moment,
        size=(facts.width, facts.height),
        look=int(facts.look, 16),
        score=score,
        focus=-1.0 if facts.focus is None else facts.focus,
    )


def _in_time(shots: Sequence[_Shot]) -> list[list[_Shot]]:
    """One camera's shots, in order, as groups in order; each shot is in one."""
    groups: list[list[_Shot]] = []
    going: list[list[_Shot]] = []  # the one that was added to last is last
    for shot in shots:
        going = [group for group in going if _seconds(group[-1], shot) <= _LATER]
        fitting = [group for group in going if _goes_on(group, shot)]
        if fitting:
            group = min(reversed(fitting), key=lambda group: group[-1].unlike(shot))
            going.remove(group)
        else:
            group = []
            groups.append(group)
        group.append(shot)
        going = [*going, group][-_OPEN:]
    return groups


def _goes_on(group: Sequence[_Shot], shot: _Shot) -> bool:
    first, latest = group[0], group[-1]
    if _seconds(first, shot) > _LONGEST:
        return False
    like = _LIKE_CLOSE if _seconds(latest, shot) <= _CLOSE else _LIKE_LATER
    return latest.unlike(shot) <= like and first.unlike(shot) <= _LIKE_CLOSE


def _seconds(earlier: _Shot, later: _Shot) -> float:
    assert earlier.moment is not None and later.moment is not None, "timed shots"
    return later.moment - earlier.moment


def _by_name(shots: Sequence[_Shot]) -> list[list[_Shot]]:
    """A folder's shots without time, in order, as groups in order; each shot is in one."""
    groups = [[shot] for shot in shots[:1]]
    for before, shot in pairwise(shots):
        if (
            shot.size == before.size
            and _neighbours(before.name, shot.name)
            and max(shot.unlike(before), shot.unlike(groups[-1][0])) <= _LIKE_UNTIMED
        ):
            groups[-1].append(shot)
        else:
            groups.append([shot])
    return groups


def _neighbours(one: _NameKey, other: _NameKey) -> bool:
    """Whether file names follow each other, "IMG_7.jpg" and "IMG_9.jpg", or one is the other's with
    something more: "IMG_7.jpg" and "IMG_7-edited.jpg"."""
    parts, others = one[0], other[0]
    differ = [
        place for place, pair in enumerate(zip(parts, others, strict=False)) if len({*pair}) > 1
    ]
    if len(parts) == len(others) and len(differ) == 1:
        number, another = parts[differ[0]], others[differ[0]]
        if isinstance(number, int) and isinstance(another, int):
            return abs(number - another) <= _NUMBERS_APART
    short, long = sorted((PurePosixPath(name[1]).stem for name in (one, other)), key=len)
    return bool(short) and long.startswith(short) and not long[len(short) :][:1].isdigit()


def _ranked(group: Sequence[_Shot]) -> list[_Shot]:
    by_score = sorted(group, key=lambda shot: (-shot.score, shot.order))
    ranked: list[_Shot] = []
    alike: list[tuple[float, int]] = []
    seen = 0
    taken: set[int] = set()
    for place, best in enumerate(by_score):
        while place not in taken:
            while seen < len(group) and by_score[seen].score >= best.score - _ALIKE_SCORES:
                heappush(alike, (-by_score[seen].focus, seen))
                seen += 1
            sharpest = heappop(alike)[1]
            taken.add(sharpest)
            ranked.append(by_score[sharpest])
    return ranked
