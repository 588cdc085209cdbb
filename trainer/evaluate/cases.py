"""What is asked: each gradable row of an item, with its truth and without its pixels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from spider_cli.results import Box, Distortion
from trainer.datasets.schema import Item, row_id
from trainer.regions import position_words
from trainer.rows import QA, Task
from trainer.truth import Sample

__all__ = ["GRADED", "Case", "Place", "Target", "cases_of"]

Target: TypeAlias = Literal["region", "whole", "absent", ""]
"""What a grounding question is after; "" for other tasks."""

GRADED: tuple[Task, ...] = (
    "refer_short",
    "refer_long",
    "ground_dao",
    "ground_hyd",
    "ground_sid",
    "describe",
    "describe_region",
    "score",
    "choice",
)
"""Tasks with a measure, in the order of the table."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is wrong in one place of a photo."""

    words: tuple[str, str] | None
    """Vertical and horizontal word of the region; None: the whole photo."""
    families: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One question, and what a right answer must have."""

    id: str
    """The row's ("000123-04"); for scores the photo's ("000123")."""
    photo: str
    """The item's id."""
    source: str
    """Path of the source photo, relative, '/'-joined."""
    cluster: str
    """Cases of a cluster are no independent witnesses: those of a photo and of its look-alikes."""
    task: Task
    subtask: str
    question: str
    reference: str
    """The data set's own answer."""
    size: tuple[int, int]
    """Height and width of the photo in pixels; (0, 0) where it cannot be opened."""
    distortions: tuple[Distortion, ...] = ()
    other: tuple[str, ...] = ()
    target: Target = ""
    region: int | None = None
    """Index of the region meant."""
    point: tuple[float, float] | None = None
    """A point inside the target region as fractions of width and height."""
    words: tuple[str, str] | None = None
    """Vertical and horizontal word of the target region."""
    box: Box | None = None
    """The box asked about (tasks 2 and 4)."""
    places: tuple[Place, ...] = ()
    """Of a description of the whole photo: what is where."""
    options: tuple[str, ...] = ()
    correct: int | None = None
    mos: float | None = None
    """0-1, higher is better."""
    regions: int | None = field(default=None, compare=False)
    """Distorted regions of the photo, where there are any. Older saved results lack it."""

    @property
    def grounding(self) -> bool:
        """The answer is a mask."""
        return bool(self.target)


def cases_of(item: Item) -> list[Case]:
    """The item's rows that can be graded; where it has an opinion score, one case for that.

    Left out: free conversation, multiple choice without a known answer, and rows of the score task
    (the item's own score says more than a level word).
    """
    height, width = item.sample.pixels.shape[:2]
    found: list[Case] = []
    for index, row in enumerate(item.rows):
        if row.task in ("score", "chat") or (row.task == "choice" and row.correct is None):
            continue
        found.append(_case(item, row, row_id(item.id, index), height, width))
    if item.mos is not None:
        found.append(
            Case(
                id=item.id,
                photo=item.id,
                source=item.source,
                cluster=item.group or item.id,
                task="score",
                subtask="mos",
                question="",
                reference="",
                size=(height, width),
                mos=item.mos,
                regions=len(item.sample.regions) or None,
            )
        )
    return found


def _case(item: Item, row: QA, name: str, height: int, width: int) -> Case:
    grounding = row.task.startswith("ground_")
    target: Target = ""
    point = words = None
    if grounding and row.region is not None:
        region = item.sample.regions[row.region]
        target = "region"
        point = region.point[0] / width, region.point[1] / height
        words = position_words(region.box, width, height)
    elif grounding:
        target = "whole" if row.truth or row.other else "absent"
    return Case(
        id=name,
        photo=item.id,
        source=item.source,
        cluster=item.group or item.id,
        task=row.task,
        subtask=row.subtask or _subtask(row, item.sample),
        question=row.question,
        reference=row.answer,
        size=(height, width),
        distortions=row.truth,
        other=row.other,
        target=target,
        region=row.region,
        point=point,
        words=words,
        box=None if grounding else row.box,
        places=_places(item.sample, height, width) if row.task == "describe" else (),
        options=row.options,
        correct=row.correct,
        regions=len(item.sample.regions) or None,
    )


def _subtask(row: QA, sample: Sample) -> str:
    """For rows that do not say: by what is true of them."""
    if row.task.startswith("refer_"):
        return ("clean", "one", "two")[min(2, len(row.truth) + len(row.other))]
    if row.task == "describe":
        return "clean" if sample.clean else "whole" if sample.whole else "regions"
    return ""


def _places(sample: Sample, height: int, width: int) -> tuple[Place, ...]:
    found: list[Place] = []
    whole = _families(a.family for a in sample.whole)
    if whole:
        found.append(Place(None, whole))
    for region in sample.regions:
        families = _families(a.family for a in region.distortions)
        if families:
            found.append(Place(position_words(region.box, width, height), families))
    return tuple(found)


def _families(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))


def tasks_of(cases: Sequence[Case]) -> tuple[Task, ...]:
    """The tasks that there are cases of, in the order of the table."""
    present = {case.task for case in cases}
    return tuple(task for task in GRADED if task in present)
