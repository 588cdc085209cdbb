"""Effects of every concrete type, every family and every fault of no family, as plain text.

A line is what follows "which" or "it", then, after " | ", what the region must show for it to be
true (words of `effects.CONTENT`). The first of each list fits any region and is the usual one.
`{of}` becomes " of the sky" where the thing's name is known. No line may hold a word that is read
as a distortion, a severity, a denial or a place.
"""

from trainer.effect_words.detail import DETAIL
from trainer.effect_words.others import OTHER_EFFECTS, PLURAL, UNKNOWN_EFFECTS
from trainer.effect_words.tones import TONES

__all__ = ["EFFECTS", "OTHER_EFFECTS", "PLURAL", "UNKNOWN_EFFECTS"]

EFFECTS: dict[str, tuple[str, ...]] = DETAIL | TONES
"""Concrete type or family -> its effects. Families serve where the type is unknown."""
