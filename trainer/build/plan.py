"""What is to be done to every photo of a data set, decided before a pixel is touched.

All shares are met here: scenes, numbers of regions, families and severities are dealt like cards.
The workers then make each photo as planned, so that what comes out is balanced, whatever the photos
are like.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.optimize import linprog

from spider_cli.vocabulary import FAMILIES, SEVERITIES
from trainer.annotate import ORDERS, PLACED_BY_FRAME
from trainer.build.config import BuildConfig
from trainer.distortions import AUTHENTIC, TYPES
from trainer.grounding_answers import MIN_GAP

__all__ = ["LEVELS", "PhotoPlan", "Planned", "deal", "plan_photos", "seldom_alone"]

LEVELS: dict[str, tuple[float, float]] = {
    "mild": (1.0, 2.2),
    "moderate": (2.6, 3.4),
    "severe": (3.8, 5.0),
}
"""Severity -> the levels it is drawn from, evenly. The gaps keep the words apart."""

_LEVEL_TRIES = 8
ALTERNATES = 11
"""Photos to turn to when the first has no room for the plan."""

_NOMINAL = 10_000
_ALONE = 0.25
_PAIRS = tuple((first, second) for first, after in ORDERS.items() for second in after)
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Planned:
    """One distortion to be made."""

    family: str
    """"" for a fault of no family."""
    severity: str
    level: float
    kinds: tuple[str, ...]
    """Concrete types, to be tried in this order."""


@dataclass(frozen=True, slots=True)
class PhotoPlan:
    """One photo to be made."""

    index: int
    split: str
    scene: str
    """clean, whole or regions."""
    slots: tuple[tuple[Planned, ...], ...]
    """One or two distortions for every region; for the whole photo a single slot."""
    feathers: tuple[float, ...]
    """Widths of the regions' soft edges."""
    photos: tuple[int, ...]
    """Which of the photos given to use, in order of preference."""


def deal(shares: Mapping[K, float], count: int, rng: np.random.Generator) -> list[K]:
    """`count` keys in the proportions of `shares`, as exactly as whole numbers allow, shuffled."""
    total = sum(shares.values())
    exact = {key: share / total * count for key, share in shares.items()}
    cards = {key: int(value) for key, value in exact.items()}
    # Cards left over go to the largest remainders; among equal ones chance decides.
    keys = [list(exact)[int(i)] for i in rng.permutation(len(exact))]
    short = sorted(keys, key=lambda key: cards[key] - exact[key])[: count - sum(cards.values())]
    deck = [key for key in exact for _ in range(cards[key] + (key in short))]
    return [deck[int(i)] for i in rng.permutation(len(deck))]


def plan_photos(
    config: BuildConfig, split: str, distorted: int, photos: Sequence[int], first: int
) -> list[PhotoPlan]:
    """All photos of one split.

    Args:
        distorted: how many distorted ones; the clean ones that belong to them come on top.
        photos: numbers of the photos given that are in this split; not empty.
        first: index of the split's first photo in the data set.
    """
    rng = np.random.default_rng([config.seed, first, 11])
    clean = round(distorted * config.clean_photos_per_distorted)
    kinds = {"whole": config.whole, "other": config.other}
    kinds["regions"] = 1 - config.whole - config.other
    scenes = deal(kinds, distorted, rng) + ["clean"] * clean
    scenes = [scenes[int(i)] for i in rng.permutation(len(scenes))]
    numbers = iter(deal(config.regions, scenes.count("regions"), rng))
    counts = [
        int(next(numbers)) if scene == "regions" else int(scene == "whole") for scene in scenes
    ]
    two = deal({True: config.two, False: 1 - config.two}, sum(counts), rng)
    twos = iter(two)
    repeats = iter(deal({True: config.repeat, False: 1 - config.repeat}, sum(counts), rng))
    others = [kind for kind, (family, _) in AUTHENTIC.items() if not family]
    decks = _Decks(
        config, rng, singles=two.count(False), pairs=two.count(True), others=scenes.count("other")
    )
    order = _endless_order(photos, len(scenes), rng)
    plans = []
    for number, (scene, count) in enumerate(zip(scenes, counts, strict=True)):
        slots: list[tuple[Planned, ...]] = []
        for _ in range(count):
            slots.append(decks.slot(slots, two=next(twos), repeat=next(repeats), scene=scene))
        if scene == "other":
            kind = others[int(rng.integers(len(others)))]
            severity = decks.severity("")
            slots = [(Planned("", severity, _level(severity, rng), (kind,)),)]
        if len(slots) > 1:
            slots = _told_apart(slots, rng)
        plans.append(
            PhotoPlan(
                index=first + number,
                split=split,
                scene="whole" if scene == "other" else scene,
                slots=tuple(slots),
                feathers=tuple(_feather(config.edges, rng) for _ in slots),
                photos=order[number],
            )
        )
    return plans


