"""What a data set holds, beside what was asked for."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from spider_cli.vocabulary import FAMILIES, SEVERITIES
from trainer.build.config import BuildConfig

__all__ = ["Tally", "shares_of"]


class Tally:
    """Counts of photos, distortions and questions, as rows of the data set pass by."""

    def __init__(self) -> None:
        self.photos: Counter[str] = Counter()
        self.scenes: Counter[str] = Counter()
        self.families: Counter[str] = Counter()
        self.severities: Counter[str] = Counter()
        self.subtasks: Counter[tuple[str, str]] = Counter()
        self.regions: Counter[str] = Counter()
        self.two = 0

    def add(self, split: str, row: Mapping[str, Any]) -> None:
        """Count one photo (a row as `schema.to_row` makes it)."""
        self.photos[split] += 1
        self.scenes[row["scene"]] += 1
        if row["regions"]:
            self.regions[str(len(row["regions"]))] += 1
        groups = [region["distortions"] for region in row["regions"]]
        groups += [row["whole"]] if row["whole"] else []
        for group in groups:
            self.two += len(group) == 2
            for one in group:
                self.severities[one["severity"]] += 1
                if one["family"]:
                    self.families[one["family"]] += 1
        for qa in row["rows"]:
            self.subtasks[qa["task"], qa["subtask"]] += 1


def shares_of(
    tally: Tally, config: BuildConfig, subtasks: Mapping[tuple[str, str], float]
) -> list[dict[str, Any]]:
    """One line for each task, sub-task, family and severity: asked, reached, and their ratio.

    Returns:
        Dicts of "what" (task, subtask, family, severity), "name", "count", "asked" and "reached"
        (shares, 0-1) and "ratio" (reached / asked).
    """
    lines: list[dict[str, Any]] = []

    def add(what: str, asked: Mapping[str, float], counts: Mapping[str, int]) -> None:
        wanted, total = sum(asked.values()), sum(counts.values())
        for name, share in asked.items():
            if share <= 0:
                continue
            reached = counts.get(name, 0) / total if total else 0.0
            lines.append(
                {
                    "what": what,
                    "name": name,
                    "count": counts.get(name, 0),
                    "asked": round(share / wanted, 5),
                    "reached": round(reached, 5),
                    "ratio": round(reached / (share / wanted), 4),
                }
            )

    by_task: Counter[str] = Counter()
    asked_task: Counter[str] = Counter()
    for (task, _), count in tally.subtasks.items():
        by_task[task] += count
    for (task, _), share in subtasks.items():
        asked_task[task] += share  # type: ignore[assignment]
    add("task", asked_task, by_task)
    add(
        "subtask",
        {f"{task}/{name}": share for (task, name), share in subtasks.items()},
        {f"{task}/{name}": count for (task, name), count in tally.subtasks.items()},
    )
    add("family", {f: config.families.get(f, 0.0) for f in FAMILIES}, tally.families)
    add("severity", {s: config.severities.get(s, 0.0) for s in SEVERITIES}, tally.severities)
    return lines
