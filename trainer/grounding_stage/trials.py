"""The cheap part, many times: rules and temperatures tried on what was asked and embedded.

The segmenter answers every prompt once, whichever rules and temperatures come to it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spider_cli.asking_back import beforehand, best
from spider_cli.grounding import Reading
from spider_cli.masks import decode_mask, encode_mask
from spider_cli.prompts import cell_shares
from spider_cli.results import Mask
from spider_cli.rules import Prompt, Rule
from spider_cli.segmenter import Candidate, Embedding, Segment, Segmenter
from trainer.grounding_stage.asking import Question, Shot, Store
from trainer.metrics import iou
from trainer.truth import BoolMask

__all__ = ["GRID", "Trials", "best_temperature", "refined"]

GRID: tuple[float, ...] = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8)
"""Temperatures that are tried first."""
_TOGETHER = 16
"""Prompts that the segmenter decodes together."""
_FAR = 1.4
"""Between neighbours of the grid, and beyond its ends."""

Numbers = npt.NDArray[np.float64]
_NOWHERE = np.zeros((1, 1))


@dataclass(frozen=True, slots=True)
class _Proposal:
    """What a rule needs to know of one of the segmenter's masks."""

    overlap: float
    quality: float
    shares: dict[tuple[int, int], Numbers]


@dataclass(frozen=True, slots=True)
class _Regions:
    """A photo's candidates, whole where they were wanted (run lengths: a large photo has many)."""

    found: tuple[Candidate, ...] = ()
    masks: dict[int, Mask] = field(default_factory=dict)

    def mask(self, number: int) -> BoolMask:
        """At the photo's own size."""
        if number not in self.masks:
            self.masks[number] = encode_mask(self.found[number].whole().mask)
        return decode_mask(self.masks[number])


