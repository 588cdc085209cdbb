"""The typed results; their JSON form is the public schema (docs/json.md).

Boxes are ``(x1, y1, x2, y2)`` pixels of the upright photo, end-exclusive. Points are ``(x, y)`` in
the same pixels. Scores are 0-100, higher is better.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from spider_cli.shot_facts import Facts

if TYPE_CHECKING:
    from spider_cli.weights.quantizing import Quantize

__all__ = [
    "SCHEMA",
    "Audited",
    "Box",
    "Description",
    "Distortion",
    "Failure",
    "Files",
    "Grounding",
    "Mask",
    "Record",
    "Referral",
    "Result",
    "Score",
    "View",
    "WordedGrounding",
    "WordedScore",
]

SCHEMA = "spider/1"
"""Version of the record form. The number grows when a field changes meaning or goes away."""

Box: TypeAlias = tuple[int, int, int, int]
Command: TypeAlias = Literal["describe", "score", "refer", "ground", "audit"]


@dataclass(frozen=True, slots=True)
class Distortion:
    """One distortion as the answer names it."""

    family: str
    severity: str

    def to_json(self) -> dict[str, str]:
        return {"family": self.family, "severity": self.severity}


@dataclass(frozen=True, slots=True)
class View:
    """One look at the photo: which pixels of it, and at what size the model saw them."""

    box: Box
    size: tuple[int, int]
    """Width and height in pixels as seen; smaller than the box where the photo was shrunk, larger
    where the family's own image processor enlarges."""

    def to_json(self) -> dict[str, list[int]]:
        return {"box": list(self.box), "size": list(self.size)}


@dataclass(frozen=True, slots=True)
class Mask:
    """A binary mask as a compressed COCO run-length string."""

    size: tuple[int, int]
    """Height and width."""
    counts: str

    def to_json(self) -> dict[str, Any]:
        return {"size": list(self.size), "counts": self.counts}


@dataclass(frozen=True, slots=True)
class Files:
    """Paths of the pictures `spider ground --out` wrote."""

    overlay: str
    heatmap: str
    mask: str

    def to_json(self) -> dict[str, str]:
        return {"overlay": self.overlay, "heatmap": self.heatmap, "mask": self.mask}


@dataclass(frozen=True, slots=True)
class Description:
    """Tasks 1 and 2: the quality of the whole photo, or of the region in `box`, in words."""

    question: str
    answer: str
    distortions: tuple[Distortion, ...]
    other: tuple[str, ...] = ()
    box: Box | None = None

    def to_json(self) -> dict[str, Any]:
        out: dict[str, Any] = {
            "question": self.question,
            "answer": self.answer,
            "distortions": [d.to_json() for d in self.distortions],
        }
        if self.other:
            out["other"] = list(self.other)
        if self.box is not None:
            out["box"] = list(self.box)
        return out


@dataclass(frozen=True, slots=True)
class Score:
    """Task-free scoring: expectation over the closed set of five level words."""

    score: float
    """0-100, higher is better."""
    level: str
    levels: dict[str, float]
    """Level word -> probability; they sum to 1."""

    def to_json(self) -> dict[str, Any]:
        return {
            "score": self.score,
            "level": self.level,
            "levels": dict(self.levels),
            "scale": [0, 100],
            "higher_is_better": True,
        }


@dataclass(frozen=True, slots=True)
class WordedScore:
    """Scoring by a server that gives no log-probabilities: a word, and no number."""

    level: str
    answer: str
    worded: str
    """Why there are words alone."""

    def to_json(self) -> dict[str, Any]:
        return {
            "score": None,
            "level": self.level,
            "levels": None,
            "scale": [0, 100],
            "higher_is_better": True,
            "answer": self.answer,
            "worded": self.worded,
        }


@dataclass(frozen=True, slots=True)
class Referral:
    """Task 4: the distortions inside a box, in words."""

    question: str
    box: Box
    answer: str
    distortions: tuple[Distortion, ...]
    other: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        out: dict[str, Any] = {
            "question": self.question,
            "box": list(self.box),
            "answer": self.answer,
            "distortions": [d.to_json() for d in self.distortions],
        }
        if self.other:
            out["other"] = list(self.other)
        return out


