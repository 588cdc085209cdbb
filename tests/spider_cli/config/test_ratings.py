"""[ratings]: thresholds and labels."""

from typing import Any

import pytest

from spider_cli.audit.stars import Labels, Thresholds
from spider_cli.audit.xmp_terms import Colour
from spider_cli.config import ratings
from spider_cli.errors import UsageError


def test_without_files_the_defaults(place: Any) -> None:
    assert ratings().thresholds == Thresholds()
    assert ratings().labels == Labels()


def test_each_key_is_the_strongest_files(place: Any) -> None:
    place.write(
        project="[ratings.thresholds]\nfive = 90\n[ratings.labels]\nfive = 'blue'\none = 'none'",
        user="[ratings]\nthresholds = { four = 70.5, five = 80 }\nlabels = { five = 'Red' }",
    )
    found = ratings()
    assert found.thresholds == Thresholds(four=70.5, five=90)
    assert found.labels == Labels(five=Colour.BLUE, one=None)
    assert found.thresholds.stars(85) == 4


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("ratings = 3", 1, "ratings is a table"),
        ("[ratings]\nfive = 3", 2, "two tables, thresholds and labels"),
        ("[ratings.treshold]\nfive = 3", 1, "two tables, thresholds and labels"),
        ("[ratings.thresholds]\nsix = 3", 2, "[ratings.thresholds] has no 'six'"),
        ("[ratings.thresholds]\nfive = 101", 2, "takes a score from 0 to 100, not 101"),
        ("[ratings.thresholds]\nfive = 'x'", 2, "takes a score from 0 to 100, not 'x'"),
        ("[ratings.thresholds]\nfive = nan", 2, "takes a score from 0 to 100, not nan"),
        ("[ratings.thresholds]\nfive = true", 2, "takes a score from 0 to 100, not True"),
        ("[ratings.labels]\nfive = 'teal'", 2, "Red, Yellow, Green, Blue, Purple, none"),
        ("[ratings.labels]\nfive = 3", 2, "Red, Yellow, Green, Blue, Purple, none"),
        ("\n[ratings.thresholds]\nfive = 50", 2, "'five' (50) is lower than 'four' (60)"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(place: Any, text: str, where: int, said: str) -> None:
    place.write(project=text)
    with pytest.raises(UsageError) as raised:
        ratings()
    file = place.project / "spider.toml"
    assert raised.value.message.startswith(f"{file}:{where}: ")
    assert said in raised.value.message


def test_a_wrong_table_ends_every_command(place: Any, spider: Any) -> None:
    place.write(project="[ratings.thresholds]\nfvie = 3")
    run = spider("score", "a.jpg")
    assert "[ratings.thresholds] has no 'fvie'" in run.error
    assert "did you mean 'five'?" in run.err


def test_files_that_do_not_go_together(place: Any) -> None:
    place.write(project="[ratings.thresholds]\nfour = 95", user="[ratings.thresholds]\nfive = 90")
    with pytest.raises(UsageError, match=r"'five' \(90\) is lower than 'four' \(95\)"):
        ratings()
