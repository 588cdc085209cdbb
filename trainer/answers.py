"""Truth -> questions and answers of the four tasks, in few and regular sentence shapes.

Wherever an answer names a region's place it says "the <vertical> <horizontal>", both words always,
and a span records the value each word stands for, so that it can be taught as a soft target.
"""

from collections.abc import Sequence

import numpy as np

from spider_cli.questions import box_phrase
from spider_cli.results import Box
from spider_cli.vocabulary import HORIZONTAL, VERTICAL
from trainer.boxes import BoxFinder
from trainer.grounding_answers import MIN_GAP, grounding_rows
from trainer.regions import position_words
from trainer.rows import QA, USUAL, Span, Task, Text, listed, long_list, named, truth_of
from trainer.templates import draw, pick
from trainer.truth import Applied, Sample

__all__ = ["MIN_GAP", "QA", "Span", "Task", "questions_and_answers"]

_CLEAN_BOX_SHARE = 0.3
"""Chance of asking about a clean box in a photo with distorted regions."""
_CLEAN_PART = 0.05
"""Share of a quarter or half of the photo that may be distorted where it counts as clean."""
_HALVES_SHARE = 0.25
"""Chance of asking by one positional word ("the left") too."""


def questions_and_answers(sample: Sample, rng: np.random.Generator) -> list[QA]:
    """All the tasks' questions this sample has a fair answer to, worded at random.

    All is drawn afresh from `rng`: call again for other wordings, boxes and absent families.
    """
    finder = BoxFinder(
        sample.pixels.shape[:2],
        [region.mask for region in sample.regions],
        whole=bool(sample.whole),
    )
    rows = [_describe(sample, rng)]
    rows += _describe_places(sample, finder, rng)
    rows += _boxed(sample, finder, rng)
    return rows + grounding_rows(sample, rng)


# --- task 1 -------------------------------------------------------------------------------------


def _describe(sample: Sample, rng: np.random.Generator) -> QA:
    """Task 1: every region in turn, the most degraded first."""
    text = Text(sample)
    if sample.clean:
        text.write(
            pick(("The image shows no visible distortion.", "The image is clean."), rng, 0.8)
        )
    elif sample.whole:
        text.write(f"The whole image shows {listed(sample.whole)}.")
    regions = sorted(sample.regions, key=lambda region: -region.total)
    for region in regions:
        words = listed(region.distortions)
        shapes = (
            f"The region on {{place}} shows {words}.",
            f"The region on {{place}} has {words}.",
        )
        text.write(pick(shapes, rng, USUAL), region)
    if regions:
        text.write("The rest of the image is clean.")
    shown = [*sample.whole, *(a for region in regions for a in region.distortions)]
    return QA(
        "describe", draw("describe", rng), text.text, truth_of(shown), spans=tuple(text.spans)
    )


# --- tasks 2 and 4 ------------------------------------------------------------------------------


def _region_answer(distortions: Sequence[Applied], rng: np.random.Generator) -> str:
    if not distortions:
        return "This region shows no visible distortion."
    return f"This region shows {long_list(distortions, rng)}."


def _describe_places(sample: Sample, finder: BoxFinder, rng: np.random.Generator) -> list[QA]:
    """Task 2 by positional words, where the words mean one region or one clean part."""
    height, width = sample.pixels.shape[:2]
    held = [position_words(region.box, width, height) for region in sample.regions]
    places: list[tuple[str, ...]] = [(v, h) for v in VERTICAL for h in HORIZONTAL]
    if rng.random() < _HALVES_SHARE:
        places += [(word,) for word in (*VERTICAL, *HORIZONTAL)]
    rows: list[QA] = []
    elsewhere = False  # one question about a part that is no region is enough
    for order in rng.permutation(len(places)):
        place = places[order]
        here = [number for number, words in enumerate(held) if set(place) <= set(words)]
        index: int | None = None
        if len(here) == 1:
            index = here[0]
            shown: Sequence[Applied] = sample.regions[index].distortions
        elif elsewhere or here:
            continue
        elif sample.whole:
            shown = sample.whole
        elif finder.distorted(_part(place, width, height)) < _CLEAN_PART:
            shown = ()
        else:
            continue
        elsewhere = elsewhere or index is None
        question = draw("describe_place", rng, place=" ".join(place))
        rows.append(
            QA("describe_region", question, _region_answer(shown, rng), truth_of(shown), index)
        )
    return rows


def _part(place: tuple[str, ...], width: int, height: int) -> Box:
    """The quarter or half of the photo that positional words name."""
    x, y = width // 2, height // 2
    return (
        x if "right" in place else 0,
        y if "bottom" in place else 0,
        x if "left" in place else width,
        y if "top" in place else height,
    )


def _boxed(sample: Sample, finder: BoxFinder, rng: np.random.Generator) -> list[QA]:
    """Tasks 2 and 4 by box: one box for every region, and clean ones."""
    targets: list[tuple[Box, Sequence[Applied], int | None]] = []
    for number, region in enumerate(sample.regions):
        found = finder.of_region(number, region.box, region.point, rng)
        if found is not None:
            targets.append((found, region.distortions, number))
    if not sample.regions:
        # A vignette spares the middle: only a box of nearly all the photo carries it.
        placed = any(applied.kind == "darken_vignette" for applied in sample.whole)
        targets.append((finder.anywhere(rng, 0.8 if placed else 0.03), sample.whole, None))
    elif rng.random() < _CLEAN_BOX_SHARE:
        clean = finder.clean(rng)
        if clean is not None:
            targets.append((clean, (), None))
    height, width = sample.pixels.shape[:2]
    rows: list[QA] = []
    for box, shown, index in targets:
        phrase, truth = box_phrase(box, width, height), truth_of(shown)
        short = ", ".join(named(a) for a in shown) or "no visible distortion"
        rows += [
            QA("refer_short", draw("refer_short", rng, box=phrase), short, truth, index, box),
            QA(
                "refer_long",
                draw("refer_long", rng, box=phrase),
                _region_answer(shown, rng),
                truth,
                index,
                box,
            ),
        ]
        if rng.random() < 0.5:
            rows.append(
                QA(
                    "describe_region",
                    draw("describe_box", rng, box=phrase),
                    _region_answer(shown, rng),
                    truth,
                    index,
                    box,
                )
            )
    return rows
