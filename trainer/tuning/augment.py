"""Changes of a photo under which the truth stays true: seen in the mirror, and seen smaller.

In the mirror left and right change places everywhere: in the question, its boxes, the answer, and
the soft targets of its words. A row in which "left" or "right" may mean something else ("little
detail is left") stays as it is, and so do multiple choice and conversations, which may be about
what a mirror spoils (letters, clocks).
"""

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from spider_cli.results import Box
from trainer.datasets.schema import Item
from trainer.opencv import mirror_image
from trainer.rows import QA, Span
from trainer.truth import Pixels, Region, Sample

if TYPE_CHECKING:
    from trainer.tuning.recipe import Augment

__all__ = [
    "as_jpeg",
    "augmented",
    "augmented_photo",
    "cropped",
    "mirror_text",
    "mirrored",
    "shrunk",
]

_KEPT = ("chat", "choice")
_NEAR = 0.7
"""Share of crops that lie around a region."""
_BEST = (85, 98)
"""Qualities of JPEG that do no harm, as cameras and editors save."""
_NOUN = (
    r"(?:side|half|part|corner|edge|area|region|third|quarter|quadrant|portion|section|end|border|"
    r"margin|foreground|background)s?\b"
)
_SIDE = re.compile(
    r"(?<![A-Za-z0-9_])(?P<side>left|right)(?P<tail>[- ]?most|[- ]hand(?:ed)?|wards?)?"
    r"(?![A-Za-z0-9_])",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"(?:\b(?:the|top|bottom|upper|lower|middle|cent(?:er|re)|central|far|very|extreme)[\s/-]+"
    r"|\b(?:top|bottom|upper|lower)[- ]?most[\s/-]+"
    r"|\b(?:left|right)(?:[\s/-]+|\s+(?:and|or|to)\s+(?:the\s+)?)|\bfrom\s+)$",
    re.IGNORECASE,
)
"""What stands before a word that is a place."""
_AFTER = re.compile(rf"[\s-]+{_NOUN}", re.IGNORECASE)
"""What stands after one, whatever is before it."""
_OTHERWISE = re.compile(
    r"\s+(?:amount|way|one|choice|exposure|settings?|balance|levels?|size|time|place|answer|words?|"
    r"colou?rs?|tones?|over|behind|alone|angle|mood|away|now|of detail)\b",
    re.IGNORECASE,
)
_BOX = re.compile(r"\[\s*\d*\.?\d+(?:\s*,\s*\d*\.?\d+){3}\s*\]")
_NUMBER = re.compile(r"\d*\.?\d+")


def augmented(
    item: Item, qa: QA, settings: "Augment", rng: np.random.Generator
) -> tuple[Pixels, QA]:
    """A row as it is shown this time.

    Args:
        rng: where every choice comes from: the same state, the same row.

    Returns:
        The photo, (height, width, 3) uint8 RGB, and what is asked about it. Pixel coordinates in
        the row (`box`, `point`) are those before a change of size.
    """
    found, [row] = augmented_photo(item, [qa], settings, rng)
    return found.sample.pixels, row


def augmented_photo(
    item: Item, rows: Sequence[QA], settings: "Augment", rng: np.random.Generator
) -> tuple[Item, tuple[QA, ...]]:
    """A photo and rows of it as they are shown this time; in the mirror without those rows that
    cannot be said the other way round, where others can.

    Returns:
        The photo, whose masks and points stay at the size they had, and the rows.
    """
    # All are drawn whatever comes of them, so that a setting changes nothing but itself.
    chance, pick, saved, quality = (rng.random() for _ in range(4))
    rows = tuple(rows)
    if chance < settings.flip and not rows:
        item = _mirrored(item)
    elif chance < settings.flip:
        turned = [pair for row in rows if (pair := mirrored(item, row)) is not None]
        if turned:
            item, rows = turned[0][0], tuple(row for _, row in turned)
    pixels = item.sample.pixels
    if settings.sizes:
        pixels = shrunk(pixels, settings.sizes[int(pick * len(settings.sizes))])
    if saved < settings.jpeg:
        pixels = as_jpeg(pixels, _BEST[0] + int(quality * (_BEST[1] - _BEST[0] + 1)))
    return replace(item, sample=replace(item.sample, pixels=pixels)), rows


