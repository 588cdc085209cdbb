"""The expensive part, once: each photo looked at, asked its questions, and embedded.

What is kept is small: the words' evidence for every closed set, where a rule asks back how likely
the model says the same of each candidate, the true masks run-length coded.
Embeddings lie in a passing folder, one file a photo, and come back one at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from spider_cli.asking_back import candidates, faults_said, questions_back
from spider_cli.auditor import Auditor
from spider_cli.evidence import Asked, Evidence, evidence_of
from spider_cli.lmm import Ask, Look
from spider_cli.masks import decode_mask, encode_mask
from spider_cli.prompts import Point
from spider_cli.reading import says_nothing, says_whole
from spider_cli.results import Mask
from spider_cli.rules import Rule
from spider_cli.segmenter import Candidate, Embedding, Segmenter
from trainer.datasets.schema import Item
from trainer.evaluate.asking import asked_of
from trainer.evaluate.benchmark import Benchmark
from trainer.evaluate.cases import Case
from trainer.evaluate.grading import target_mask
from trainer.truth import BoolMask

__all__ = ["Question", "Said", "Shot", "Store", "ask_all"]

Said: TypeAlias = Literal["place", "whole", "nothing"]
Words: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Question:
    """One question about a region, with what the answer's words say."""

    case: Case
    answer: str
    said: Said
    evidence: dict[Words, Evidence]
    """Closed sets, vertical and horizontal -> chi; empty unless a place was said."""
    target: Mask
    centre: tuple[float, float]
    """Centre of the true region's area, as fractions of width and height."""
    asked_back: tuple[float, ...] = ()
    """Of each of the photo's candidates, how likely the model says of it what the answer says
    (logarithms); only where a rule goes by it."""

    def truth(self) -> BoolMask:
        """(height, width) mask of the true region."""
        return decode_mask(self.target)

    @property
    def fixed(self) -> float | None:
        """The overlap of an answer without a place, whatever the rule; None where it has one."""
        if self.said == "place":
            return None
        return float(self.truth().mean()) if self.said == "whole" else 0.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One photo and its questions."""

    photo: str
    size: tuple[int, int]
    """Height and width."""
    questions: tuple[Question, ...]
    regions: tuple[Point, ...] = ()
    """Points of its candidates, in their order; only where a rule asks back."""


class Store:
    """A segmenter's embeddings in a folder.

    Args:
        folder: is there, and is someone else's to remove.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, Embedding] = {}

    def put(self, photo: str, embedding: Embedding) -> None:
        from safetensors.torch import save_file

        features = embedding.features.detach().cpu().contiguous()
        save_file({"features": features}, self._path(len(self._known)))
        self._known[photo] = Embedding(features[:0], embedding.original, embedding.resized)

    def get(self, photo: str, device: str) -> Embedding:
        from safetensors.torch import load_file

        one = self._known[photo]
        path = self._path(list(self._known).index(photo))
        return Embedding(load_file(path)["features"].to(device), one.original, one.resized)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.safetensors"


def ask_all(
    benchmark: Benchmark,
    cases: Sequence[Case],
    auditor: Auditor,
    segmenter: Segmenter,
    rules: Iterable[Rule],
    store: Store,
    *,
    step: Callable[[], None] = lambda: None,
) -> list[Shot]:
    """Ask every question about a region once.

    Args:
        cases: of the benchmark, each with a region as its target.
        rules: whose closed sets are read.
        store: gets the embedding of each photo of which an answer names a place.
        step: called after each photo.
    """
    rules = list(rules)
    sets = {rule.words: rule for rule in rules}
    back = any(rule.mask == "asked" for rule in rules)
    wanted = {case.id for case in cases}
    found: list[Shot] = []
    for opened in benchmark.photos({case.photo for case in cases}):
        if opened.item is not None:
            own = [case for case in opened.cases if case.id in wanted]
            pixels = opened.item.sample.pixels
            height, width = pixels.shape[:2]
            [look] = auditor.load().look([pixels])
            questions = tuple(_ask(auditor, opened.item, look, own, list(sets.values())))
            regions: Sequence[Candidate] = ()
            if any(one.said == "place" for one in questions):
                embedding = segmenter.embed(pixels)
                store.put(own[0].photo, embedding)
                if back:
                    regions = candidates(segmenter, embedding)
                    questions = tuple(_asked_back(auditor, look, one, regions) for one in questions)
            points = tuple(one.point for one in regions)
            found.append(Shot(own[0].photo, (height, width), questions, points))
        step()
    return found


def _ask(
    auditor: Auditor, item: Item, look: Look, cases: Sequence[Case], rules: Sequence[Rule]
) -> Iterator[Question]:
    model, size = auditor.load(), auditor.batch_size
    asks = [Ask(look, asked_of(auditor, case)) for case in cases]
    answers = [
        answer
        for start in range(0, len(asks), size)
        for answer in model.ask(asks[start : start + size])
    ]
    said = [_said(answer.text) for answer in answers]
    placed = [
        (case, Asked(look, ask.question, answer))
        for case, ask, answer, what in zip(cases, asks, answers, said, strict=True)
        if what == "place"
    ]
    evidence: dict[str, dict[Words, Evidence]] = {case.id: {} for case in cases}
    for rule in rules:
        read = evidence_of(model, [asked for _, asked in placed], rule, batch_size=size)
        for (case, _), one in zip(placed, read, strict=True):
            evidence[case.id][rule.words] = one
    masks = tuple(region.mask for region in item.sample.regions)
    for case, answer, what in zip(cases, answers, said, strict=True):
        mask = target_mask(case, masks)
        yield Question(
            case, answer.text.strip(), what, evidence[case.id], encode_mask(mask), _centre(mask)
        )


def _asked_back(
    auditor: Auditor, look: Look, question: Question, regions: Sequence[Candidate]
) -> Question:
    if question.said != "place":
        return question
    faults = faults_said(question.answer)
    if not faults:
        return replace(question, asked_back=(0.0,) * len(regions))
    asks = [
        Ask(look, auditor.worded("refer_short", text))
        for text in questions_back(regions, *look.size)
    ]
    told = auditor.load().likelihoods(asks, faults, auditor.batch_size)
    return replace(question, asked_back=tuple(told))


def _said(text: str) -> Said:
    """What `spider ground` makes of an answer."""
    return "whole" if says_whole(text) else "nothing" if says_nothing(text) else "place"


def _centre(mask: BoolMask) -> tuple[float, float]:
    y, x = np.nonzero(mask)
    height, width = mask.shape
    return (float(x.mean()) + 0.5) / width, (float(y.mean()) + 0.5) / height
