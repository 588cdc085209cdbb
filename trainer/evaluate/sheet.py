"""The worst cases on one page: of each its picture, both texts and the photo's name."""

import io
from collections.abc import Iterator, Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from trainer.evaluate.outcomes import Result
from trainer.evaluate.texts import facts_of, title_of
from trainer.evaluate.worst import ANSWER, ASKED, TRUTH, picture_name

__all__ = ["contact_sheet"]

_COLUMNS, _WIDE, _PAD, _SIZE = 4, 360, 12, 13
"""Cases in a row; pixels of a picture, around it, and of the letters."""
_LINES = 6
"""Lines that a text may take before it ends in dots."""
_INK, _FAINT, _PAPER = (20, 20, 20), (110, 110, 110), (255, 255, 255)
_LEGIBLE = ("Answer", "Truth", "Intersection over union")
"""What is not faint below a picture."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def contact_sheet(worst: Sequence[Result], pictures: Mapping[str, bytes]) -> bytes | None:
    """The sheet as a PNG; None where there is no picture.

    Args:
        worst: cases to show, in order.
        pictures: name (`worst.picture_name`) -> PNG; cases without one show their texts alone.
    """
    if not pictures:
        return None
    font = ImageFont.load_default(_SIZE)
    tiles = [_tile(number, one, pictures, font) for number, one in enumerate(worst, 1)]
    rows = [tiles[i : i + _COLUMNS] for i in range(0, len(tiles), _COLUMNS)]
    head = _legend(font)
    step = _WIDE + 2 * _PAD
    tall = head.height + sum(max(tile.height for tile in row) for row in rows)
    sheet = Image.new("RGB", (step * min(_COLUMNS, len(tiles)), tall), _PAPER)
    sheet.paste(head, (0, 0))
    y = head.height
    for row in rows:
        for column, tile in enumerate(row):
            sheet.paste(tile, (column * step, y))
        y += max(tile.height for tile in row)
    out = io.BytesIO()
    sheet.save(out, "PNG", compress_level=4)
    return out.getvalue()


def _legend(font: Font) -> Image.Image:
    head = Image.new("RGB", (_WIDE, 4 * (_SIZE + 4) + _PAD), _PAPER)
    pen = ImageDraw.Draw(head)
    said = (
        ("what is true", TRUTH),
        ("what was answered; the cross is its point", ANSWER),
        ("the box that was asked about", ASKED),
    )
    for line, (words, colour) in enumerate(said):
        y = _PAD + line * (_SIZE + 4)
        pen.rectangle((_PAD, y + 2, _PAD + 18, y + _SIZE), fill=colour, outline=_INK)
        pen.text((_PAD + 26, y), words, fill=_INK, font=font)
    return head


def _tile(number: int, result: Result, pictures: Mapping[str, bytes], font: Font) -> Image.Image:
    texts = list(_texts(number, result))
    lines = [(line, ink) for text, ink in texts for line in _wrapped(text, font)]
    png = pictures.get(picture_name(number, result))
    picture = None if png is None else Image.open(io.BytesIO(png)).convert("RGB")
    top = 0 if picture is None else picture.height + 6
    tall = _PAD + top + len(lines) * (_SIZE + 4) + _PAD
    tile = Image.new("RGB", (_WIDE + 2 * _PAD, tall), _PAPER)
    if picture is not None:
        tile.paste(picture, (_PAD, _PAD))
    pen = ImageDraw.Draw(tile)
    for place, (line, ink) in enumerate(lines):
        pen.text((_PAD, _PAD + top + place * (_SIZE + 4)), line, fill=ink, font=font)
    return tile


def _texts(number: int, result: Result) -> Iterator[tuple[str, tuple[int, int, int]]]:
    yield f"{number}. {result.case.id}: {title_of(result.case)}", _INK
    for name, text in facts_of(result):
        yield f"{name}: {text}", _INK if name in _LEGIBLE else _FAINT


def _wrapped(text: str, font: Font) -> list[str]:
    """Lines no wider than a picture; words that are too long alone are broken."""
    lines: list[str] = []
    line = ""
    for word in _pieces(text, font):
        longer = f"{line} {word}" if line else word
        if font.getlength(longer) <= _WIDE or not line:
            line = longer
        else:
            lines.append(line)
            line = word
    lines.append(line)
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], f"{lines[_LINES - 1]} ..."]
    return lines


def _pieces(text: str, font: Font) -> Iterator[str]:
    for word in text.split():
        while font.getlength(word) > _WIDE:
            cut = max(1, int(len(word) * _WIDE / font.getlength(word)))
            yield word[:cut]
            word = word[cut:]
        yield word
