"""Records as people read them."""

from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from spider_cli.outputs.messages import printable
from spider_cli.results import (
    Audited,
    Description,
    Distortion,
    Failure,
    Grounding,
    Record,
    Referral,
    Score,
    WordedGrounding,
    WordedScore,
)

if TYPE_CHECKING:
    from rich.text import Text as RichText

__all__ = ["Text"]

_SEVERITY_STYLE = {"mild": "yellow", "moderate": "dark_orange", "severe": "red"}
_LEVEL_STYLE = {
    "excellent": "bold green",
    "good": "green",
    "fair": "yellow",
    "poor": "dark_orange",
    "bad": "red",
}


class Text:
    """A short block a record: the photo's name, then what was found.

    Args:
        stream: where to; colours only on a terminal, and never with NO_COLOR set.
        failures: show failed photos too; False where stderr already does beside it.
    """

    def __init__(self, stream: TextIO, *, failures: bool = True) -> None:
        from rich.console import Console

        self._failures = failures
        # soft_wrap below: the terminal folds long answers, so copied text holds no false breaks.
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)

    def write(self, record: Record) -> None:
        if isinstance(record.outcome, Failure) and not self._failures:
            return
        lines = _lines(record)
        if record.read_as is not None:
            lines[0].append(f"  ({record.read_as})", "dim")
        for line in lines:
            self._console.print(line, soft_wrap=True)
        self._console.file.flush()

    def close(self) -> None:
        """Nothing to add."""


def _lines(record: Record) -> "list[RichText]":
    from rich.text import Text as RichText

    photo = printable(record.photo)
    match record.outcome:
        case Failure() as failure:
            said = printable(failure.message)
            return [RichText.assemble((photo, "bold"), ("  failed: ", "red"), said)]
        case Score() as score:
            level = RichText(f"{score.level:<9}", _LEVEL_STYLE.get(score.level, ""))
            return [
                RichText.assemble((f"{score.score:5.1f}", "bold"), "/100  ", level, "  ", photo)
            ]
        case WordedScore() as rated:
            level = RichText(f"{rated.level:<9}", _LEVEL_STYLE.get(rated.level, ""))
            return [RichText.assemble(("    -", "bold"), "/100  ", level, "  ", photo)]
        case Description() | Referral() as words:
            title = [(photo, "bold"), (_in_box(words.box), "dim")]
            found = _distortions(words.distortions, words.other)
            return [RichText.assemble(*title), _answer(words.answer), *found]
        case WordedGrounding() as told:
            why = printable(f"in words only: {told.worded}")
            return [RichText(photo, "bold"), _answer(told.answer), RichText(f"  {why}", "cyan")]
        case Grounding() as grounding:
            return [RichText(photo, "bold"), _answer(grounding.answer), *_region(grounding)]
        case Audited() as audited:
            [first] = _lines(replace(record, outcome=audited.score))
            if record.flagged:
                first.append(f"  [{printable(', '.join(record.flagged))}]", "bold red")
            words = audited.description
            found = _distortions(words.distortions, words.other)
            region = audited.region
            where = _region(region) if isinstance(region, Grounding) else [_answer(region.answer)]
            return [first, _answer(audited.why), *found, *where]


def _region(grounding: Grounding) -> "list[RichText]":
    from rich.text import Text as RichText

    files = grounding.files
    shown = [] if files is None else [RichText(f"  {printable(files.overlay)}", "dim")]
    return [RichText(f"  {_where(grounding)}", "cyan"), *shown]


def _in_box(box: tuple[int, int, int, int] | None) -> str:
    return "" if box is None else f"  box {','.join(map(str, box))}"


def _answer(answer: str) -> "RichText":
    from rich.text import Text as RichText

    return RichText(f"  {printable(answer)}")


def _distortions(found: tuple[Distortion, ...], other: tuple[str, ...]) -> "list[RichText]":
    from rich.text import Text as RichText

    if not found and not other:
        return []
    parts = [
        RichText(f"{one.severity} {one.family}", _SEVERITY_STYLE.get(one.severity, ""))
        for one in found
    ]
    parts += [RichText(printable(one)) for one in other]
    return [RichText("  ") + RichText(", ").join(parts)]


def _where(grounding: Grounding) -> str:
    if grounding.whole:
        return "the whole photo"
    if grounding.mask is None or grounding.box is None or grounding.point is None:
        return "nothing at fault"
    x, y = grounding.point
    probed = ", probed" if grounding.probed else ""
    box = ",".join(map(str, grounding.box))
    return f"box {box}, {grounding.area:.1%} of the photo, point {x:.0f},{y:.0f}{probed}"
