"""grounding.json: which rule and temperature a model folder's masks follow, and which segmenter.

`spider train stage2` writes it (docs/stage2.md has all fields); `spider ground` obeys it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from spider_cli.errors import UsageError
from spider_cli.rules import PAPER, Rule

__all__ = ["BESIDE", "GROUNDING", "VERSION", "Plan", "Recorded", "read_plan"]

GROUNDING = "grounding.json"
VERSION = 1
"""The number grows when a field changes meaning or goes away. Files without one hold a temperature,
and the paper's rule by its name."""
BESIDE = "segmenter"
"""Name of a segmenter that lies in the model's own folder."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The segmenter that the figures were measured with."""

    name: str
    """ "nano" for the bundled one, "segmenter" for the model's own, else a folder."""
    revision: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What grounding goes by."""

    rule: Rule = PAPER
    temperature: float = 1.0
    """tau of eq. 2."""
    segmenter: Recorded | None = None
    temperatures: Mapping[str, float] = field(default_factory=dict)
    """Name of each rule that was measured -> the temperature that is best for it."""

    def with_rule(self, rule: Rule) -> "Plan":
        """The same with another rule, at the temperature measured for it, else this one's."""
        if rule == self.rule:
            return self
        temperature = self.temperatures.get(rule.name, self.temperature)
        return Plan(rule, temperature, self.segmenter, self.temperatures)


def read_plan(value: Mapping[str, Any], file: Path) -> Plan:
    """Read what grounding.json says; an empty object is the paper's rule at temperature 1.

    Args:
        value: the file's JSON object.
        file: for messages.

    Raises:
        UsageError: of a later version, or a field that is not as it should be.
    """

    def fail(what: str) -> NoReturn:
        raise UsageError(
            f"{file}: {what}",
            hint="restore the file from where the model came from, or write it anew: "
            "spider train stage2",
            code="model_unloadable",
        )

    version = value.get("version", 0)
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        fail(f"version must be a whole number, not {version!r}")
    if version > VERSION:
        raise UsageError(
            f"{file} is of version {version}; this spider knows versions up to {VERSION}",
            hint="install a newer spider-iqa, or write the file anew: spider train stage2",
            code="model_unloadable",
        )
    if version and not {"rule", "temperature"} <= set(value):
        fail(f"{'temperature' if 'rule' in value else 'rule'} is missing")
    temperature = value.get("temperature", 1.0)
    if not _positive(temperature):
        fail(f"temperature must be a number above 0, not {temperature!r}")
    told = value.get("rule", "paper")
    if told == "paper":
        rule = PAPER
    elif not isinstance(told, dict):
        fail(f"rule must be an object, or 'paper', not {told!r}")
    else:
        try:
            rule = Rule.from_json(told)
        except (TypeError, ValueError) as error:
            fail(f"rule: {error}")
    segmenter = value.get("segmenter")
    recorded = None
    if segmenter is not None:
        named = segmenter if isinstance(segmenter, dict) else {}
        if not all(isinstance(named.get(one), str) and named[one] for one in ("name", "revision")):
            fail(f"segmenter must have a name and a revision, not {segmenter!r}")
        recorded = Recorded(named["name"], named["revision"])
    rules = value.get("rules", {})
    if not isinstance(rules, dict):
        fail(f"rules must be an object, not {rules!r}")
    temperatures = {}
    for name, one in rules.items():
        if not isinstance(one, dict) or not _positive(one.get("temperature")):
            fail(f"rules.{name}: temperature must be a number above 0")
        temperatures[name] = float(one["temperature"])
    return Plan(rule, float(temperature), recorded, temperatures)


def _positive(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and value > 0