def cropped(sample: Sample, side: int, rng: np.random.Generator) -> Sample:
    """A square of a photo with what is in it, mostly around one of its regions; the photo itself
    where that is no larger."""
    height, width = sample.pixels.shape[:2]
    h, w = min(side, height), min(side, width)
    y, x = rng.random() * (height - h), rng.random() * (width - w)
    if sample.regions and rng.random() < _NEAR:
        region = sample.regions[int(rng.integers(len(sample.regions)))]
        rows, columns = np.nonzero(region.mask)
        pick = int(rng.integers(len(rows)))
        y, x = rows[pick] - rng.random() * h, columns[pick] - rng.random() * w
    top, left = (int(min(max(at, 0), most)) for at, most in ((y, height - h), (x, width - w)))
    part = (slice(top, top + h), slice(left, left + w))
    regions = [replace(one, mask=one.mask[part]) for one in sample.regions]
    return replace(
        sample,
        pixels=np.ascontiguousarray(sample.pixels[part]),
        regions=tuple(one for one in regions if one.mask.any()),
    )


def as_jpeg(pixels: Pixels, quality: int) -> Pixels:
    """A photo saved as JPEG and opened again; `quality` 0-100."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        return np.asarray(image)


def shrunk(pixels: Pixels, side: int) -> Pixels:
    """A photo whose long side is at most `side` pixels."""
    height, width = pixels.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def mirrored(item: Item, qa: QA) -> tuple[Item, QA] | None:
    """A photo and its row in the mirror; None where the row cannot be said the other way round.

    Twice is as it was.
    """
    if qa.task in _KEPT:
        return None
    width = item.sample.pixels.shape[1]
    question = mirror_text(qa.question)
    answer = mirror_text(qa.answer, qa.spans, width)
    if question is None or answer is None:
        return None
    row = replace(
        qa,
        question=question[0],
        answer=answer[0],
        spans=answer[1],
        box=None if qa.box is None else _box(qa.box, width),
        point=None if qa.point is None else (width - 1 - qa.point[0], qa.point[1]),
    )
    return _mirrored(item), row


def _mirrored(item: Item) -> Item:
    width = item.sample.pixels.shape[1]
    sample = replace(
        item.sample,
        pixels=mirror_image(item.sample.pixels),
        regions=tuple(_region(region, width) for region in item.sample.regions),
    )
    return replace(item, sample=sample)


def mirror_text(
    text: str, spans: Sequence[Span] = (), width: int = 1
) -> tuple[str, tuple[Span, ...]] | None:
    """A text with left and right in each other's place, boxes `[x1, y1, x2, y2]` turned round.

    Args:
        spans: of its positional words.
        width: of the photo, for the spans' values.

    Returns:
        The text and its spans; None where a word may be no place, or a box is in pixels.
    """
    known = {span.start for span in spans}
    changes: list[tuple[int, int, str]] = []
    for match in _BOX.finditer(text):
        box = _box_text(match.group())
        if box is None:
            return None
        changes.append((*match.span(), box))
    for match in _SIDE.finditer(text):
        if not (match["tail"] or match.start() in known or _is_place(text, match)):
            return None
        changes.append((*match.span("side"), _other(match["side"])))
    out, done = "", 0
    for start, end, new in sorted(changes):
        out += text[done:start] + new
        done = end
    out += text[done:]
    turned = []
    for span in spans:
        grown = sum(len(new) - (end - start) for start, end, new in changes if end <= span.start)
        length, value = span.end - span.start, span.value
        if span.axis == "horizontal":
            length = len(_other(text[span.start : span.end]))
            # The point is that of the mirrored pixel: x becomes width - 1 - x.
            value = min(max(1 - 1 / width - value, 0.0), 1.0)
        turned.append(Span(span.start + grown, span.start + grown + length, span.axis, value))
    return out, tuple(turned)


def _is_place(text: str, match: "re.Match[str]") -> bool:
    after = text[match.end() :]
    if _AFTER.match(after):
        return True
    return bool(_BEFORE.search(text[: match.start()])) and not _OTHERWISE.match(after)


def _other(word: str) -> str:
    """ "left" -> "right", in the same case."""
    new = "right" if word.lower() == "left" else "left"
    if word.isupper():
        return new.upper()
    return new.capitalize() if word[0].isupper() else new


def _box_text(text: str) -> str | None:
    """A box of fractions in the mirror, each as many decimals as it had."""
    numbers = _NUMBER.findall(text)
    if any(float(number) > 1 for number in numbers):
        return None
    x1, y1, x2, y2 = numbers

    def turned(number: str) -> str:
        return f"{1 - float(number):.{len(number.partition('.')[2])}f}"

    new = iter((turned(x2), y1, turned(x1), y2))
    return _NUMBER.sub(lambda _: next(new), text)


def _box(box: Box, width: int) -> Box:
    return width - box[2], box[1], width - box[0], box[3]


def _region(region: Region, width: int) -> Region:
    return replace(
        region,
        mask=region.mask[:, ::-1],
        box=_box(region.box, width),
        point=(width - 1 - region.point[0], region.point[1]),
    )