def seldom_alone(config: BuildConfig) -> list[str]:
    """Families that hardly any region has for its only distortion: fewer than a quarter of those it
    would have by its share. Pairs are made of few families, which many pairs use up; a model that
    is taught so names the other one, too, wherever it sees one of them."""
    pairs = round(config.two * _NOMINAL)
    rng = np.random.default_rng(0)
    decks = _Decks(config, rng, singles=_NOMINAL - pairs, pairs=pairs, others=0)
    alone = Counter(family for (family,) in decks.singles)
    even = len(decks.singles) / sum(config.families.values())
    return [f for f, share in config.families.items() if alone[f] < _ALONE * share * even]


class _Decks:
    """Families and severities as cards, as many of each as their shares ask for.

    A photo takes the next card that suits it, so in the end all shares are met to a card.

    Args:
        singles: slots with one distortion.
        pairs: slots with two.
        others: faults of no family.
    """

    def __init__(
        self,
        config: BuildConfig,
        rng: np.random.Generator,
        *,
        singles: int,
        pairs: int,
        others: int,
    ) -> None:
        self.config = config
        self.rng = rng
        total = sum(config.families.values())
        shares = {f: config.families.get(f, 0.0) / total for f in FAMILIES}
        possible = [pair for pair in _PAIRS if all(shares[family] > 0 for family in pair)]
        if not possible:
            singles, pairs = singles + pairs, 0
        wanted = {family: share * (singles + 2 * pairs) for family, share in shares.items()}
        shares_of_pairs = _pair_shares(possible, pairs, wanted) if pairs else {}
        self.pairs: list[tuple[str, ...]] = deal(shares_of_pairs, pairs, rng) if pairs else []
        counts = dict.fromkeys(FAMILIES, 0)
        for pair in self.pairs:
            for family in pair:
                counts[family] += 1
        left = {f: max(0.0, wanted[f] - counts[f]) for f in FAMILIES}
        if singles:
            left = left if sum(left.values()) > 0 else shares
            self.singles: list[tuple[str, ...]] = [(f,) for f in deal(left, singles, rng)]
        else:
            self.singles = []
        for (family,) in self.singles:
            counts[family] += 1
        self.words = self._words({**counts, "": others})

    def _words(self, counts: Mapping[str, int]) -> dict[str, list[str]]:
        """Severities for every family's distortions; even over all of them, too."""
        total = sum(self.config.severities.values())
        shares = {s: self.config.severities.get(s, 0.0) / total for s in SEVERITIES}
        behind = dict.fromkeys(SEVERITIES, 0.0)
        decks: dict[str, list[str]] = {}
        for family, count in counts.items():
            cards = {word: int(share * count) for word, share in shares.items()}
            for word, share in shares.items():
                behind[word] += share * count - cards[word]
            for _ in range(count - sum(cards.values())):
                word = max((w for w in shares if shares[w] > 0), key=lambda w: behind[w])
                cards[word] += 1
                behind[word] -= 1
            deck = [word for word in SEVERITIES for _ in range(cards[word])]
            decks[family] = [deck[int(i)] for i in self.rng.permutation(len(deck))]
        return decks

    def slot(
        self, earlier: Sequence[Sequence[Planned]], *, two: bool, repeat: bool, scene: str
    ) -> tuple[Planned, ...]:
        """One or two distortions for the next region, or for the whole photo."""
        deck = self.pairs if two and self.pairs else self.singles or self.pairs
        before = {tuple(one.family for one in slot) for slot in earlier}
        used = {family for plan in before for family in plan}
        again = repeat and bool(used)
        # One family again, at another strength, is a question; one order again has no answer.
        fresh = [i for i, card in enumerate(deck) if card not in before or (again and not two)]
        suited = [i for i in fresh if bool(used.intersection(deck[i])) == again]
        chosen = deck.pop((suited or fresh or [0])[0])
        levels = {one.family: one.severity for slot in earlier for one in slot}
        out = []
        for family in chosen:
            severity = self.severity(family, avoid=levels.get(family))
            level = _level(severity, self.rng)
            out.append(Planned(family, severity, level, self._kinds(family, scene)))
        return tuple(out)

    def severity(self, family: str, avoid: str | None = None) -> str:
        """The family's next severity; not the one to avoid where there is another.

        The same family again in one photo gets another strength, or "the most" were no question.
        """
        deck = self.words[family]
        return deck.pop(next((i for i, word in enumerate(deck) if word != avoid), 0))

    def _kinds(self, family: str, scene: str) -> tuple[str, ...]:
        """The family's types in the order to try them."""
        frame = scene == "whole"
        plain = [kind for kind in TYPES[family] if frame or kind not in PLACED_BY_FRAME]
        real = [
            kind
            for kind, (name, _) in AUTHENTIC.items()
            if name == family and (frame or kind not in PLACED_BY_FRAME)
        ]
        mixed = [plain[int(i)] for i in self.rng.permutation(len(plain))]
        if real and self.rng.random() < self.config.authentic:
            mixed.insert(0, real[int(self.rng.integers(len(real)))])
        return tuple(mixed)


