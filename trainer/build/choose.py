"""Which of the questions that may be asked are asked, so that tasks and sub-tasks get their shares.

Photos come in order, and every photo's questions are chosen with an eye on what was chosen before:
no sub-task runs ahead of its share, and those that few photos can serve come first.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trainer.build.config import BuildConfig

__all__ = ["RowChooser", "subtask_shares"]

_AT_ONCE = 2
"""Questions of one sub-task that one photo may be asked."""
_MOST = 2.5
"""Questions a photo may be asked, as a multiple of the average."""


def subtask_shares(config: BuildConfig, *, labels: bool) -> dict[tuple[str, str], float]:
    """(task, sub-task) -> share of all questions; they sum to 1.

    Args:
        labels: regions have labels, so that they can be asked about by name.
    """
    whole = config.whole + config.other
    scenes = {
        "regions": (1 - whole) * (1 - config.clean),
        "whole": whole * (1 - config.clean),
        "clean": config.clean,
    }
    total = sum(config.tasks.values())
    out: dict[tuple[str, str], float] = {}
    for task, share in config.tasks.items():
        inside = dict(scenes if task == "describe" else config.subtasks[task])
        if task == "describe_region":
            # A third by name where things have names, unless the config says otherwise.
            named = inside.get("label", 0.0) or sum(inside.values()) / 2
            inside["label"] = named if labels else 0.0
        weight = sum(inside.values())
        for subtask, part in inside.items():
            if part > 0 and share > 0:
                out[task, subtask] = share / total * part / weight
    return out


class RowChooser:
    """Chooses the questions of one split, photo by photo.

    Args:
        shares: (task, sub-task) -> share.
        rows: questions per photo, on average.
        rng: which of several alike is taken.
    """

    def __init__(
        self, shares: Mapping[tuple[str, str], float], rows: float, rng: np.random.Generator
    ) -> None:
        self.shares = shares
        self.rows = rows
        self.rng = rng
        self.photos = 0
        self.counts: Counter[tuple[str, str]] = Counter()

    def choose(self, candidates: Sequence[Mapping[str, Any]]) -> list[int]:
        """Numbers of the candidates to ask, ascending; at least one where there is any."""
        self.photos += 1
        due = self.photos * self.rows
        order = [int(i) for i in self.rng.permutation(len(candidates))]
        waiting: dict[tuple[str, str], list[int]] = {}
        for number in order:
            kind = (candidates[number]["task"], candidates[number]["subtask"])
            if kind in self.shares:
                waiting.setdefault(kind, []).append(number)
        chosen: list[int] = []
        taken: Counter[tuple[str, str]] = Counter()
        while waiting and len(chosen) < _MOST * self.rows:
            # How many questions of the kind are missing, as a part of what there should be.
            behind = {kind: (due * self.shares[kind] - self.counts[kind]) for kind in waiting}
            kind = max(behind, key=lambda k: behind[k] / self.shares[k])
            if behind[kind] < 0.5 and chosen:
                del waiting[kind]
                continue
            chosen.append(self._unlike(waiting[kind], candidates, chosen))
            self.counts[kind] += 1
            taken[kind] += 1
            if not waiting[kind] or taken[kind] >= _AT_ONCE:
                del waiting[kind]
        return sorted(chosen)

    def _unlike(
        self, options: list[int], candidates: Sequence[Mapping[str, Any]], chosen: Sequence[int]
    ) -> int:
        """Take the option whose target and answer nothing chosen has yet, where there is one."""

        def sameness(number: int) -> int:
            one = candidates[number]
            return sum(
                (one["region"] == candidates[other]["region"])
                + 2 * (one["answer"] == candidates[other]["answer"])
                for other in chosen
                if candidates[other]["task"] == one["task"]
            )

        best = min(options, key=sameness)
        options.remove(best)
        return best
