"""Photo and masks -> distorted photo whose every region, type, level and order is known.

One or two distortions go into each region, two only in orders a viewer can tell apart (the paper's
list), pasted with hard or feathered edges. Now and then all of the photo is distorted, or nothing.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from spider_cli.vocabulary import FAMILIES
from trainer.distortions import TYPES, distort, severity_of
from trainer.regions import box_of, interior_point
from trainer.truth import Applied, BoolMask, Pixels, Region, Sample

__all__ = ["MIN_CHANGE", "ORDERS", "compose"]

ORDERS: dict[str, tuple[str, ...]] = {
    "blur": ("compression", "noise"),
    "compression": ("blur", "noise"),
    "contrast weaken": ("noise", "blur", "compression", "pixelate", "saturate weaken"),
    "pixelate": ("noise",),
    "saturate weaken": ("noise",),
}
"""First family -> the families that may follow it so that the order shows (the paper's table)."""

_LAST_OF: dict[str, tuple[str, ...]] = {
    family: tuple(first for first, after in ORDERS.items() if family in after)
    for family in FAMILIES
    if any(family in after for after in ORDERS.values())
}
_PLACED_BY_FRAME = frozenset({"darken_vignette"})
"""Kinds whose effect depends on where in the frame a pixel is: not for regions."""

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
    draw = float(rng.random())
    if draw < clean_share:
        return Sample(pixels=pixels.copy())
    if draw < clean_share + whole_share or not masks:
        everywhere = np.ones(pixels.shape[:2], bool)
        for _ in range(_TRIES):
            plan = _plan(pool, two_share, rng, placed_by_frame=True)
            changed = _apply(pixels, everywhere, plan, rng)
            if changed is not None:
                return Sample(pixels=changed, whole=plan)
        return Sample(pixels=pixels.copy())
    out = pixels.copy()
    regions: list[Region] = []
    for mask in masks:
        feather = float(rng.uniform(2, 6)) if rng.random() < feather_share else 0.0
        for _ in range(_TRIES):
            drawn = _region_plan(regions, pool, two_share, repeat_share, rng)
            if drawn is None or not _paste(out, pixels, mask, drawn, feather, rng):
                continue
            regions.append(Region(mask, box_of(mask), interior_point(mask), drawn))
            break
    return Sample(pixels=out, regions=tuple(regions))


def _applied(family: str, rng: np.random.Generator, *, placed_by_frame: bool = False) -> Applied:
    kinds = [k for k in TYPES[family] if placed_by_frame or k not in _PLACED_BY_FRAME]
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
    pairs += [(first, family) for first in _LAST_OF.get(family, ()) if first in pool]
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
    pixels: Pixels, mask: BoolMask, plan: tuple[Applied, ...], rng: np.random.Generator
) -> Pixels | None:
    """All distortions of the plan in order; None when one of them changes too little to be seen."""
    inside = mask.astype(np.uint8)
    for applied in plan:
        changed = distort(pixels, applied.kind, applied.level, rng)
        change = cv2.mean(cv2.absdiff(changed, pixels), mask=inside)[:3]
        if sum(change) / 3 < _MIN_CHANGE_OF.get(applied.family, MIN_CHANGE):
            return None
        pixels = changed
    return pixels


def _paste(
    out: Pixels,
    pixels: Pixels,
    mask: BoolMask,
    plan: tuple[Applied, ...],
    feather: float,
    rng: np.random.Generator,
) -> bool:
    """Distort the mask's surroundings and paste what lies under the mask into `out`."""
    height, width = mask.shape
    x1, y1, x2, y2 = box_of(mask)
    # A crop with a margin, on the grid of JPEG's blocks: cheap, and what is pasted still looks as
    # if the whole photo had been distorted.
    x1, y1 = (max(0, v - _MARGIN) // _GRID * _GRID for v in (x1, y1))
    x2, y2 = min(width, x2 + _MARGIN), min(height, y2 + _MARGIN)
    inside = mask[y1:y2, x1:x2]
    changed = _apply(np.ascontiguousarray(pixels[y1:y2, x1:x2]), inside, plan, rng)
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
