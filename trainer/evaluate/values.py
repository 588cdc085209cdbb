"""A figure's value, a row of the table, a difference: what is handed out."""

import math
from dataclasses import dataclass
from typing import Any

from trainer.evaluate.figures import Section
from trainer.evaluate.resampling import Comparison

__all__ = ["SCHEMA", "SYSTEM", "Difference", "Row", "Value"]

SCHEMA = "spider-eval/1"
"""Version of the saved form. The number grows when a field changes meaning or goes away."""
SYSTEM = "system"
"""The system under test, beside the baselines' names."""


@dataclass(frozen=True, slots=True)
class Value:
    """A figure of one system, with its 95% interval."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        return {name: _number(getattr(self, name)) for name in ("value", "low", "high")}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of all systems that have it."""

    name: str
    section: Section
    title: str
    cases: int
    """How many cases it is about."""
    values: dict[str, Value]
    top: float = 1
    higher_is_better: bool = True

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "section": self.section,
            "title": self.title,
            "cases": self.cases,
            "top": self.top,
            "higher_is_better": self.higher_is_better,
            "values": {name: value.to_json() for name, value in self.values.items()},
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of two results, on the cases both have."""

    name: str
    section: Section
    title: str
    cases: int
    comparison: Comparison

    def to_json(self) -> dict[str, Any]:
        one = self.comparison
        return {
            "name": self.name,
            "section": self.section,
            "title": self.title,
            "cases": self.cases,
            "this": _number(one.this),
            "that": _number(one.that),
            "difference": _number(one.difference),
            "low": _number(one.low),
            "high": _number(one.high),
            "p": None if one.p is None else _number(one.p),
        }


def _number(value: float) -> float | None:
    """Six decimals; None for what is no number, since JSON has none for it."""
    return None if math.isnan(value) else round(value, 6)
