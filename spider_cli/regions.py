"""Positional phrases ("top left", "the bottom", "centre") as boxes of the photo."""

from spider_cli.boxes import BoxSpec

__all__ = ["region_box"]

_HALF = {"left": (0.0, 0.5), "right": (0.5, 1.0), "top": (0.0, 0.5), "bottom": (0.5, 1.0)}
_MIDDLE = (0.25, 0.75)
_ALL = (0.0, 1.0)
_SYNONYMS = {
    "upper": "top",
    "lower": "bottom",
    "center": "middle",
    "centre": "middle",
    "central": "middle",
    "lefthand": "left",
    "righthand": "right",
}
_FILLER = {"the", "of", "on", "at", "in", "photo", "image", "picture", "corner", "side", "half"}
_FILLER |= {"part", "region", "area", "quarter", "edge", "hand"}


def region_box(phrase: str) -> BoxSpec | None:
    """The box a positional phrase means; None when it has any word that is not about position.

    One word of an axis is that half of the photo, one of each a quarter, "centre" the middle half
    of each axis that has no other word.
    """
    words = phrase.lower().replace("-", " ").replace(",", " ").split()
    words = [_SYNONYMS.get(word, word) for word in words]
    places = [word for word in words if word not in _FILLER]
    if not places or any(word not in _HALF and word != "middle" for word in places):
        return None
    across = [word for word in places if word in ("left", "right")]
    down = [word for word in places if word in ("top", "bottom")]
    if len(across) > 1 or len(down) > 1:
        return None
    middle = "middle" in places
    x1, x2 = _HALF[across[0]] if across else (_MIDDLE if middle else _ALL)
    y1, y2 = _HALF[down[0]] if down else (_MIDDLE if middle else _ALL)
    return BoxSpec(x1, y1, x2, y2, fractional=True)
