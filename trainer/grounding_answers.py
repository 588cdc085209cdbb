"""Questions and answers of task 3: which region, by total, by one distortion, by order."""

from collections.abc import Sequence

import numpy as np

from spider_cli.vocabulary import FAMILIES, NOUNS
from trainer import shapes
from trainer.annotate import ORDERS
from trainer.rows import (
    QA,
    USUAL,
    Task,
    Text,
    agreeing,
    capital,
    in_order,
    listed,
    named,
    others_of,
    truth_of,
)
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
    task: Task,
    subtask: str,
    question: str,
    pattern: str,
    sample: Sample,
    index: int,
    shown: Sequence[Applied],
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
        subtask=subtask,
        other=others_of(shown),
    )


def _everywhere(
    task: Task,
    subtask: str,
    question: str,
    words: str,
    shown: Sequence[Applied],
    rng: np.random.Generator,
) -> QA:
    answer = _filled(pick(shapes.WHOLE, rng, USUAL), words, shown)
    return QA(task, question, answer, truth_of(shown), subtask=subtask, other=others_of(shown))


def _nowhere(task: Task, subtask: str, question: str, what: str, rng: np.random.Generator) -> QA:
    answer = pick(shapes.ABSENT, rng, USUAL).replace("{what}", what)
    return QA(task, question, answer, (), subtask=subtask)


def _extreme(values: Sequence[float], sign: int) -> int | None:
    """Index of the largest (sign 1) or smallest (-1) value; None when the next is too close."""
    ranked = sorted(range(len(values)), key=lambda i: -sign * values[i])
    if len(ranked) > 1 and abs(values[ranked[0]] - values[ranked[1]]) < MIN_GAP:
        return None
    return ranked[0]


def _most_and_least(sample: Sample, rng: np.random.Generator) -> list[QA]:
    """HyD-G: the region with the most or the least total degradation."""
    rows: list[QA] = []
    for name, sign, patterns in (("most", 1, shapes.MOST), ("least", -1, shapes.LEAST)):
        question = draw(name, rng)
        if sample.clean:
            rows.append(_nowhere("ground_hyd", name, question, "visible distortion", rng))
        elif sample.whole:
            words = listed(sample.whole)
            rows.append(_everywhere("ground_hyd", name, question, words, sample.whole, rng))
        else:
            index = _extreme([region.total for region in sample.regions], sign)
            if index is None or (len(sample.regions) == 1 and sign < 0 and rng.random() < 0.5):
                continue
            shown = sample.regions[index].distortions
            pattern = _filled(pick(patterns, rng, USUAL), listed(shown), shown)
            rows.append(_grounded("ground_hyd", name, question, pattern, sample, index, shown))
    return rows


def _filled(pattern: str, words: str, shown: Sequence[Applied]) -> str:
    pattern = agreeing(pattern, shown)
    return pattern.replace("{list}", words).replace("{List}", capital(words))


def _one_family(sample: Sample, rng: np.random.Generator) -> list[QA]:
    """SiD-G: the region with the most or the least of one family."""
    strongest: dict[str, dict[int, Applied]] = {}
    for index, region in enumerate(sample.regions):
        for applied in region.distortions:
            holders = strongest.setdefault(applied.family, {})
            if index not in holders or applied.level > holders[index].level:
                holders[index] = applied
    strongest.pop("", None)  # a fault of no family is not asked for
    rows: list[QA] = []
    for applied in sample.whole:
        if not applied.family:
            continue
        name = _extreme_name(rng)
        question = draw(f"{name}_family", rng, noun=NOUNS[applied.family])
        rows.append(_everywhere("ground_sid", name, question, named(applied), (applied,), rng))
    for family, holders in strongest.items():
        indices = list(holders)
        for sign, name in ((1, "most"), (-1, "least")):
            place = _extreme([holders[i].level for i in indices], sign)
            # With one holder both questions mean it; the second is worth asking now and then.
            if place is None or (len(indices) == 1 and sign < 0 and rng.random() < 0.7):
                continue
            target = indices[place]
            shown = (holders[target],)
            pattern = _filled(pick(shapes.FAMILY, rng, USUAL), listed(shown), shown)
            question = draw(f"{name}_family", rng, noun=NOUNS[family])
            rows.append(_grounded("ground_sid", name, question, pattern, sample, target, shown))
    if sample.complete and (rng.random() < _ABSENT_FAMILY or sample.clean):
        present = {*strongest, *(applied.family for applied in sample.whole)}
        absent = [family for family in FAMILIES if family not in present]
        if absent:
            noun = NOUNS[absent[int(rng.integers(len(absent)))]]
            name = _extreme_name(rng)
            question = draw(f"{name}_family", rng, noun=noun)
            rows.append(_nowhere("ground_sid", name, question, noun, rng))
    return rows


