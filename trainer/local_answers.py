"""Tasks 2 and 4: one part of the photo, by its place, its name or a box."""

from collections.abc import Sequence

from spider_cli.questions import box_phrase
from spider_cli.results import Box
from spider_cli.vocabulary import HORIZONTAL, VERTICAL
from trainer import shapes
from trainer.annotate import PLACED_BY_FRAME
from trainer.boxes import BoxFinder
from trainer.regions import position_words
from trainer.rows import QA, USUAL, Task, agreeing, capital, named, others_of, truth_of
from trainer.templates import draw, pick
from trainer.truth import Applied
from trainer.wording import Part, Wording

__all__ = ["local_rows"]

_CLEAN_BOX_SHARE = 0.4
"""Chance of asking about a clean box in a photo with distorted regions."""
_CLEAN_PART = 0.05
"""Share of a quarter or half of the photo that may be distorted where it counts as clean."""
_HALVES_SHARE = 0.25
"""Chance of asking by one positional word ("the left") too."""
_BOX_SHARE = 0.5
"""Chance of asking for a description of a box that is referred to."""
_LABEL_SHARE = 0.4
"""Chance that an answer calls a region by its name, where that is known."""
_SEPARATE, _APART = 0.15, 0.15
"""Chances of other sentences than "This region shows ..., which ...": the list and then its
effects; a sentence for each distortion."""
_NEARLY_ALL = 0.8
"""Share of the photo a box needs, to show what depends on the place in the frame."""


def local_rows(wording: Wording, finder: BoxFinder) -> list[QA]:
    """All questions about parts of the photo that have one fair answer."""
    return [*_by_place(wording, finder), *_by_label(wording), *_by_box(wording, finder)]


def _region_answer(part: Part, wording: Wording) -> str:
    """What is wrong with a part, and how it looks."""
    rng = wording.rng
    if not part.distortions:
        return pick(shapes.CLEAN_REGION, rng, USUAL)
    style = rng.random()
    if style < _APART:
        return wording.told(part)
    called = bool(part.label) and rng.random() < _LABEL_SHARE
    if called:
        pattern = pick(shapes.LABELLED_LOCAL, rng, USUAL).replace("{label}", part.label)
    else:
        pattern = pick(shapes.LOCAL, rng, USUAL)
    pattern = agreeing(pattern, part.distortions)
    if style < _APART + _SEPARATE:
        listed = pattern.replace("{long}", wording.short(part))
        return f"{listed} {wording.explained(part, name=not called)}"
    return pattern.replace("{long}", wording.long(part, name=not called))


def _row(
    task: Task,
    subtask: str,
    question: str,
    answer: str,
    shown: Sequence[Applied],
    index: int | None,
    box: Box | None = None,
) -> QA:
    return QA(
        task,
        question,
        answer,
        truth_of(shown),
        index,
        box,
        subtask=subtask,
        other=others_of(shown),
    )


def _framed(shown: Sequence[Applied]) -> bool:
    """What is wrong with the whole photo need not be so in every part of it."""
    return any(one.other or one.kind in PLACED_BY_FRAME for one in shown)


def _by_place(wording: Wording, finder: BoxFinder) -> list[QA]:
    """Task 2 by positional words, where the words mean one region or one clean part."""
    sample, rng = wording.sample, wording.rng
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
            part = wording.regions[index]
        elif elsewhere or here:
            continue
        elif sample.whole:
            if _framed(sample.whole):
                continue
            part = Part(sample, sample.whole, box=_quarter(place, width, height))
        elif sample.complete and finder.distorted(_quarter(place, width, height)) < _CLEAN_PART:
            part = Part(sample, ())
        else:
            continue
        elsewhere = elsewhere or index is None
        question = draw("describe_place", rng, place=" ".join(place))
        answer = _region_answer(part, wording)
        rows.append(_row("describe_region", "place", question, answer, part.distortions, index))
    return rows


def _quarter(place: tuple[str, ...], width: int, height: int) -> Box:
    """The quarter or half of the photo that positional words name."""
    x, y = width // 2, height // 2
    return (
        x if "right" in place else 0,
        y if "bottom" in place else 0,
        x if "left" in place else width,
        y if "top" in place else height,
    )


def _by_label(wording: Wording) -> list[QA]:
    """Task 2 by what the region shows, where that means one region."""
    rows = []
    for index, phrase in wording.askable.items():
        part = wording.regions[index]
        question = draw("describe_label", wording.rng, label=phrase)
        answer = _region_answer(part, wording)
        rows.append(_row("describe_region", "label", question, answer, part.distortions, index))
    return rows


def _by_box(wording: Wording, finder: BoxFinder) -> list[QA]:
    """Tasks 2 and 4 by box: one box for every region, and clean ones."""
    sample, rng = wording.sample, wording.rng
    targets: list[tuple[Box, Part, int | None]] = []
    for number, region in enumerate(sample.regions):
        found = finder.of_region(number, region.box, region.point, rng)
        if found is not None:
            targets.append((found, wording.regions[number], number))
    if not sample.regions:
        box = finder.anywhere(rng, _NEARLY_ALL if _framed(sample.whole) else 0.03)
        targets.append((box, Part(sample, sample.whole, box=box), None))
    elif sample.complete and rng.random() < _CLEAN_BOX_SHARE:
        clean = finder.clean(rng)
        if clean is not None:
            targets.append((clean, Part(sample, ()), None))
    height, width = sample.pixels.shape[:2]
    rows: list[QA] = []
    for box, part, index in targets:
        phrase, shown = box_phrase(box, width, height), part.distortions
        count = ("clean", "one", "two")[min(len(shown), 2)]
        short = draw("refer_short", rng, box=phrase)
        long = draw("refer_long", rng, box=phrase)
        answer = _region_answer(part, wording)
        rows += [
            _row("refer_short", count, short, _phrase_list(part, wording), shown, index, box),
            _row("refer_long", count, long, answer, shown, index, box),
        ]
        if rng.random() < _BOX_SHARE:
            question = draw("describe_box", rng, box=phrase)
            answer = _region_answer(part, wording)
            rows.append(_row("describe_region", "box", question, answer, shown, index, box))
    return rows


def _phrase_list(part: Part, wording: Wording) -> str:
    """Return "mild blur, moderate brightening"."""
    rng = wording.rng
    if not part.distortions:
        return pick(shapes.CLEAN_SHORT, rng, USUAL)
    joint = pick((", ", " and ", "; "), rng, USUAL)
    text = joint.join(named(applied) for applied in part.distortions)
    return text if rng.random() < USUAL else f"{capital(text)}."
