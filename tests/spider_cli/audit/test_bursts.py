"""Which shots are one burst, by rules: time, camera, look, names; and which of them comes first."""

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spider_cli.audit.bursts import bursts
from spider_cli.results import Audited, Failure, Record, WordedScore
from spider_cli.shot_facts import Facts
from tests.spider_cli.audit.shooting import record_with

START = datetime(2026, 11, 28, 14, 3, 9)


def look(*bits: int) -> str:
    """A hash that differs from that of a black photo in these bits."""
    return f"{sum(1 << bit for bit in bits):016x}"


def shot(
    name: str,
    seconds: float | None = None,
    *,
    bits: int = 0,
    camera: str | None = "A",
    serial: str | None = "1",
    score: float = 50.0,
    focus: float | None = 10.0,
    size: tuple[int, int] = (60, 40),
) -> Record:
    """A shot that differs from others in its first `bits` bits."""
    taken = None if seconds is None else (START + timedelta(seconds=seconds)).isoformat()
    facts = Facts(*size, taken, camera, serial, look=look(*range(bits)), focus=focus)
    return record_with(name, facts, score)


def test_shots_in_a_row_that_look_alike_are_a_burst() -> None:
    records = [shot(f"{n}.jpg", n * 0.1, bits=2 * n) for n in range(3)]
    records.append(shot("other.jpg", 0.4, bits=40))
    assert bursts(records) == [[0, 1, 2]]
    assert bursts(iter(records)) == [[0, 1, 2]]
    assert bursts([]) == bursts(records[:1]) == []


@pytest.mark.parametrize(
    ("second", "together"),
    [
        (shot("b.jpg", 2, bits=16), True),
        (shot("b.jpg", 2, bits=18), False),
        (shot("b.jpg", 2.5, bits=16), False),  # as much movement as that, but no burst
        (shot("b.jpg", 20, bits=10), True),
        (shot("b.jpg", 21, bits=0), False),
        (shot("b.jpg", 0, bits=0), True),
        (shot("b.jpg", 0, camera="B"), False),
        (shot("b.jpg", 0, serial="2"), False),  # another body of the same make
        (shot("b.jpg", None), False),
    ],
)
def test_time_camera_and_look_decide(second: Record, together: bool) -> None:
    assert bool(bursts([shot("a.jpg", 0), second])) == together


def test_cameras_that_shoot_at_once_are_kept_apart() -> None:
    records = [shot(f"{c}{n}.jpg", n / 5, camera=c) for n in range(4) for c in "AB"]
    groups = bursts(records)
    assert sorted(map(sorted, groups)) == [[0, 2, 4, 6], [1, 3, 5, 7]]


def test_a_shot_of_something_else_does_not_end_a_burst() -> None:
    records = [shot(f"{n}.jpg", n / 5, bits=40 * (n == 2)) for n in range(5)]
    assert bursts(records) == [[0, 1, 3, 4]]


