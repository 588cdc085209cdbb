"""What is shown, in which order, and what is worth keeping."""

import pytest

from spider_cli.audit.choosing import Choice, Summary, sort_key
from spider_cli.errors import UsageError
from tests.spider_cli.audit.records import audited, failure, summaries


@pytest.fixture
def shots() -> list[Summary]:
    return summaries(
        [
            audited("p10.jpg", 40, "mild blur", taken="2026-11-28T10:00:00"),
            audited("p2.jpg", 90, taken="2026-11-28T09:00:00"),
            failure("p3.jpg"),
            audited("p1.jpg", 10, "severe noise", taken="2026-11-28T11:00:00"),
            audited("p4.jpg", None, "moderate blur"),
        ]
    )


def names(shots: list[Summary]) -> list[str]:
    return [one.shot.photo.name.removesuffix(".jpg") for one in shots]


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        ("path", "p1 p2 p3 p4 p10"),
        ("-path", "p10 p4 p3 p2 p1"),
        ("score", "p2 p10 p1 p3 p4"),
        ("-score", "p1 p10 p2 p3 p4"),
        ("severity", "p1 p4 p10 p2 p3"),
        ("taken", "p2 p10 p1 p3 p4"),
        ("-TAKEN", "p1 p10 p2 p3 p4"),
    ],
)
def test_orders(shots: list[Summary], order: str, wanted: str) -> None:
    """What has nothing to be sorted by comes last either way."""
    assert names(Choice(order=sort_key(order)).shown(shots)) == wanted.split()


def test_an_order_that_is_none() -> None:
    with pytest.raises(UsageError, match="--sort skore") as caught:
        sort_key("skore")
    assert "did you mean 'score'?" in caught.value.hint


def test_without_an_order_they_stay_as_they_came(shots: list[Summary]) -> None:
    assert Choice().shown(shots) == shots
    assert not Choice().at_the_end


def test_the_best_come_first_and_failures_are_never_lost(shots: list[Summary]) -> None:
    assert names(Choice(top=2).shown(shots)) == ["p2", "p10", "p3"]
    assert names(Choice(top=2, order=sort_key("-score")).shown(shots)) == ["p10", "p2", "p3"]
    assert names(Choice(top=99).shown(shots)) == ["p2", "p10", "p1", "p4", "p3"]
    assert Choice(top=2).at_the_end


def test_flagged_alone(shots: list[Summary]) -> None:
    assert names(Choice(only_flagged=True).shown(shots)) == ["p3", "p1"]


def test_keepers(shots: list[Summary]) -> None:
    assert names(Choice().keepers(shots)) == ["p10", "p2", "p4"]
    assert names(Choice(fail_under=40).keepers(shots)) == ["p10", "p2"]
    assert names(Choice(fail_under=40.5).keepers(shots)) == ["p2"]
    assert names(Choice(top=1).keepers(shots)) == ["p2"]


def test_of_bursts_the_best(shots: list[Summary]) -> None:
    for one in shots:
        one.bursts_known, one.pick = True, not one.failed
    shots[0].burst = shots[1].burst = 1
    shots[0].pick = False
    choice = Choice(best_of_burst=True)
    assert names(choice.shown(shots)) == ["p2", "p3", "p1", "p4"]
    assert names(choice.keepers(shots)) == ["p2", "p4"]
    assert choice.at_the_end