class Trials:
    """Overlaps of every rule at every temperature that was tried, question by question.

    Args:
        shots: photos with their questions.
        rules: to try.
        segmenter: makes the masks.
        store: has the photos' embeddings.
    """

    def __init__(
        self, shots: Sequence[Shot], rules: Sequence[Rule], segmenter: Segmenter, store: Store
    ) -> None:
        self.shots = shots
        self.rules = {rule.name: rule for rule in rules}
        self.segmenter = segmenter
        self.store = store
        self.questions = [one for shot in shots for one in shot.questions]
        self.overlaps: dict[str, dict[float, Numbers]] = {name: {} for name in self.rules}
        """Rule -> temperature -> (questions,) intersection over union."""
        self.masks = 0
        """How many prompts the segmenter was given."""
        self._grids = {
            (len(rule.vertical), len(rule.horizontal)) for rule in rules if rule.mask == "agreement"
        }

    def run(
        self, wanted: Mapping[str, Sequence[float]], *, step: Callable[[], None] = lambda: None
    ) -> None:
        """Try these temperatures of each rule, photo by photo.

        Args:
            wanted: rule -> temperatures; those tried before are not tried again.
            step: called after each photo.
        """
        due = [
            (name, tau)
            for name, taus in wanted.items()
            for tau in dict.fromkeys(taus)
            if tau not in self.overlaps[name]
        ]
        rows: dict[tuple[str, float], list[float]] = {one: [] for one in due}
        for shot in self.shots:
            placed = any(one.said == "place" for one in shot.questions)
            embedding, regions = None, _Regions()
            if placed and due:
                embedding = self.store.get(shot.photo, str(self.segmenter.model.device))
                if any(self.rules[name].mask == "asked" for name, _ in due):
                    regions = _Regions(tuple(self.segmenter.regions_at(embedding, shot.regions)))
            for question in shot.questions:
                fixed = question.fixed
                if fixed is not None:
                    for own in rows.values():
                        own.append(fixed)
                elif embedding is not None:
                    for key, overlap in self._tried(question, shot.size, embedding, due):
                        rows[key].append(overlap)
                    for key, overlap in self._asked_back(question, regions, due):
                        rows[key].append(overlap)
            step()
        for (name, tau), values in rows.items():
            self.overlaps[name][tau] = np.array(values)

    def means(self, name: str) -> dict[float, float]:
        """mIoU of a rule at each temperature tried."""
        return {tau: float(one.mean()) for tau, one in sorted(self.overlaps[name].items())}

    def _tried(
        self,
        question: Question,
        size: tuple[int, int],
        embedding: Embedding,
        due: Sequence[tuple[str, float]],
    ) -> Iterator[tuple[tuple[str, float], float]]:
        height, width = size
        readings: dict[tuple[str, float], tuple[list[float], list[float], Prompt]] = {}
        for name, tau in due:
            rule = self.rules[name]
            if rule.mask == "asked":
                continue
            read = Reading.of(question.evidence[rule.words], tau)
            vertical, horizontal = list(read.vertical), list(read.horizontal)
            prompt = _snapped(rule.prompt(vertical, horizontal, width, height))
            readings[name, tau] = vertical, horizontal, prompt
        made = self._made({one[2] for one in readings.values()}, embedding, question.truth())
        for (name, tau), (vertical, horizontal, prompt) in readings.items():
            proposals = made[prompt]
            index = self.rules[name].choose(
                [one.quality for one in proposals],
                [one.shares.get((len(vertical), len(horizontal)), _NOWHERE) for one in proposals],
                vertical,
                horizontal,
            )
            yield (name, tau), proposals[index].overlap

    def _asked_back(
        self, question: Question, regions: _Regions, due: Sequence[tuple[str, float]]
    ) -> Iterator[tuple[tuple[str, float], float]]:
        truth = question.truth()
        overlaps: dict[int, float] = {}
        for name, tau in due:
            rule = self.rules[name]
            if rule.mask != "asked":
                continue
            read = Reading.of(question.evidence[rule.words], tau)
            weights = beforehand(regions.found, list(read.horizontal), list(read.vertical))
            chosen = best(weights, lambda which: [question.asked_back[i] for i in which])
            if chosen not in overlaps:
                overlaps[chosen] = iou(regions.mask(chosen), truth)
            yield (name, tau), overlaps[chosen]

    def _made(
        self, prompts: set[Prompt], embedding: Embedding, truth: BoolMask
    ) -> dict[Prompt, list[_Proposal]]:
        """Each prompt's proposals; those of the same labels are decoded together."""
        alike: dict[tuple[int, ...], list[Prompt]] = defaultdict(list)
        for prompt in sorted(prompts, key=lambda one: one.points):
            alike[prompt.labels].append(prompt)
        self.masks += len(prompts)
        made: dict[Prompt, list[_Proposal]] = {}
        for labels, own in alike.items():
            for start in range(0, len(own), _TOGETHER):
                part = own[start : start + _TOGETHER]
                each = self.segmenter.propose_each(embedding, [one.points for one in part], labels)
                for prompt, masks in zip(part, each, strict=True):
                    made[prompt] = [self._proposal(mask, truth) for mask in masks]
        return made

    def _proposal(self, segment: Segment, truth: BoolMask) -> _Proposal:
        shares = {grid: cell_shares(segment.mask, *grid) for grid in self._grids}
        return _Proposal(iou(segment.mask, truth), segment.quality, shares)


def _snapped(prompt: Prompt) -> Prompt:
    """The prompt to a quarter of a pixel: no mask changes for less, and fewer are to be made."""
    points = tuple((round(4 * x) / 4, round(4 * y) / 4) for x, y in prompt.points)
    return Prompt(points, prompt.labels)


def best_temperature(means: dict[float, float]) -> float:
    """The temperature of the highest mIoU; of equal ones the nearest to 1."""
    return max(means, key=lambda tau: (means[tau], -abs(np.log(tau))))


def refined(means: dict[float, float]) -> list[float]:
    """Temperatures to try around the best: two between it and each neighbour, and beyond the end
    where it is the lowest or the highest."""
    tried = sorted(means)
    best = tried.index(best_temperature(means))
    below = tried[best - 1] if best else tried[best] / _FAR
    above = tried[best + 1] if best + 1 < len(tried) else tried[best] * _FAR
    found = [] if best else [below]
    found += [] if best + 1 < len(tried) else [above]
    for low, high in ((below, tried[best]), (tried[best], above)):
        found += [float(f"{low ** (1 - k / 3) * high ** (k / 3):.3g}") for k in (1, 2)]
    return sorted(float(f"{one:.3g}") for one in found)
