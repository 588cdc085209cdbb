"""What no system should be worse than, and what its segmenter could do with perfect words.

random        another row's true answer: drawn from what is true of the benchmark
most frequent what is true most often, always
constant      the same score for every photo
centre point  the segmenter at the middle of the photo; random point: anywhere
full image    the mask of the whole photo
oracle point  the segmenter at a point inside the true region; knows what is whole or absent
"""

import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from trainer.evaluate.cases import Case
from trainer.evaluate.grading import Segment, grade, mask_outcome
from trainer.evaluate.outcomes import Outcome, Prediction
from trainer.truth import BoolMask

__all__ = ["BASELINES", "Baselines"]

BASELINES: dict[str, str] = {
    "random": "random",
    "most_frequent": "most frequent",
    "constant": "constant",
    "centre_point": "centre point",
    "random_point": "random point",
    "full_image": "full image",
    "oracle_point": "oracle point",
}
"""Name in files -> name in tables, in the order of the columns."""


class Baselines:
    """Answers every case without looking at the photo.

    Args:
        cases: all that will be asked; what is true of them is what "random" draws from.
        seed: of the draws, which do not depend on the order or the number of cases asked.
    """

    def __init__(self, cases: Sequence[Case], seed: int) -> None:
        self.seed = seed
        self.pools: dict[str, list[Case]] = {}
        for case in cases:
            self.pools.setdefault(case.task, []).append(case)
        self.usual = {task: _most_frequent(pool) for task, pool in self.pools.items()}

    def outcomes(
        self, case: Case, *, target: BoolMask | None = None, segment: Segment | None = None
    ) -> dict[str, Outcome]:
        """Baseline's name -> its outcome.

        Args:
            target: of grounding cases, the mask that is right.
            segment: of grounding cases, the photo's segmenter.
        """
        rng = np.random.default_rng([self.seed, zlib.crc32(case.id.encode())])
        pool = self.pools[case.task]
        drawn, usual = pool[int(rng.integers(len(pool)))], self.usual[case.task]
        if case.task == "score":
            return {"random": Outcome(score=drawn.mos), "constant": Outcome(score=0.5)}
        if case.task == "choice":
            guess = int(rng.integers(len(case.options)))
            fitting = min(usual.correct or 0, len(case.options) - 1)
            return {"random": Outcome(choice=guess), "most_frequent": Outcome(choice=fitting)}
        if case.grounding:
            if target is None or segment is None:
                return {}
            return self._masks(case, drawn, usual, target, segment)
        return {
            name: grade(case, Prediction(answer=one.reference))
            for name, one in (("random", drawn), ("most_frequent", usual))
        }

    def _masks(
        self, case: Case, drawn: Case, usual: Case, target: BoolMask, segment: Segment
    ) -> dict[str, Outcome]:
        height, width = case.size
        # One point a photo: its mask serves all of the photo's questions.
        rng = np.random.default_rng([self.seed, zlib.crc32(case.photo.encode()), 1])
        anywhere = (float(rng.uniform(0, width)), float(rng.uniform(0, height)))

        def at(point: tuple[float, float]) -> Outcome:
            return mask_outcome(segment(point), target, point)

        def like(other: Case) -> Outcome:
            if other.point is None:
                return mask_outcome(np.full(case.size, other.target == "whole", bool), target)
            return at((other.point[0] * width, other.point[1] * height))

        return {
            "random": like(drawn),
            "most_frequent": like(usual),
            "centre_point": at((width / 2, height / 2)),
            "random_point": at(anywhere),
            "full_image": mask_outcome(np.ones(case.size, bool), target),
            "oracle_point": like(case),
        }


def _most_frequent(pool: Sequence[Case]) -> Case:
    """The first of the cases whose truth is the commonest; of regions, the one in the middle."""
    counts = Counter(_truth(case) for case in pool)
    most = max(counts.values())
    common = next(truth for truth, count in counts.items() if count == most)
    fitting = [case for case in pool if _truth(case) == common]
    points = [case.point for case in fitting if case.point is not None]
    if not points:
        return fitting[0]
    middle = np.median(np.array(points), axis=0)
    return min(
        (case for case in fitting if case.point is not None),
        key=lambda case: float(np.abs(np.array(case.point) - middle).sum()),
    )


def _truth(case: Case) -> object:
    if case.grounding:
        return case.target, case.words
    if case.task == "choice":
        return case.correct
    named = sorted((one.family, one.severity) for one in case.distortions)
    return tuple(named), tuple(sorted(case.other))
