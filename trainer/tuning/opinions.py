"""Opinion scores as soft labels over the five level words (DeQA-Score, `gen_soft_label.py`)."""

import math

from spider_cli.vocabulary import LEVELS
from trainer.scores import soft_levels

__all__ = ["LEVEL_VALUES", "level_probabilities", "on_five"]

LEVEL_VALUES: tuple[int, ...] = (5, 4, 3, 2, 1)
"""What the levels stand for, in the order of LEVELS."""
_NARROW = 0.2
"""Below this deviation (on 1-5) a bell at whole numbers no longer shows where its middle is."""
_FAR = 0.1


def on_five(mos: float) -> float:
    """A 0-1 opinion on the scale 1-5."""
    return 1 + 4 * mos


def level_probabilities(mos: float, std: float | None) -> tuple[float, ...]:
    """Probabilities of excellent, good, fair, poor, bad.

    The density of a normal distribution at 5, 4, 3, 2, 1, repaired linearly (p' = alpha p + beta)
    so that they sum to 1 and their mean is the opinion; negative ones become 0. Where the deviation
    is unknown or below 0.2, or the repair misses by more than 0.1, the opinion is split between its
    two neighbours instead.

    Args:
        mos: mean opinion, 0-1, higher is better.
        std: its standard deviation on the same scale.

    Returns:
        Five numbers in the order of `vocabulary.LEVELS`; they sum to 1.
    """
    mean = on_five(min(max(mos, 0.0), 1.0))
    if std is not None and 4 * std >= _NARROW:
        found = _repaired(mean, 4 * std)
        total = sum(found)
        told = sum(level * p for level, p in zip(LEVEL_VALUES, found, strict=True))
        if abs(told - mean) <= _FAR and abs(total - 1) <= _FAR:
            return tuple(p / total for p in found)
    split = soft_levels(mos)
    return tuple(split.get(level, 0.0) for level in LEVELS)


def _repaired(mean: float, deviation: float) -> list[float]:
    bell = [
        math.exp(-(((level - mean) / deviation) ** 2) / 2) / (deviation * math.sqrt(2 * math.pi))
        for level in LEVEL_VALUES
    ]
    total = sum(bell)
    tilt = sum((level - 3) * p for level, p in zip(LEVEL_VALUES, bell, strict=True))
    if abs(mean - 3) > 1e-6:
        alpha = (mean - 3) / tilt
    else:  # 0 / 0; its limit
        spread = sum((level - 3) ** 2 * p for level, p in zip(LEVEL_VALUES, bell, strict=True))
        alpha = deviation**2 / spread
    beta = (1 - alpha * total) / len(bell)
    return [max(0.0, alpha * p + beta) for p in bell]
