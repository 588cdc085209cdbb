"""What is wrong with one part of a photo, put into words with its effects."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from spider_cli.results import Box
from trainer.effects import content_of, effect_of, is_plural
from trainer.naming import askable_labels, noun_phrase, sayable
from trainer.rows import capital, in_order, listed, named
from trainer.truth import Applied, Region, Sample

__all__ = ["Part", "Wording"]

_ORDER_SHARE = 0.15
"""Chance that two distortions whose order can be told are listed as "one, then the other"."""


class Part:
    """A part of the photo with what is wrong there.

    Args:
        sample: the photo.
        distortions: what is wrong, in the order applied where `ordered`.
        region: the region it is; None for the whole photo or a box of it.
        box: the box it is; None for the whole photo.
    """

    def __init__(
        self,
        sample: Sample,
        distortions: Sequence[Applied],
        region: Region | None = None,
        box: Box | None = None,
    ) -> None:
        self.sample = sample
        self.distortions = tuple(distortions)
        self.region = region
        self.box = box
        # Nobody says whether the order is known for a whole photo: it is where types are.
        known = region.ordered if region else all(applied.kind for applied in self.distortions)
        self.ordered = in_order(self.distortions, ordered=known)
        phrase = noun_phrase(region.label) if region else ""
        self.label = phrase if sayable(phrase) else ""
        """What the part shows, where it is known and can be said in an answer."""

    @cached_property
    def content(self) -> frozenset[str]:
        """See `effects.content_of`."""
        pixels = self.sample.pixels
        if self.region is not None:
            return content_of(pixels, self.region.mask)
        if self.box is not None:
            x1, y1, x2, y2 = self.box
            return content_of(pixels[y1:y2, x1:x2])
        return content_of(pixels)


class Wording:
    """Lists of distortions of one sample, worded at random.

    Args:
        sample: the photo with its truth.
        rng: where every choice comes from.
    """

    def __init__(self, sample: Sample, rng: np.random.Generator) -> None:
        self.sample = sample
        self.rng = rng
        self.regions = [Part(sample, region.distortions, region) for region in sample.regions]
        self.whole = Part(sample, sample.whole)

    @cached_property
    def askable(self) -> dict[int, str]:
        """Region -> the noun phrase that means it alone."""
        return askable_labels(self.sample.regions)

    def short(self, part: Part) -> str:
        """Return "severe noise and mild blur"."""
        joint = " and "
        if part.ordered and self.rng.random() < _ORDER_SHARE:
            joint = (", then ", " followed by ")[int(self.rng.integers(2))]
        return listed(part.distortions, joint)

    def long(self, part: Part, *, name: bool = True) -> str:
        """Return "severe noise, which makes the surfaces look rough, and mild blur, which ..."."""
        joint = ", and "
        if part.ordered and self.rng.random() < _ORDER_SHARE:
            joint = ", then "
        items = [f"{named(a)}, which {self.effect(a, part, name)}" for a in part.distortions]
        *first, last = items
        return ", ".join(first) + joint + last if first else last

    def told(self, part: Part) -> str:
        """Return "Severe noise covers the surfaces with specks. Mild blur ..."."""
        items = [f"{named(a)} {self.effect(a, part)}" for a in part.distortions]
        if len(items) == 2 and self.rng.random() < 0.5:
            return f"{capital(items[0])}, and {items[1]}."
        return " ".join(f"{capital(item)}." for item in items)

    def explained(self, part: Part, *, name: bool = True) -> str:
        """Return "It makes the surfaces look rough." or "The noise makes ..., and the blur ..."."""
        if len(part.distortions) == 1:
            (applied,) = part.distortions
            it = "They" if is_plural(applied) else "It"
            return f"{it} {self.effect(applied, part, name)}."
        items = [f"the {a.noun} {self.effect(a, part, name)}" for a in part.distortions]
        return capital(", ".join(items[:-1])) + f", and {items[-1]}."

    def effect(self, applied: Applied, part: Part, name: bool = True) -> str:
        """An effect that fits type and content; `name`: the thing may be called by its name."""
        return effect_of(applied, part.content, self.rng, part.label if name else "")
