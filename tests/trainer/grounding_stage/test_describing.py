"""How readily a model calls photos clean: by hand and by properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.errors import UsageError
from trainer.grounding_stage.describing import Told, best_bias, margins, opening_of

THE, IMAGE, REGION, NO, END = range(5)
CLEAN, FAULTY = (THE, IMAGE, NO), (THE, REGION, END)


def told(
    ids: tuple[int, ...], *, margin: float = 0.0, clean: bool | None = None, worst: str = ""
) -> Told:
    steps = ({THE: 1.0, NO: 0.0}, {IMAGE: margin, REGION: 0.0, NO: -9.0}, {NO: 1.0, END: 0.0})
    says = ids == CLEAN if clean is None else clean
    return Told("one", frozenset({worst} - {""}), ids, says, steps[: len(ids)])


def test_the_opening_is_where_answers_part() -> None:
    assert opening_of([told(CLEAN), told(FAULTY), told(FAULTY)]) == (THE, IMAGE)
    odd = (THE, IMAGE, END)  # begins as clean ones do
    assert opening_of([told(CLEAN), told(odd)]) == CLEAN
    many = [told(CLEAN), told(odd), *[told(FAULTY)] * 99]  # but hardly ever
    assert opening_of(many) == (THE, IMAGE)
    assert opening_of([told(CLEAN)]) == (THE,)


def test_no_opening() -> None:
    for others in ([told(FAULTY)], [told(CLEAN), told(CLEAN, clean=False)]):
        with pytest.raises(UsageError, match="cannot be weighed"):
            opening_of(others)


def test_margins_are_those_of_the_step_where_answers_part() -> None:
    rows = [
        told(CLEAN, margin=0.5),
        told(FAULTY, margin=-2.0),
        told((NO, END), clean=True),  # in other words
        told((END,)),
    ]
    reached, otherwise = margins(rows, (THE, IMAGE))
    assert reached.tolist() == [0.5, -2.0, -math.inf, -math.inf]
    assert otherwise.tolist() == [False, False, True, False]


SHARES = st.lists(
    st.tuples(st.floats(-9, 9) | st.just(-math.inf), st.booleans(), st.booleans()),
    min_size=1,
    max_size=40,
)


@given(SHARES, st.floats(0, 1))
def test_so_many_faults_are_found_and_no_more_room_is_left(
    rows: list[tuple[float, bool, bool]], recall: float
) -> None:
    reached = np.array([row[0] for row in rows])
    clean = np.array([row[1] for row in rows])
    otherwise = np.array([row[2] for row in rows]) & (reached == -np.inf)
    faulty = ~clean
    bias = best_bias(reached, otherwise, clean, faulty, recall)
    assert math.isfinite(bias)

    def called(bias: float) -> np.ndarray:
        return otherwise | (reached + bias > 0)

    missed, by_others = int((called(bias) & faulty).sum()), int((otherwise & faulty).sum())
    may = faulty.sum() - math.ceil(recall * faulty.sum() - 1e-9)
    assert missed <= max(may, by_others)
    more = called(bias + 0.02)
    all_clean = called(bias)[clean & np.isfinite(reached)].all()
    assert all_clean or (more & faulty).sum() > may


def test_the_bias_by_hand() -> None:
    reached = np.array([1.0, -1.005, -3.0, -0.5, -2.0, -4.0])
    clean = np.array([True, True, True, False, False, False])
    none = np.zeros(6, bool)
    assert best_bias(reached, none, clean, ~clean, 1.0) == pytest.approx(0.5)
    assert best_bias(reached, none, clean, ~clean, 0.6) == pytest.approx(2.0)
    assert best_bias(reached, none, clean, ~clean, 0.0) == pytest.approx(3.01)  # no more is of use
