"""The mix photo by photo: the same photo with the same rows for the same number everywhere."""

import pickle
from collections import Counter
from pathlib import Path

import pytest

from spider_cli.errors import UsageError
from spider_cli.questions import SCORE_PREFIX, SCORE_QUESTION
from spider_cli.vocabulary import LEVELS
from tests.trainer.tuning.small_data import grounding, item, referring, scored, write
from trainer.scores import expected_opinion
from trainer.tuning.photo_mix import PhotoMixture
from trainer.tuning.recipe import DataPart


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve photos with two rows each."""
    folder = tmp_path_factory.mktemp("first")
    return write(folder, [item(n, [grounding(), referring()]) for n in range(12)])


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight scored photos."""
    folder = tmp_path_factory.mktemp("second")
    return write(folder, [item(n, [scored()], mos=n / 8) for n in range(8)])


def test_an_epoch_shows_every_photo_by_its_weight(first: Path, second: Path) -> None:
    parts = [DataPart(str(first)), DataPart(str(second), weight=1.5)]
    mixture = PhotoMixture(parts, 0, questions=9)
    assert len(mixture) == 12 + 12
    shown = [mixture[index] for index in range(len(mixture))]
    seen = Counter((one.part, one.item.id) for one in shown)
    assert Counter(part for part, _ in seen.elements()) == {0: 12, 1: 12}
    assert {number for (part, _), number in seen.items() if not part} == {1}
    assert {number for (part, _), number in seen.items() if part} == {1, 2}
    assert [one.rows for one in mixture.counts] == [24, 8]
    assert [one.per_epoch for one in mixture.counts] == [12, 12]
    for one in shown:
        assert set(one.rows) == set(one.item.rows)


def test_the_same_number_gives_the_same_photo_in_another_process(first: Path) -> None:
    mixture = PhotoMixture([DataPart(str(first))], 3, questions=1)
    copy = pickle.loads(pickle.dumps(mixture))
    for index in (0, 5, 30):
        assert mixture[index].id == copy[index].id
    again = PhotoMixture([DataPart(str(first))], 3, questions=1)
    other = PhotoMixture([DataPart(str(first))], 4, questions=1)
    names = [[one[index].id for index in range(24)] for one in (mixture, again, other)]
    assert names[0] == names[1] != names[2]
    assert names[0][:12] != names[0][12:]  # epochs differ


def test_no_more_rows_than_asked_for_and_others_next_time(first: Path) -> None:
    mixture = PhotoMixture([DataPart(str(first))], 0, questions=1)
    tasks = {mixture[index].rows[0].task for index in range(24)}
    assert {len(mixture[index].rows) for index in range(24)} == {1}
    assert tasks == {"ground_hyd", "refer_short"}


def test_only_wanted_tasks(first: Path) -> None:
    part = DataPart(str(first), tasks=("refer_short",))
    mixture = PhotoMixture([part], 0, questions=9)
    assert {row.task for index in range(12) for row in mixture[index].rows} == {"refer_short"}
    with pytest.raises(UsageError, match="no rows of describe"):
        PhotoMixture([DataPart(str(first), tasks=("describe",))], 0, questions=9)


def test_an_expected_score_is_one_more_row(first: Path) -> None:
    part = DataPart(str(first), expected_scores=True)
    mixture = PhotoMixture([part], 0, questions=9)
    drawn = mixture[0]
    assert Counter(row.task for row in drawn.rows) == {
        "ground_hyd": 1,
        "refer_short": 1,
        "score": 1,
    }
    [row] = [row for row in drawn.rows if row.task == "score"]
    opinion = expected_opinion(drawn.item.sample)
    assert drawn.item.mos == opinion
    assert row.question == SCORE_QUESTION
    word = row.answer.removeprefix(f"{SCORE_PREFIX} ").rstrip(".")
    assert LEVELS.index(word) == round((1 - opinion) * 4)
    alone = PhotoMixture(
        [DataPart(str(first), tasks=("score",), expected_scores=True)], 0, questions=9
    )
    assert [row.task for row in alone[3].rows] == ["score"]


def test_people_s_scores_are_not_replaced(second: Path) -> None:
    mixture = PhotoMixture([DataPart(str(second), expected_scores=True)], 0, questions=9)
    with pytest.raises(UsageError, match="score of people's already"):
        mixture[0]
