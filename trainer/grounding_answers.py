"""Questions and answers of task 3: which region, by total, by one distortion, by order."""

from collections.abc import Callable, Sequence

import numpy as np

from spider_cli.vocabulary import FAMILIES, NOUNS
from trainer.annotate import ORDERS
from trainer.rows import QA, USUAL, Task, Text, listed, named, truth_of
from trainer.templates import draw, pick
from trainer.truth import Applied, Sample

__all__ = ["MIN_GAP", "grounding_rows"]

MIN_GAP = 0.7
"""Levels that must lie between two regions for "the most" and "the least" to be a fair question."""
_ABSENT_FAMILY, _ABSENT_ORDER = 0.25, 0.15
"""Chance of a question about a distortion, or an order, that is not there."""


def grounding_rows(sample: Sample, rng: np.random.Generator) -> list[QA]:
    """All of task 3 that has one fair answer for this sample."""
    return [
        *_most_and_least(sample, rng),
        *_one_family(sample, rng),
        *_orders(sample, rng),
    ]


def _grounded(
    task: Task, question: str, pattern: str, sample: Sample, index: int, shown: Sequence[Applied]
) -> QA:
    region = sample.regions[index]
    text = Text(sample).write(pattern, region)
    return QA(
        task,
        question,
        text.text,
        truth_of(shown),
        index,
        region.box,
        region.point,
        tuple(text.spans),
    )


def _everywhere(task: Task, question: str, words: str, shown: Sequence[Applied]) -> QA:
    return QA(task, question, f"The whole image shows {words}.", truth_of(shown))


def _nowhere(task: Task, question: str, what: str) -> QA:
    return QA(task, question, f"No region shows {what}.", ())


def _extreme(values: Sequence[float], sign: int) -> int | None:
    """Index of the largest (sign 1) or smallest (-1) value; None when the next is too close."""
    ranked = sorted(range(len(values)), key=lambda i: -sign * values[i])
    if len(ranked) > 1 and abs(values[ranked[0]] - values[ranked[1]]) < MIN_GAP:
        return None
    return ranked[0]


def _most_and_least(sample: Sample, rng: np.random.Generator) -> list[QA]:
    """HyD-G: the region with the most or the least total degradation."""
    rows: list[QA] = []
    for pool, sign, words in (("most", 1, "most severe"), ("least", -1, "least severe")):
        question = draw(pool, rng)
        if sample.clean:
            rows.append(_nowhere("ground_hyd", question, "visible distortion"))
        elif sample.whole:
            rows.append(_everywhere("ground_hyd", question, listed(sample.whole), sample.whole))
        else:
            index = _extreme([region.total for region in sample.regions], sign)
            if index is None or (len(sample.regions) == 1 and sign < 0 and rng.random() < 0.5):
                continue
            shown = sample.regions[index].distortions
            shapes = (
                f"The region on {{place}} shows the {words} degradation: {listed(shown)}.",
                f"The {words} degradation is on {{place}}: {listed(shown)}.",
            )
            pattern = pick(shapes, rng, USUAL)
            rows.append(_grounded("ground_hyd", question, pattern, sample, index, shown))
    return rows


