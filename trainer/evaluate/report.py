"""The Markdown report: what was measured, every figure, and the worst cases with pictures."""

from collections.abc import Collection, Iterator, Sequence

from trainer.evaluate.baselines import BASELINES
from trainer.evaluate.outcomes import Result
from trainer.evaluate.saved import RELIABILITY, SHEET, WORST, Header
from trainer.evaluate.table import Grid, counts_line, escaped, markdown
from trainer.evaluate.tally import Tally
from trainer.evaluate.texts import facts_of, title_of
from trainer.evaluate.worst import picture_name

__all__ = ["report"]


def report(
    header: Header,
    tally: Tally,
    found: Sequence[Grid],
    worst: Sequence[Result],
    pictures: Collection[str],
) -> str:
    """The report.

    Args:
        found: tables, in order.
        worst: cases to show, the worst first.
        pictures: names of those of their pictures that there are, and of the pages of pictures.
    """
    return "\n".join(_lines(header, tally, found, worst, pictures)) + "\n"


def _lines(
    header: Header,
    tally: Tally,
    found: Sequence[Grid],
    worst: Sequence[Result],
    pictures: Collection[str],
) -> Iterator[str]:
    split = f", split {escaped(header.split)}" if header.split else ""
    revision = f" (revision {escaped(header.revision)})" if header.revision else ""
    yield f"# {escaped(header.system)} on {escaped(header.target)}"
    yield ""
    yield f"- Measured: {escaped(header.system)}{revision}"
    if header.quantize:
        yield f"- Its layers in {escaped(header.quantize)} (--quantize)"
    if header.max_pixels:
        yield f"- Photos shown with {header.max_pixels:,} pixels at most (--max-pixels)"
    yield f"- On: {escaped(header.target)}{split}, SHA-256 {header.data[:16]}"
    yield f"- {counts_line(tally)}, {tally.clusters:,} independent groups of photos"
    yield f"- Seed {header.seed}; {escaped(header.made_by)}"
    if header.segmenter:
        yield f"- Masks of points: the segmenter of {escaped(header.segmenter)}"
    if header.judge:
        yield f"- Judge: {escaped(header.judge)}"
    yield ""
    yield "## Figures"
    yield ""
    yield "Intervals hold 95% of resamplings of groups of photos. What could not be graded counts"
    yield "as wrong. Baselines: " + ", ".join(BASELINES.values()) + "; docs/evaluation.md says what"
    yield "each is."
    yield ""
    for grid in found:
        yield from markdown(grid)
    if RELIABILITY in pictures:
        yield "## How sure the words were"
        yield ""
        yield "Probability of the words, by tenths, against how often that was so. Hollow dots:"
        yield "fewer than five cases. ECE: expected calibration error."
        yield ""
        yield f"![Reliability diagrams]({RELIABILITY})"
        yield ""
    if not worst:
        return
    yield f"## The worst {len(worst)}"
    yield ""
    yield "Cyan: what is true. Orange: what was answered (the cross is its point). Yellow: the box"
    yield "that was asked about. Of camera's frames the middle at 100%. Tasks take turns."
    if SHEET in pictures:
        yield f"[All of them on one page]({SHEET})."
    yield ""
    for number, one in enumerate(worst, 1):
        yield from _case(number, one, pictures)


def _case(number: int, result: Result, pictures: Collection[str]) -> Iterator[str]:
    yield f"### {number}. {escaped(result.case.id)}: {escaped(title_of(result.case))}"
    yield ""
    name = picture_name(number, result)
    if name in pictures:
        yield f"![{escaped(result.case.id)}]({WORST}/{name})"
        yield ""
    for name, text in facts_of(result):
        yield f"- {name}: {escaped(text)}"
    yield ""
