"""What a data set should hold: how many photos, which shares of scenes, faults and questions."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast

from spider_cli.errors import UsageError, did_you_mean
from spider_cli.vocabulary import FAMILIES, SEVERITIES, family_named
from trainer.rows import SUBTASKS, Task

__all__ = ["EDGES", "TASKS", "BuildConfig", "read_config", "tasks_named"]

TASKS: tuple[Task, ...] = (
    "describe",
    "describe_region",
    "refer_short",
    "refer_long",
    "ground_hyd",
    "ground_sid",
    "ground_dao",
)
_GROUPS: dict[str, tuple[Task, ...]] = {
    "global": ("describe",),
    "local": ("describe_region",),
    "refer": ("refer_short", "refer_long"),
    "ground": ("ground_hyd", "ground_sid", "ground_dao"),
    **{task: (task,) for task in TASKS},
}
"""Names that `--tasks` takes."""
EDGES = ("mixed", "hard", "soft")
REGION_SOURCES = ("auto", "given", "segmenter", "superpixels", "blobs")


def _even(names: Iterable[str]) -> dict[str, float]:
    return dict.fromkeys(names, 1.0)


def _subtasks() -> dict[str, dict[str, float]]:
    return {
        "describe_region": {"place": 0.45, "box": 0.55, "label": 0.0},
        "refer_short": {"one": 0.5, "two": 0.25, "clean": 0.25},
        "refer_long": {"one": 0.5, "two": 0.25, "clean": 0.25},
        "ground_hyd": _even(SUBTASKS["ground_hyd"]),
        "ground_sid": _even(SUBTASKS["ground_sid"]),
        "ground_dao": _even(SUBTASKS["ground_dao"]),
    }


@dataclass(frozen=True, slots=True)
class BuildConfig:
    """Every choice of `spider data build`; a TOML file may set any of them."""

    size: int = 1000
    "Distorted photos. Clean ones come on top. Photos given may be used several times."
    seed: int = 0
    "The same seed, photos and libraries give the same bytes."
    side: int = 512
    "Photos are shrunk to this long side, in pixels; never enlarged."
    clean: float = 0.1
    "Share of all photos in which nothing is wrong."
    whole: float = 0.15
    "Share of the distorted photos that are distorted all over, not in regions."
    other: float = 0.03
    "Share of the distorted photos with a fault of no family (lens flare, ...), all over."
    regions: dict[str, float] = field(default_factory=lambda: {"1": 0.2, "2": 0.5, "3": 0.3})
    "How many regions of a photo are distorted: number -> share."
    two: float = 0.2
    "Share of the regions (and of whole photos) that get two distortions."
    repeat: float = 0.4
    "Share of further regions that repeat a family of the photo at another strength."
    authentic: float = 0.15
    "Share of the faults made as cameras make them, where the family has such types."
    edges: str = "mixed"
    "Edges of regions: hard, soft, or mixed (half each)."
    region_source: str = "auto"
    "Where regions come from: auto, given, segmenter, superpixels or blobs."
    families: dict[str, float] = field(default_factory=lambda: _even(FAMILIES))
    "Share of each family among the distortions."
    severities: dict[str, float] = field(default_factory=lambda: _even(SEVERITIES))
    "Share of each severity."
    rows: float = 8.0
    "Questions per photo, on average, with all the tasks."
    tasks: dict[str, float] = field(
        default_factory=lambda: {
            "describe": 0.125,
            "describe_region": 0.215,
            "refer_short": 0.14,
            "refer_long": 0.14,
            "ground_hyd": 0.14,
            "ground_sid": 0.14,
            "ground_dao": 0.1,
        }
    )
    "Share of each task among the questions."
    subtasks: dict[str, dict[str, float]] = field(default_factory=_subtasks)
    "Share of each sub-task inside its task. Those of `describe` follow from the photos."
    splits: dict[str, float] = field(
        default_factory=lambda: {"train": 0.85, "validation": 0.05, "test": 0.1}
    )
    "Share of each split; sources and look-alikes stay together."

    def __post_init__(self) -> None:
        _number("size", self.size, 1, 10_000_000)
        _number("side", self.side, 64, 4096)
        _number("rows", self.rows, 0.5, 30)
        for name in ("clean", "whole", "other", "two", "repeat", "authentic"):
            _number(name, getattr(self, name), 0, 1)
        if self.clean >= 1:
            raise UsageError("clean = 1 leaves no photo to distort")
        if self.whole + self.other > 1:
            raise UsageError(f"whole ({self.whole}) and other ({self.other}) are more than 1")
        for name, value, options in (
            ("edges", self.edges, EDGES),
            ("region_source", self.region_source, REGION_SOURCES),
        ):
            if value not in options:
                raise UsageError(f"{name} is {value!r}", hint=f"one of {', '.join(options)}")
        _shares("families", self.families, FAMILIES)
        _shares("severities", self.severities, SEVERITIES)
        _shares("tasks", self.tasks, TASKS)
        _shares("regions", self.regions, ("1", "2", "3", "4"))
        _shares("splits", self.splits, None)
        _shares("subtasks", dict.fromkeys(self.subtasks, 1.0), TASKS)
        for task, shares in self.subtasks.items():
            _shares(f"subtasks.{task}", shares, SUBTASKS[cast(Task, task)])
        for split in self.splits:
            if not split.isidentifier():
                raise UsageError(f"splits: {split!r} is no name of letters and digits")

    def with_tasks(self, tasks: Iterable[Task]) -> "BuildConfig":
        """The same, for these tasks alone, with as many questions of each as before."""
        wanted: set[str] = set(tasks)
        kept = {task: share for task, share in self.tasks.items() if task in wanted and share > 0}
        if not kept:
            raise UsageError(f"the config asks for no question of {', '.join(sorted(wanted))}")
        rows = self.rows * sum(kept.values()) / sum(self.tasks.values())
        return replace(self, tasks=kept, rows=max(rows, 0.5))

    @property
    def clean_photos_per_distorted(self) -> float:
        """Clean photos that come with one distorted photo."""
        return self.clean / (1 - self.clean)


def tasks_named(words: Iterable[str]) -> tuple[Task, ...]:
    """The tasks that `--tasks` names: their own names, or global, local, refer, ground.

    Raises:
        UsageError: there is none of that name.
    """
    found: dict[Task, None] = {}
    for word in words:
        plain = word.strip().lower().replace("-", "_").replace(" ", "_")
        if plain not in _GROUPS:
            raise UsageError(
                f"unknown task {word!r}",
                hint=f"{did_you_mean(plain, _GROUPS)}The tasks are: {', '.join(_GROUPS)}.",
                code="unknown_task",
            )
        found |= dict.fromkeys(_GROUPS[plain])
    return tuple(found)


def read_config(path: Path) -> dict[str, Any]:
    """The fields a TOML file sets, for `BuildConfig(**...)`.

    Raises:
        UsageError: it cannot be read, or names what there is not; file and field are said.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}", code="bad_config") from error
    known = {one.name: one for one in fields(BuildConfig)}
    for name, value in data.items():
        if name not in known:
            raise UsageError(
                f"{path}: there is no setting {name!r}",
                hint=f"{did_you_mean(name, known)}The settings are: {', '.join(known)}.",
                code="bad_config",
            )
        default = getattr(BuildConfig(), name)
        kind = (int, float) if isinstance(default, float) else type(default)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise UsageError(
                f"{path}: {name} must be {type(default).__name__}, not {value!r}",
                code="bad_config",
            )
    if "families" in data:
        data["families"] = {family_named(k): v for k, v in data["families"].items()}
    return data


def _number(name: str, value: Any, low: float, high: float) -> None:
    if not isinstance(value, int | float) or not low <= value <= high:
        raise UsageError(f"{name} must be from {low} to {high}, not {value!r}", code="bad_config")


def _shares(name: str, shares: dict[str, float], known: Iterable[str] | None) -> None:
    for key, share in shares.items():
        if known is not None and key not in known:
            raise UsageError(
                f"{name}: there is no {key!r}",
                hint=f"{did_you_mean(key, known)}It takes: {', '.join(known)}.",
                code="bad_config",
            )
        if not isinstance(share, int | float) or not 0 <= share < float("inf"):
            raise UsageError(f"{name}.{key} is not a share: {share!r}", code="bad_config")
    if not sum(shares.values()) > 0:
        raise UsageError(f"{name}: all shares are 0", code="bad_config")
