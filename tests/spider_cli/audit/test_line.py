"""Known shots between those that must be judged: in order, streamed, bounded, all kept."""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from spider_cli.audit.arriving import arriving
from spider_cli.audit.judging import Judged
from spider_cli.audit.line import Line
from spider_cli.results import Record
from spider_cli.shots import Shot
from spider_cli.sources import named_source
from tests.spider_cli.audit.records import audited


def shot(number: int) -> Shot:
    return Shot(named_source(f"{number}.jpg"))


@dataclass
class Judge:
    """Judges in batches, reading ahead on a thread, as the feed does."""

    auditor: Any = field(default_factory=lambda: SimpleNamespace(batch_size=2, jobs=1))
    refuses: frozenset[int] = frozenset()
    taken: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def refused(self, one: Shot) -> Judged | None:
        if int(one.photo.path.stem) in self.refuses:
            return Judged(one, audited(f"refused {one.photo.name}"))
        return None

    def again(self, one: Shot, record: Record) -> Judged:
        return Judged(one, record, known=True)

    def judged(self, shots: Iterable[Shot]) -> Iterator[Judged]:
        try:
            for one in shots:
                self.taken.append(one.photo.name)
                yield Judged(one, audited(one.photo.name))
        finally:
            self.ended.set()


def items(known: set[int], count: int) -> list[tuple[Shot, Record | None] | None]:
    return [
        (shot(number), audited(f"known {number}.jpg") if number in known else None)
        for number in range(count)
    ]


def names(judged: Iterable[Judged]) -> list[str]:
    return [one.record.photo for one in judged]


def kept_in(kept: list[str]) -> Any:
    return lambda one, record, preview: kept.append(record.photo)


@pytest.mark.parametrize("known", [set(), {0, 1, 2}, {3, 5, 39}, set(range(40)), {*range(7, 33)}])
def test_in_order_and_all_new_ones_kept(known: set[int]) -> None:
    kept: list[str] = []
    judge = Judge(refuses=frozenset({4}))
    told = names(Line(judge, kept_in(kept)).judged(iter(items(known, 40))))  # type: ignore[arg-type]
    wanted = [f"known {n}.jpg" if n in known else f"{n}.jpg" for n in range(40)]
    wanted[4] = "refused 4.jpg"
    assert told == wanted
    assert kept == [f"{n}.jpg" for n in range(40) if n not in known | {4}]
    assert judge.ended.is_set() or not kept


def test_known_ones_are_told_at_once() -> None:
    judge = Judge()
    line = Line(judge, kept_in([])).judged(iter(items({0, 1}, 3)))  # type: ignore[arg-type]
    assert next(line).record.photo == "known 0.jpg"
    assert next(line).known
    assert judge.taken == []
    assert names(line) == ["2.jpg"]


def test_few_are_under_way() -> None:
    """More shots are asked for only as others are done."""
    asked = 0

    def shots() -> Iterator[tuple[Shot, Record | None]]:
        nonlocal asked
        for number in range(1000):
            asked += 1
            yield shot(number), None if number == 0 or number > 400 else audited("known")

    line = Line(Judge(), kept_in([])).judged(shots())  # type: ignore[arg-type]
    for done in range(1, 1001):
        next(line)
        assert asked - done < 300


def test_when_nothing_comes_what_is_in_hand_is_done() -> None:
    judge = Judge()
    line = Line(judge, kept_in([])).judged(  # type: ignore[arg-type]
        iter([(shot(1), None), None, None, (shot(2), None), None])
    )
    assert next(line).record.photo == "1.jpg"
    assert judge.taken == ["1.jpg"]
    assert names(line) == ["2.jpg"]


@pytest.mark.parametrize("others", [0, 1])
def test_each_is_told_when_it_is_judged(others: int) -> None:
    """The last ones too; and at a None nothing is in hand any more, so that two runs that wait for
    each other's shots get them."""
    kept: list[str] = []
    judge = Judge()

    def each() -> Iterator[tuple[Shot, Record | None] | None]:
        for number in range(3):
            yield shot(number), None
        if others:
            yield None
            assert kept == ["0.jpg", "1.jpg", "2.jpg"]
            yield shot(9), audited("another run's")

    told = []
    for one in Line(judge, kept_in(kept)).judged(each()):  # type: ignore[arg-type]
        told.append(one.record.photo)
        assert kept == told[:3]
    assert told == ["0.jpg", "1.jpg", "2.jpg", *["another run's"] * others]


def test_an_end_in_the_middle_lets_go_of_the_judge() -> None:
    judge = Judge()
    line = Line(judge, kept_in([])).judged(iter(items(set(), 40)))  # type: ignore[arg-type]
    next(line)
    line.close()  # type: ignore[attr-defined]
    assert judge.ended.is_set()


def test_shots_as_they_arrive() -> None:
    stop, come = threading.Event(), threading.Event()

    def watched() -> Iterator[Shot]:
        yield shot(1)
        come.wait(60)
        yield shot(2)
        stop.wait(60)

    found = arriving(watched(), stop)
    assert next(found) == shot(1)
    assert next(found) is None
    come.set()
    later = next(one for one in found if one is not None)
    assert later == shot(2)
    stop.set()
    assert [one for one in found if one is not None] == []


def test_what_goes_wrong_in_a_watch_is_heard_of() -> None:
    def watched() -> Iterator[Shot]:
        yield shot(1)
        raise OSError("the card is gone")

    stop = threading.Event()
    with pytest.raises(OSError, match="the card is gone"):
        list(arriving(watched(), stop))
    assert stop.is_set()