def _extreme_name(rng: np.random.Generator) -> str:
    return "most" if rng.random() < 0.7 else "least"


class _Plan:
    """The families of a region or of the whole photo, in their order where that is known.

    Args:
        distortions: what was done.
        ordered: in this order.
    """

    def __init__(self, distortions: Sequence[Applied], *, ordered: bool) -> None:
        self.distortions = tuple(distortions)
        self.families = tuple(applied.family for applied in distortions)
        self.ordered = ordered or len(self.families) < 2
        self.askable = in_order(distortions, ordered=ordered)

    def key(self, subtask: str) -> tuple[str, ...]:
        """What a question of the sub-task names."""
        return {"both": self.families, "first": self.families[:1], "last": self.families[-1:]}[
            subtask
        ]

    def may_be(self, subtask: str, key: tuple[str, ...]) -> bool:
        """The question may mean this one: where the order is unknown, any order will do."""
        if self.ordered:
            return self.key(subtask) == key
        return set(key) <= set(self.families)


def _orders(sample: Sample, rng: np.random.Generator) -> list[QA]:
    """DAO-G: the region whose distortions came in a named order."""
    plans = [_Plan(region.distortions, ordered=region.ordered) for region in sample.regions]
    known = all(applied.kind for applied in sample.whole)
    whole = _Plan(sample.whole, ordered=known)
    rows: list[QA] = []
    for subtask in ("both", "first", "last"):
        if whole.askable:
            key = whole.key(subtask)
            words = listed(sample.whole, ", then ")
            question = _order_question(subtask, key, rng)
            rows.append(_everywhere("ground_dao", subtask, question, words, sample.whole, rng))
        for index, plan in enumerate(plans):
            key = plan.key(subtask)
            if not plan.askable or sum(other.may_be(subtask, key) for other in plans) > 1:
                continue
            first, second = (named(applied) for applied in plan.distortions)
            pattern = pick(shapes.ORDER, rng, USUAL)
            pattern = pattern.replace("{first}", first).replace("{second}", second)
            question = _order_question(subtask, key, rng)
            rows.append(
                _grounded("ground_dao", subtask, question, pattern, sample, index, plan.distortions)
            )
    if sample.complete and (rng.random() < _ABSENT_ORDER or sample.clean):
        rows += _absent_order([*plans, whole], rng)
    return rows


def _absent_order(plans: Sequence[_Plan], rng: np.random.Generator) -> list[QA]:
    """An order no region has; half of the time the reverse of one that is there."""

    def free(pair: tuple[str, ...]) -> bool:
        return not any(plan.may_be("both", pair) for plan in plans)

    pairs = [(one, two) for one, after in ORDERS.items() for two in after]
    twisted = [p.families[::-1] for p in plans if p.families[::-1] in pairs]
    options = [pair for pair in twisted if free(pair)] if rng.random() < 0.5 else []
    options = options or [pair for pair in pairs if free(pair)]
    if not options:
        return []
    one, two = options[int(rng.integers(len(options)))]
    there = {family for plan in plans for family in plan.families}
    subtask = ("both", "first", "last")[int(rng.integers(3))]
    if subtask == "first" and one not in there:
        key: tuple[str, ...] = (one,)
    elif subtask == "last" and two not in there:
        key = (two,)
    else:
        subtask, key = "both", (one, two)
    what = ", then ".join(NOUNS[family] for family in key)
    question = _order_question(subtask, key, rng)
    return [_nowhere("ground_dao", subtask, question, what, rng)]


def _order_question(subtask: str, families: tuple[str, ...], rng: np.random.Generator) -> str:
    nouns = [NOUNS[family] for family in families]
    if subtask == "both":
        return draw("order", rng, first=nouns[0], second=nouns[1])
    return draw(subtask, rng, noun=nouns[0])
