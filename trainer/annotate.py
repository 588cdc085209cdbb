"""Photo and masks -> distorted photo whose every region, type, level and order is known.

One or two distortions go into each region, two only in orders a viewer can tell apart (the paper's
list), pasted with hard or feathered edges. Now and then all of the photo is distorted, or nothing.

The pixels follow from the untouched photo, the regions and one seed: `render` redoes them.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from spider_cli.vocabulary import FAMILIES
from trainer.distortions import TYPES, distort, severity_of
from trainer.regions import box_of, interior_point
from trainer.truth import Applied, BoolMask, Pixels, Region, Sample

__all__ = [
    "FOLLOWERS",
    "LEADERS",
    "MIN_CHANGE",
    "ORDERS",
    "PLACED_BY_FRAME",
    "Canvas",
    "compose",
    "render",
]

ORDERS: dict[str, tuple[str, ...]] = {
    "blur": ("compression", "noise"),
    "compression": ("blur", "noise"),
    "contrast weaken": ("noise", "blur", "compression", "pixelate", "saturate weaken"),
    "pixelate": ("noise",),
    "saturate weaken": ("noise",),
}
"""First family -> the families that may follow it so that the order shows (the paper's table)."""

FOLLOWERS = frozenset(family for after in ORDERS.values() for family in after)
"""Families that may be the second of two."""
LEADERS: dict[str, tuple[str, ...]] = {
    family: tuple(first for first, after in ORDERS.items() if family in after)
    for family in FAMILIES
    if family in FOLLOWERS
}
"""Second family -> those that may come before it."""
PLACED_BY_FRAME = frozenset({"darken_vignette", "haze", "lens_flare", "chromatic_aberration"})
"""Types whose effect depends on where in the frame a pixel is: not for regions."""

MIN_CHANGE = 1.5
"""Mean absolute change (0-255) inside a region below which a distortion does not count as seen: a
blurred clear sky is still a clear sky, and a grey wall has no colour to lose."""
_MIN_CHANGE_OF = {"noise": 0.8}
"""Noise is seen sooner: a sprinkle of impulses changes few pixels, but all the way."""
_TRIES = 12
_MARGIN = 32
_GRID = 16


def compose(
    pixels: Pixels,
    masks: Sequence[BoolMask],
    rng: np.random.Generator,
    *,
    families: Sequence[str] | None = None,
    whole_share: float = 0.2,
    clean_share: float = 0.12,
    two_share: float = 0.45,
    repeat_share: float = 0.3,
    feather_share: float = 0.5,
) -> Sample:
    """Distort a photo region by region (or whole, or not at all).

    Args:
        pixels: (height, width, 3) uint8 RGB, at least 16 pixels each way. Not changed.
        masks: (height, width) bool, not overlapping; each becomes a distorted region, unless
            nothing drawn for it can be seen there. Without masks the photo is whole or clean.
        rng: where every choice comes from.
        families: the families to draw from, evenly; all twelve when None.
        whole_share: chance that the whole photo is distorted instead of its regions.
        clean_share: chance that nothing is.
        two_share: chance that a family that can be followed or preceded by another (ORDERS) is.
            Since half of the families can, about half as many regions hold two.
        repeat_share: chance that a further region repeats a family of an earlier one at another
            level, so that "the most noise" is a question.
        feather_share: chance of a soft edge, 2-6 pixels wide; else it is hard.

    Raises:
        ValueError: a mask has another shape than the photo.
    """
    for mask in masks:
        if mask.shape != pixels.shape[:2]:
            raise ValueError(f"mask {mask.shape} does not fit the photo {pixels.shape[:2]}")
    pool = tuple(FAMILIES if families is None else families)
    draw, seed = float(rng.random()), int(rng.integers(2**62))
    if draw < clean_share:
        return Sample(pixels=pixels.copy())
    if draw < clean_share + whole_share or not masks:
        canvas = Canvas(pixels, seed)
        for _ in range(_TRIES):
            if canvas.distort_whole(_plan(pool, two_share, rng, placed_by_frame=True)):
                break
        return canvas.sample()
    canvas = Canvas(pixels, seed)
    for mask in masks:
        feather = float(rng.uniform(2, 6)) if rng.random() < feather_share else 0.0
        for _ in range(_TRIES):
            drawn = _region_plan(canvas.regions, pool, two_share, repeat_share, rng)
            if drawn is not None and canvas.distort_region(mask, drawn, feather):
                break
    return canvas.sample()


class Canvas:
    """A photo that is being distorted: all of it, or region by region.

    Args:
        reference: the untouched photo, (height, width, 3) uint8 RGB. Not changed.
        seed: with it, `render` redoes what is done here.
    """

    def __init__(self, reference: Pixels, seed: int) -> None:
        self.reference = reference
        self.seed = seed
        self.pixels = reference.copy()
        self.regions: list[Region] = []
        self.whole: tuple[Applied, ...] = ()

    def distort_whole(self, plan: tuple[Applied, ...]) -> bool:
        """Distort all of the photo; False, and nothing done, when it could not be seen."""
        everywhere = np.ones(self.reference.shape[:2], bool)
        changed = _apply(self.reference, everywhere, plan, np.random.default_rng([self.seed, 0]))
        if changed is None:
            return False
        self.pixels, self.whole = changed, plan
        return True

    def distort_region(
        self, mask: BoolMask, plan: tuple[Applied, ...], feather: float, label: str = ""
    ) -> bool:
        """Distort one more region; False, and nothing done, when it could not be seen there."""
        rng = np.random.default_rng([self.seed, len(self.regions)])
        if not _paste(self.pixels, self.reference, mask, plan, feather, rng):
            return False
        self.regions.append(
            Region(mask, box_of(mask), interior_point(mask), plan, label, feather=feather)
        )
        return True

    def sample(self) -> Sample:
        """What it has become."""
        return Sample(self.pixels, tuple(self.regions), self.whole)


def render(
    reference: Pixels, regions: Sequence[Region], whole: Sequence[Applied], seed: int
) -> Pixels:
    """Redo a composition pixel for pixel (with the same releases of the libraries).

    Args:
        reference: the untouched photo, (height, width, 3) uint8 RGB. Not changed.
        regions: masks, distortions and feathers, in the order they were made.
        whole: distortions of the whole photo; regions are ignored where there are any.
        seed: the composition's.
    """
    if whole:
        pixels = reference
        rng = np.random.default_rng([seed, 0])
        for applied in whole:
            pixels = distort(pixels, applied.kind, applied.level, rng)
        return pixels
    out = reference.copy()
    for index, region in enumerate(regions):
        rng = np.random.default_rng([seed, index])
        plan, feather = region.distortions, region.feather
        _paste(out, reference, region.mask, plan, feather, rng, unseen=True)
    return out


def _applied(family: str, rng: np.random.Generator, *, placed_by_frame: bool = False) -> Applied:
    kinds = [k for k in TYPES[family] if placed_by_frame or k not in PLACED_BY_FRAME]
    kind = kinds[int(rng.integers(len(kinds)))]
    # Past 5 and clipped: the strongest level is not rarer than the others.
    level = min(5.0, float(rng.uniform(1.0, 5.3)))
    return Applied(family, kind, level, severity_of(level))


def _plan(
    pool: tuple[str, ...],
    two_share: float,
    rng: np.random.Generator,
    *,
    must_have: str | None = None,
    placed_by_frame: bool = False,
) -> tuple[Applied, ...]:
    """One or two distortions in an order that can be seen."""
    family = must_have or pool[int(rng.integers(len(pool)))]
    pairs = [(family, after) for after in ORDERS.get(family, ()) if after in pool]
    pairs += [(first, family) for first in LEADERS.get(family, ()) if first in pool]
    chosen: tuple[str, ...] = (family,)
    if pairs and rng.random() < two_share:
        chosen = pairs[int(rng.integers(len(pairs)))]
    return tuple(_applied(name, rng, placed_by_frame=placed_by_frame) for name in chosen)


def _region_plan(
    earlier: Sequence[Region],
    pool: tuple[str, ...],
    two_share: float,
    repeat_share: float,
    rng: np.random.Generator,
) -> tuple[Applied, ...] | None:
    """A plan unlike those of the earlier regions; None when the draw was too like one of them."""
    used = [a for region in earlier for a in region.distortions]
    must_have = None
    if used and rng.random() < repeat_share:
        must_have = used[int(rng.integers(len(used)))].family
    plan = _plan(pool, two_share, rng, must_have=must_have)
    names = tuple(a.family for a in plan)
    for region in earlier:
        same = tuple(a.family for a in region.distortions) == names
        # Alike in kind is allowed where the strength tells the two apart.
        if same and abs(region.total - sum(a.level for a in plan)) < 1.5:
            return None
        if same and must_have is None:
            return None
    return plan


def _apply(
    pixels: Pixels,
    mask: BoolMask,
    plan: Sequence[Applied],
    rng: np.random.Generator,
    *,
    unseen: bool = False,
) -> Pixels | None:
    """All distortions of the plan in order; None when one of them changes too little to be seen.

    `unseen` takes them all the same.
    """
    inside = mask.astype(np.uint8)
    for applied in plan:
        changed = distort(pixels, applied.kind, applied.level, rng)
        if not unseen:
            change = cv2.mean(cv2.absdiff(changed, pixels), mask=inside)[:3]
            if sum(change) / 3 < _MIN_CHANGE_OF.get(applied.family, MIN_CHANGE):
                return None
        pixels = changed
    return pixels


def _paste(
    out: Pixels,
    pixels: Pixels,
    mask: BoolMask,
    plan: Sequence[Applied],
    feather: float,
    rng: np.random.Generator,
    *,
    unseen: bool = False,
) -> bool:
    """Distort the mask's surroundings and paste what lies under the mask into `out`."""
    height, width = mask.shape
    x1, y1, x2, y2 = box_of(mask)
    # A crop with a margin, on the grid of JPEG's blocks: cheap, and what is pasted still looks as
    # if the whole photo had been distorted.
    x1, y1 = (max(0, v - _MARGIN) // _GRID * _GRID for v in (x1, y1))
    x2, y2 = min(width, x2 + _MARGIN), min(height, y2 + _MARGIN)
    inside = mask[y1:y2, x1:x2]
    crop = np.ascontiguousarray(pixels[y1:y2, x1:x2])
    changed = _apply(crop, inside, plan, rng, unseen=unseen)
    if changed is None:
        return False
    target = out[y1:y2, x1:x2]
    if not feather:
        target[inside] = changed[inside]
        return True
    alpha = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), feather / 3)[..., None]
    mixed = target + alpha * (changed.astype(np.float32) - target)
    target[:] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
    return True