def test_a_pan_does_not_run_away() -> None:
    """Each frame is all but the last one; the two hundredth is nothing like the first."""

    def turned(n: int) -> str:
        return look(*((n * 2 // 7 + bit) % 64 for bit in range(32)))

    records = []
    for n in range(200):
        facts = Facts(60, 40, (START + timedelta(seconds=n / 10)).isoformat(), "A", look=turned(n))
        records.append(record_with(f"{n:03}.jpg", facts))
    groups = bursts(records)
    assert sorted(index for group in groups for index in group) == list(range(200))
    for group in groups:
        assert sorted(group) == list(range(min(group), max(group) + 1))
        ends = int(turned(min(group)), 16) ^ int(turned(max(group)), 16)
        assert ends.bit_count() <= 16
    assert 5 <= len(groups) <= 20


def test_a_camera_that_stands_still_all_day_has_many_bursts() -> None:
    records = [shot(f"{n}.jpg", n) for n in range(600)]
    groups = bursts(records)
    assert sum(map(len, groups)) == 600
    assert max(map(len, groups)) == 61


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("IMG_7.jpg", "IMG_8.jpg", True),
        ("IMG_9.jpg", "IMG_12.jpg", True),
        ("IMG_0009.jpg", "IMG_0013.jpg", False),
        ("IMG_7.jpg", "IMG_7-edited.jpg", True),
        ("IMG_7.jpg", "IMG_7 (1).jpg", True),
        ("IMG_1.jpg", "IMG_17.jpg", False),
        ("cat.jpg", "dog.jpg", False),
        ("a/IMG_7.jpg", "b/IMG_8.jpg", False),
        ("a/IMG_7.jpg", "a/IMG_8.jpg", True),
    ],
)
def test_without_a_time_names_must_be_neighbours(first: str, second: str, together: bool) -> None:
    assert bool(bursts([shot(first), shot(second)])) == together
    assert bool(bursts([shot(second), shot(first)])) == together


def test_without_a_time_all_must_be_the_same() -> None:
    assert not bursts([shot("1.jpg"), shot("2.jpg", bits=8)])
    assert not bursts([shot("1.jpg"), shot("2.jpg", size=(40, 60))])
    slow = [shot(f"{n}.jpg", bits=2 * n) for n in range(8)]
    assert bursts(slow) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_what_failed_or_is_not_known_is_in_no_burst() -> None:
    unknown = shot("b.jpg", 0)
    assert isinstance(unknown.outcome, Audited)
    facts = replace(unknown.outcome.facts, look=None)
    records = [
        shot("a.jpg", 0),
        replace(unknown, outcome=replace(unknown.outcome, facts=facts)),
        replace(shot("c.jpg", 0), outcome=Failure("empty", "is empty", "")),
        shot("d.jpg", 0),
    ]
    assert bursts(records) == [[0, 3]]


def test_a_time_that_is_none_counts_as_none() -> None:
    odd = [record_with(f"{n}.jpg", Facts(60, 40, "soon", look=look())) for n in range(2)]
    assert bursts(odd) == [[0, 1]]


def test_times_of_any_precision_and_zone_are_compared() -> None:
    times = ("2026-11-28T14:03:09.94+01:00", "2026-11-28T14:03:10.123456789+01:00")
    records = [record_with("a.jpg", Facts(6, 4, time, look=look())) for time in times]
    assert bursts(records) == [[0, 1]]


def test_the_better_score_comes_first_unless_scores_are_all_but_equal() -> None:
    def order(*shots: tuple[float, float | None]) -> list[int]:
        records = [
            shot(f"{n}.jpg", 0, score=score, focus=focus) for n, (score, focus) in enumerate(shots)
        ]
        (group,) = bursts(records)
        return group

    assert order((40, 9), (60, 1), (50, 5)) == [1, 2, 0]
    assert order((60, 1), (56, 9), (55, 5)) == [1, 2, 0]
    assert order((60, 1), (54.9, 9)) == [0, 1]
    # Near the best one by one: no chain of small steps leads from 60 down to 50.
    assert order((60, 1), (56, 2), (52, 3), (48, 9)) == [1, 0, 3, 2]
    assert order((60, None), (60, 1)) == [1, 0]
    assert order((60, 1), (60, 1)) == [0, 1]


def test_words_alone_are_ranked_by_their_level() -> None:
    records = []
    for n, level in enumerate(("poor", "good", "fair")):
        record = shot(f"{n}.jpg", 0)
        assert isinstance(record.outcome, Audited)
        score = WordedScore(level, level, "no log-probabilities")
        records.append(replace(record, outcome=replace(record.outcome, score=score)))
    assert bursts(records) == [[1, 2, 0]]


SHOTS = st.lists(
    st.builds(
        lambda seconds, bits, camera, score, focus: (seconds, bits, camera, score, focus),
        st.one_of(st.none(), st.integers(0, 400).map(lambda tenths: tenths / 10)),
        st.integers(0, 12).map(lambda half: 2 * half),
        st.sampled_from(["A", "B", None]),
        st.sampled_from([30.0, 33.0, 36.0, 60.0]),
        st.sampled_from([None, 1.0, 2.0]),
    ),
    max_size=24,
)


@settings(max_examples=150, deadline=None)
@given(SHOTS, st.randoms(use_true_random=False))
def test_the_order_of_records_changes_nothing(
    drawn: list[tuple[float | None, int, str | None, float, float | None]], random: Random
) -> None:
    records = [
        shot(f"IMG_{n}.jpg", seconds, bits=bits, camera=camera, score=score, focus=focus)
        for n, (seconds, bits, camera, score, focus) in enumerate(drawn)
    ]
    groups = bursts(records)
    members = [index for group in groups for index in group]
    assert len(members) == len(set(members)), "no shot is in two"
    assert set(members) <= set(range(len(records)))
    assert all(len(group) > 1 for group in groups)
    order = list(range(len(records)))
    random.shuffle(order)
    again = bursts(records[index] for index in order)
    assert [[order[index] for index in group] for group in again] == groups
    for group in groups:
        chosen = [records[index].outcome for index in group]
        scores = [one.score.score for one in chosen if isinstance(one, Audited)]
        assert scores[0] is not None and scores[0] >= max(filter(None, scores)) - 5