def _one_family(sample: Sample, rng: np.random.Generator) -> list[QA]:
    """SiD-G: the region with the most or the least of one family."""
    level: dict[str, dict[int, Applied]] = {}
    for index, region in enumerate(sample.regions):
        for applied in region.distortions:
            level.setdefault(applied.family, {})[index] = applied
    rows: list[QA] = []
    for applied in sample.whole:
        question = draw(_extreme_pool(rng), rng, noun=NOUNS[applied.family])
        rows.append(_everywhere("ground_sid", question, named(applied), (applied,)))
    for family, holders in level.items():
        indices = list(holders)
        for sign, pool in ((1, "most_family"), (-1, "least_family")):
            place = _extreme([holders[i].level for i in indices], sign)
            # With one holder both questions mean it; the second is worth asking now and then.
            if place is None or (len(indices) == 1 and sign < 0 and rng.random() < 0.7):
                continue
            target = indices[place]
            words = named(holders[target])
            shapes = (
                f"The region on {{place}} shows {words}.",
                f"On {{place}} there is {words}.",
            )
            question = draw(pool, rng, noun=NOUNS[family])
            rows.append(
                _grounded(
                    "ground_sid",
                    question,
                    pick(shapes, rng, USUAL),
                    sample,
                    target,
                    (holders[target],),
                )
            )
    if rng.random() < _ABSENT_FAMILY or sample.clean:
        present = {*level, *(applied.family for applied in sample.whole)}
        absent = [family for family in FAMILIES if family not in present]
        noun = NOUNS[absent[int(rng.integers(len(absent)))]]
        rows.append(_nowhere("ground_sid", draw(_extreme_pool(rng), rng, noun=noun), noun))
    return rows


def _extreme_pool(rng: np.random.Generator) -> str:
    return "most_family" if rng.random() < 0.7 else "least_family"


def _orders(sample: Sample, rng: np.random.Generator) -> list[QA]:
    """DAO-G: the region whose distortions came in a named order."""
    plans = [tuple(a.family for a in region.distortions) for region in sample.regions]
    rows: list[QA] = []
    tests: dict[str, Callable[[tuple[str, ...]], tuple[str, ...]]] = {
        "order": lambda plan: plan,
        "first": lambda plan: plan[:1],
        "last": lambda plan: plan[-1:],
    }
    for pool, asked in tests.items():
        if len(sample.whole) == 2:
            key = asked(tuple(a.family for a in sample.whole))
            words = listed(sample.whole, ", then ")
            rows.append(
                _everywhere("ground_dao", _order_question(pool, key, rng), words, sample.whole)
            )
        for index, plan in enumerate(plans):
            key = asked(plan)
            if len(plan) < 2 or sum(asked(other) == key for other in plans) > 1:
                continue
            shown = sample.regions[index].distortions
            words = listed(shown, ", then ")
            shapes = (
                f"The region on {{place}} shows {words}.",
                f"On {{place}} there is {words}.",
            )
            question = _order_question(pool, key, rng)
            pattern = pick(shapes, rng, USUAL)
            rows.append(_grounded("ground_dao", question, pattern, sample, index, shown))
    if rng.random() < _ABSENT_ORDER or sample.clean:
        rows.append(_absent_order(sample, plans, rng))
    return rows


def _absent_order(sample: Sample, plans: Sequence[tuple[str, ...]], rng: np.random.Generator) -> QA:
    """An order no region has; half of the time the reverse of one that is there."""
    present = [*plans, tuple(applied.family for applied in sample.whole)]
    pairs = [(one, two) for one, after in ORDERS.items() for two in after]
    twisted = [plan[::-1] for plan in present if len(plan) == 2 and plan[::-1] in pairs]
    wanted = twisted if twisted and rng.random() < 0.5 else pairs
    absent = [pair for pair in wanted if pair not in present]
    options = absent or [pair for pair in pairs if pair not in present]
    one, two = options[int(rng.integers(len(options)))]
    named = {family for plan in present for family in plan}
    pool = ("order", "first", "last")[int(rng.integers(3))]
    if pool == "first" and one not in named:
        return _nowhere("ground_dao", _order_question(pool, (one,), rng), NOUNS[one])
    if pool == "last" and two not in named:
        return _nowhere("ground_dao", _order_question(pool, (two,), rng), NOUNS[two])
    what = f"{NOUNS[one]}, then {NOUNS[two]}"
    return _nowhere("ground_dao", _order_question("order", (one, two), rng), what)


def _order_question(pool: str, families: tuple[str, ...], rng: np.random.Generator) -> str:
    nouns = [NOUNS[family] for family in families]
    if pool == "order":
        return draw("order", rng, first=nouns[0], second=nouns[1])
    return draw(pool, rng, noun=nouns[0])