@dataclass(frozen=True, slots=True)
class Grounding:
    """Task 3: the region a question asks for, as words, a point and a mask.

    Three shapes: a region (`point`, `box`, `mask` set), the whole photo (`whole`, `point` None,
    full mask, area 1), nothing at fault (`point`, `box`, `mask` None, area 0).
    """

    question: str
    answer: str
    point: tuple[float, float] | None
    probed: bool
    """The answer had no positional word; the place was read after a forced spatial phrase."""
    box: Box | None
    area: float
    """Share of the photo inside the mask, 0-1."""
    mask: Mask | None
    whole: bool
    files: Files | None = None
    probability: npt.NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    """(height, width) float32 in 0-1 at the photo's own size: the segmenter's mask probability.
    For pictures only; not part of the JSON form. None when nothing is at fault."""
    pixels: npt.NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)
    """(height, width, 3) uint8 RGB, the upright photo, when the caller asked to keep it."""

    def to_json(self) -> dict[str, Any]:
        return {
            "question": self.question,
            "answer": self.answer,
            "point": None if self.point is None else list(self.point),
            "probed": self.probed,
            "box": None if self.box is None else list(self.box),
            "area": self.area,
            "mask": None if self.mask is None else self.mask.to_json(),
            "whole": self.whole,
            "files": None if self.files is None else self.files.to_json(),
        }


@dataclass(frozen=True, slots=True)
class WordedGrounding:
    """Task 3 by a server that gives no log-probabilities: a region in words, and no point."""

    question: str
    answer: str
    worded: str
    """Why there are words alone."""

    def to_json(self) -> dict[str, Any]:
        return {
            "question": self.question,
            "answer": self.answer,
            "point": None,
            "probed": False,
            "box": None,
            "area": None,
            "mask": None,
            "whole": False,
            "files": None,
            "worded": self.worded,
        }


@dataclass(frozen=True, slots=True)
class Audited:
    """A shot of a shoot: what describe, score and ground say of it, from one look."""

    score: Score | WordedScore
    description: Description
    region: Grounding | WordedGrounding
    """The most distorted region."""
    why: str
    """One line: why this score, in the model's own words, the worst first."""
    facts: Facts

    def to_json(self) -> dict[str, Any]:
        score = self.score.to_json()
        if "answer" in score:  # the description's own answer has that name
            score["score_answer"] = score.pop("answer")
        return {
            **score,
            **self.description.to_json(),
            "why": self.why,
            "region": self.region.to_json(),
            "facts": self.facts.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a photo could not be judged."""

    code: str
    message: str
    hint: str

    def to_json(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message, "hint": self.hint}


Result: TypeAlias = (
    Description | Score | WordedScore | Referral | Grounding | WordedGrounding | Audited
)


@dataclass(frozen=True, slots=True)
class Record:
    """One photo (for boxed commands: one photo and box), judged or failed."""

    command: Command
    photo: str
    """The path as given; undecodable bytes are escaped and `photo_b64` holds the true bytes."""
    model: str
    revision: str
    seconds: float
    looked_at: tuple[View, ...]
    outcome: Result | Failure
    photo_b64: str | None = None
    raw: str | None = None
    """The RAW file of the same shot (`spider_cli.shots`), as `photo` is given."""
    raw_b64: str | None = None
    read_as: str | None = None
    """Of a camera RAW file, which picture of it was looked at, with its size."""
    max_pixels: int | None = None
    """The budget (`spider_cli.budget`): what `looked_at` shows of the whole photo at once has no
    more. None: the model has none, its own settings alone decide."""
    untuned: bool = False
    """The model is a base that was never tuned for spider: it was asked with instructions."""
    quantize: "Quantize | None" = None
    """The layers of the language model were kept in 8 or 4 bits a weight: answers move."""
    notes: tuple[str, ...] = ()
    """Worth a warning on stderr (first frame of an animation, box clipped); not in the JSON."""
    flagged: tuple[str, ...] = ()
    """Of an audit: which of the conditions of ``--flag`` hold, as they were typed."""
    burst: int | None = None
    """Of an audit: the number of the shot's burst, from 1; None where no other shot is like it."""
    pick: bool | None = None
    """Of an audit: the best of its burst, or alone; None as long as bursts are not known."""

    @property
    def failed(self) -> bool:
        return isinstance(self.outcome, Failure)

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON values, fields in their documented order."""
        out: dict[str, Any] = {"schema": SCHEMA, "command": self.command, "photo": self.photo}
        if self.photo_b64 is not None:
            out["photo_b64"] = self.photo_b64
        if self.raw is not None:
            out["raw"] = self.raw
        if self.raw_b64 is not None:
            out["raw_b64"] = self.raw_b64
        if self.read_as is not None:
            out["read_as"] = self.read_as
        out |= {
            "model": self.model,
            "revision": self.revision,
            **({"untuned": True} if self.untuned else {}),
            **({} if self.quantize is None else {"quantize": self.quantize}),
            "seconds": round(self.seconds, 4),
            "max_pixels": self.max_pixels,
            "looked_at": [view.to_json() for view in self.looked_at],
        }
        if isinstance(self.outcome, Failure):
            return out | {"error": self.outcome.to_json()}
        out |= self.outcome.to_json()
        if isinstance(self.outcome, Audited):
            out["flagged"] = list(self.flagged)
            if self.pick is not None:
                out |= {"burst": self.burst, "pick": self.pick}
        return out
