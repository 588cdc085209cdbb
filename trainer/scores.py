"""Opinions as soft labels over the five level words, and the opinion a synthetic photo deserves."""

from collections.abc import Sequence

from spider_cli.vocabulary import LEVELS
from trainer.truth import Applied, Sample

__all__ = ["expected_opinion", "soft_levels"]

_PRISTINE = 0.82
"""Where people put photos of good cameras on a 0-1 scale."""
_DROP = 0.135
"""What one level of one distortion over the whole photo costs."""


def soft_levels(mos: float) -> dict[str, float]:
    """A 0-1 opinion split linearly between its two neighbouring level words.

    The expectation of the levels' weights under the split is the opinion itself.
    """
    place = (1 - min(max(mos, 0.0), 1.0)) * (len(LEVELS) - 1)
    low = min(int(place), len(LEVELS) - 2)
    share = place - low
    return {LEVELS[low]: 1 - share, LEVELS[low + 1]: share}


def expected_opinion(sample: Sample) -> float:
    """A stand-in for human opinion of a photo distorted by us, 0-1: it falls with level and area.

    A fault in a part weighs more than its area (people look at faults), a second one in the same
    place less than the first.
    """
    parts = [(1.0, sample.whole)] if sample.whole else []
    parts += [(float(region.mask.mean()), region.distortions) for region in sample.regions]
    cost: float = sum(area**0.5 * _cost(distortions) for area, distortions in parts)
    return max(0.04, _PRISTINE - cost)


def _cost(distortions: Sequence[Applied]) -> float:
    levels = sorted((applied.level for applied in distortions), reverse=True)
    return _DROP * sum(level * 0.35**rank for rank, level in enumerate(levels))
