"""What is known about a photo: its distortions, its regions, and which of them has what."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spider_cli.results import Box, Distortion
from spider_cli.vocabulary import NOUNS

__all__ = ["Applied", "BoolMask", "Pixels", "Region", "Sample"]

Pixels = npt.NDArray[np.uint8]
"""(height, width, 3) RGB, 0-255."""
BoolMask = npt.NDArray[np.bool_]
"""(height, width)."""


@dataclass(frozen=True, slots=True)
class Applied:
    """One distortion in a photo: put there by us, or seen there by people."""

    family: str
    """One of the vocabulary's families; "" for a fault of no family (see `other`)."""
    kind: str
    """The concrete type, such as "blur_motion"; "" where only the family is known."""
    level: float
    """1 (weakest) to 5."""
    severity: str
    """mild, moderate or severe."""
    other: str = ""
    """Plain name of a fault of no family, such as "lens flare"."""

    @property
    def noun(self) -> str:
        """What answers call it: "brightening", "lens flare"."""
        return self.other or NOUNS[self.family]

    @property
    def distortion(self) -> Distortion:
        """The same as an answer names it. Only for faults that have a family."""
        return Distortion(self.family, self.severity)


@dataclass(frozen=True, slots=True)
class Region:
    """One distorted region of a photo."""

    mask: BoolMask
    """(height, width) bool."""
    box: Box
    """Bounding box of the mask."""
    point: tuple[float, float]
    """`(x, y)` inside the mask, see `regions.interior_point`."""
    distortions: tuple[Applied, ...]
    """One or two, in the order applied where `ordered`."""
    label: str = ""
    """What the region shows ("the sky"), where that is known."""
    ordered: bool = True
    """The order of two distortions is known and can be seen."""
    feather: float = 0.0
    """Width in pixels of the soft edge outside and inside the mask's rim; 0 is a hard edge."""

    @property
    def total(self) -> float:
        """Total degradation: the sum of the levels."""
        return sum(applied.level for applied in self.distortions)


@dataclass(frozen=True, slots=True)
class Sample:
    """A photo and the truth about it. `regions` or `whole` may be filled, never both."""

    pixels: Pixels
    """(height, width, 3) uint8 RGB."""
    regions: tuple[Region, ...] = ()
    whole: tuple[Applied, ...] = ()
    """Distortions of the whole photo, in the order applied."""
    complete: bool = True
    """These are all its faults. People who mark a real photo need not mark everything: of such
    photos nothing is said to be clean, or absent."""

    @property
    def clean(self) -> bool:
        """Nothing is wrong with the photo."""
        return not self.regions and not self.whole
