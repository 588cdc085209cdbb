"""The bundled nano is still as good as it was, on a small fixed set; see tests/regression.py."""

import json

import pytest

from tests.regression import BOUNDS, HELD, figures, items, measure


@pytest.fixture(scope="module")
def bounds() -> dict[str, dict[str, float]]:
    told: dict[str, dict[str, float]] = json.loads(BOUNDS.read_text(encoding="utf-8"))["figures"]
    return told


def test_no_figure_falls(bounds: dict[str, dict[str, float]]) -> None:
    found = {name: told for name, told in figures(measure()).items() if name in bounds}
    assert {name: cases for name, (_, cases) in found.items()} == {
        name: one["cases"] for name, one in bounds.items()
    }, "the set has changed: python -m tests.regression"
    fallen = {
        name: f"{value:.3f}, at least {bounds[name]['least']:.3f} was wanted"
        for name, (value, _) in found.items()
        if value < bounds[name]["least"]
    }
    assert fallen == {}


def test_every_figure_has_a_bound_that_can_be_missed(
    bounds: dict[str, dict[str, float]],
) -> None:
    assert set(bounds) <= set(HELD)
    assert len(bounds) >= 10
    for name, one in bounds.items():
        assert 0 < one["least"] < one["value"] <= 1, name
        assert one["cases"] >= 4, name


def test_the_set_is_fixed() -> None:
    one, two = list(items()), list(items())
    assert [item.rows for item in one] == [item.rows for item in two]
    assert all((a.sample.pixels == b.sample.pixels).all() for a, b in zip(one, two, strict=True))
    assert any(item.sample.clean for item in one) and any(item.sample.whole for item in one)