_RAREST = 0.35
"""Part of an even share that every pair has at least."""


def _pair_shares(
    pairs: Sequence[tuple[str, ...]], count: int, wanted: Mapping[str, float]
) -> dict[tuple[str, ...], float]:
    """How many of each pair, so that no family stands mostly in pairs; then as even as can be.

    A linear programme: the largest part of any family's share that pairs take up is made as small
    as possible (above 1, the pairs asked for cannot be had within the families' shares).
    """
    number = len(pairs)
    even = count / number
    # Unknowns: the pairs' numbers, the largest part of a family, the worst distance from even.
    rows, limits = [], []
    for family, most in wanted.items():
        rows.append([float(family in pair) for pair in pairs] + [-most, 0.0])
        limits.append(0.0)
    for index in range(number):
        for sign in (1.0, -1.0):
            row = [0.0] * (number + 2)
            row[index], row[-1] = sign, -1.0
            rows.append(row)
            limits.append(sign * even)
    answer = linprog(
        [0.0] * number + [1000.0, 1 / even],
        A_ub=rows,
        b_ub=limits,
        A_eq=[[1.0] * number + [0.0, 0.0]],
        b_eq=[count],
        bounds=[(_RAREST * even, None)] * number + [(0, None), (0, None)],
        method="highs",
    )
    # Rounded: the last bits of the solver's floats are nobody's concern.
    return {pair: round(max(0.0, x), 6) for pair, x in zip(pairs, answer.x, strict=False)}


def _level(severity: str, rng: np.random.Generator) -> float:
    low, high = LEVELS[severity]
    return round(float(rng.uniform(low, high)), 2)


def _told_apart(
    slots: list[tuple[Planned, ...]], rng: np.random.Generator
) -> list[tuple[Planned, ...]]:
    """Levels drawn again, inside their severities, until the most and the least stand out."""

    def gap(candidate: Sequence[Sequence[Planned]]) -> float:
        totals = sorted(sum(one.level for one in slot) for slot in candidate)
        return min(totals[1] - totals[0], totals[-1] - totals[-2])

    best = slots
    for _ in range(_LEVEL_TRIES):
        if gap(best) >= MIN_GAP:
            break
        again = [
            tuple(
                Planned(one.family, one.severity, _level(one.severity, rng), one.kinds)
                for one in slot
            )
            for slot in slots
        ]
        best = max(best, again, key=gap)
    return best


def _feather(edges: str, rng: np.random.Generator) -> float:
    width = round(float(rng.uniform(2, 6)), 2)
    soft = edges == "soft" or (edges == "mixed" and rng.random() < 0.5)
    return width if soft else 0.0


def _endless_order(
    photos: Sequence[int], count: int, rng: np.random.Generator
) -> list[tuple[int, ...]]:
    """For every photo to make: which photo given to use, all as often, and which in its stead."""
    rounds = -(-count // len(photos))
    queue = [photos[int(i)] for _ in range(rounds) for i in rng.permutation(len(photos))]
    out = []
    for number in range(count):
        spare = rng.integers(len(photos), size=ALTERNATES)
        out.append((queue[number], *(photos[int(i)] for i in spare)))
    return out
