"""What a system said to a case, and what it was worth; the saved form of both.

A saved result is a JSON object a case (docs/evaluation.md); a file of them starts with a header.
"""

from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any, Literal, TypeAlias

from spider_cli.results import Distortion, Mask
from trainer.evaluate.cases import Case, Place, Target

__all__ = ["Odds", "Outcome", "Prediction", "Result", "Status"]

Status: TypeAlias = Literal["ok", "unparsed", "missing", "failed"]
"""ok: it can be graded, right or wrong. unparsed: it says nothing that can be. missing: there is no
prediction. failed: the photo or the model failed. All but ok count as wrong."""


@dataclass(frozen=True, slots=True)
class Odds:
    """How sure a model was of one severity word."""

    family: str
    """Of the distortion the word is about."""
    said: str
    probabilities: tuple[float, ...]
    """Of the words of SEVERITIES, in their order, among themselves."""

    def to_json(self) -> dict[str, Any]:
        return {
            "family": self.family,
            "said": self.said,
            "probabilities": list(self.probabilities),
        }


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a system says to one case; every field but `masked` may be missing."""

    answer: str | None = None
    distortions: tuple[Distortion, ...] | None = None
    other: tuple[str, ...] | None = None
    masked: bool = False
    """It comes with a mask, or with the word that nothing is at fault (`mask` None)."""
    mask: Mask | None = None
    point: tuple[float, float] | None = None
    """`(x, y)` in pixels."""
    whole: bool = False
    probed: bool = False
    """The point was read after a forced start, since the answer had no positional word."""
    score: float | None = None
    """Higher is better, on any scale."""
    choice: str | None = None
    """A letter."""
    error: str | None = None
    """Why there is none."""
    odds: tuple[Odds, ...] = ()
    """Of the severity words in its answer, where the model's logits are at hand."""
    axes: tuple[float, float] | None = None
    """P(right) and P(bottom) at the steps where the answer says such words."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A prediction as graded; which fields are set depends on the task."""

    status: Status = "ok"
    reason: str = ""
    """Why it is not ok."""
    answer: str = ""
    distortions: tuple[Distortion, ...] = ()
    other: tuple[str, ...] = ()
    clean: bool = False
    """It says that nothing is wrong."""
    mentions: tuple[int, int, int, int] | None = None
    """Of a description: placed mentions of true families, those of them in the right place; true
    families counted once a place, those of them mentioned there."""
    said: Target = ""
    """Of a grounding: what kind of place it names."""
    words: tuple[str | None, str | None] | None = None
    """Its vertical and horizontal word; None where it has no words at all."""
    overlap: tuple[int, int] | None = None
    """Pixels in both masks, pixels in either."""
    point: tuple[float, float] | None = None
    inside: bool | None = None
    """The point lies in the target."""
    mask: Mask | None = None
    score: float | None = None
    choice: int | None = None
    """Index of the option chosen."""
    judged: float | None = None
    """The judge's grade, on the task's scale (0-10 or 0-5)."""
    odds: tuple[Odds, ...] = ()
    axes: tuple[float, float] | None = None

    @property
    def ok(self) -> bool:
        """It can be graded."""
        return self.status == "ok"

    def to_json(self) -> dict[str, Any]:
        """Fields that say something, as JSON values."""
        return _plain(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Outcome":
        """The inverse; KeyError, TypeError or ValueError where it is no such thing."""
        made: Outcome = _made(cls, value)
        return made


@dataclass(frozen=True, slots=True)
class Result:
    """One case with the outcomes of the system under test and of the baselines."""

    case: Case
    outcome: Outcome
    baselines: dict[str, Outcome] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "case": _plain(self.case),
            "outcome": self.outcome.to_json(),
            "baselines": {name: one.to_json() for name, one in self.baselines.items()},
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Result":
        """The inverse; KeyError, TypeError or ValueError where it is no such thing."""
        return cls(
            _made(Case, value["case"]),
            Outcome.from_json(value["outcome"]),
            {name: Outcome.from_json(one) for name, one in value["baselines"].items()},
        )

    def judged(self, grade: float) -> "Result":
        """The same with a judge's grade."""
        return replace(self, outcome=replace(self.outcome, judged=grade))


def _plain(value: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for one in fields(value):
        said = getattr(value, one.name)
        # 0 says something, and so does that a point is not inside.
        empty = said is None or (isinstance(said, str | tuple) and not said)
        needed = one.name == "status" or one.default is MISSING
        if needed or not (empty or (said is False and one.name != "inside")):
            out[one.name] = _json(said)
    return out


def _json(value: Any) -> Any:
    if isinstance(value, Distortion | Mask | Odds):
        return value.to_json()
    if isinstance(value, Place):
        return {"words": _json(value.words), "families": list(value.families)}
    if isinstance(value, tuple):
        return [_json(one) for one in value]
    return value


def _made(kind: Any, value: dict[str, Any]) -> Any:
    known = {one.name for one in fields(kind)}
    unknown = set(value) - known
    if unknown:
        raise ValueError(f"unknown field {sorted(unknown)[0]!r}")
    return kind(**{name: _from_json(name, said) for name, said in value.items()})


def _from_json(name: str, value: Any) -> Any:
    if name == "distortions":
        return tuple(Distortion(one["family"], one["severity"]) for one in value)
    if name == "odds":
        return tuple(
            Odds(one["family"], one["said"], tuple(map(float, one["probabilities"])))
            for one in value
        )
    if name == "mask":
        return Mask((value["size"][0], value["size"][1]), value["counts"])
    if name == "places":
        return tuple(
            Place(None if one["words"] is None else tuple(one["words"]), tuple(one["families"]))
            for one in value
        )
    return tuple(value) if isinstance(value, list) else value
