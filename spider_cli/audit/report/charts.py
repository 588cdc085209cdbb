"""The charts of a report as shapes: where each bar and word stands. The page's template draws them.

Nothing here is markup, and colours are names of classes, so that hostile text stays text and the
page chooses its colours.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from spider_cli.audit.report.tally import BINS, Counts, Tally
from spider_cli.audit.report.text import plain
from spider_cli.vocabulary import SEVERITIES

__all__ = ["Bar", "Chart", "Word", "charts"]

_WIDTH = 440.0
_HEIGHT = 168.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 30.0, 4.0, 10.0, 22.0
"""Room around the bars of an upright chart."""
_LENSES = 6
"""More of them share the last row."""
_LENS_NAME = 48
"""Characters."""
_BADNESS = ("none", *SEVERITIES)
_MOST_HOURS = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle, in units of the chart."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    """Its class: ``s0`` to ``s4`` for scores, ``none`` to ``severe`` for faults."""
    title: str
    """What it stands for, in words."""


@dataclass(frozen=True, slots=True)
class Word:
    """A text at a place; `anchor` as in SVG."""

    x: float
    y: float
    text: str
    anchor: str = "middle"
    strong: bool = False


@dataclass(slots=True)
class Chart:
    """One picture with its title, and what it shows in words."""

    id: str
    title: str
    description: str
    width: float = _WIDTH
    height: float = _HEIGHT
    bars: list[Bar] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    rules: list[float] = field(default_factory=list)
    """Heights of horizontal lines."""
    legend: bool = False
    """Whether its colours are severities."""


def charts(tally: Tally) -> list[Chart]:
    """Scores, faults by hour, faults by lens: those of which anything is known."""
    made = (_scores(tally), _hours(tally), _lenses(tally))
    return [chart for chart in made if chart is not None]


def _scores(tally: Tally) -> Chart | None:
    if not tally.scored:
        return None
    most = max(tally.scores)
    fullest = tally.scores.index(most)
    step = 100 // BINS
    chart = Chart(
        "scores",
        "Scores",
        f"Histogram of the scores of {_photos(tally.scored)}. Their mean is "
        f"{tally.sum_of_scores / tally.scored:.0f}. The fullest step, {fullest * step} to "
        f"{(fullest + 1) * step}, has {_photos(most)}.",
    )
    top = _axis(chart, most)
    wide = (_WIDTH - _LEFT - _RIGHT) / BINS
    for number, count in enumerate(tally.scores):
        low = number * step
        if count:
            y, height = _upright(count, top)
            title = f"{low} to {low + step}: {_photos(count)}"
            x = _LEFT + number * wide + 1
            chart.bars.append(Bar(x, y, wide - 2, height, f"s{low // 20}", title))
    for score in range(0, 101, 20):
        x = _LEFT + score / 100 * (_WIDTH - _LEFT - _RIGHT)
        anchor = "end" if score == 100 else "middle"
        chart.words.append(Word(x, _HEIGHT - 6, str(score), anchor))
    return chart


def _hours(tally: Tally) -> Chart | None:
    if not tally.hours:
        return None
    first, last = min(tally.hours), max(tally.hours)
    hour = timedelta(hours=1)
    if last - first < _MOST_HOURS * hour:
        count = (last - first) // hour + 1
        columns = [
            (f"{first + n * hour:%H}", tally.hours.get(first + n * hour, Counts()))
            for n in range(count)
        ]
        title = "Faults by hour"
    else:
        days = [Counts() for _ in range(24)]
        for when, counts in tally.hours.items():
            into = days[when.hour].by_badness
            into[:] = [a + b for a, b in zip(into, counts.by_badness, strict=True)]
        columns = [(f"{n:02}", counts) for n, counts in enumerate(days)]
        title = "Faults by hour of the day"
    worst = max(columns, key=lambda column: column[1].faulty)
    chart = Chart(
        "hours",
        title,
        f"Photos by the hour they were taken and their worst fault. Most with faults, "
        f"{worst[1].faulty} of {worst[1].total}, are from {worst[0]} o'clock.",
        legend=True,
    )
    top = _axis(chart, max(counts.total for _, counts in columns))
    wide = (_WIDTH - _LEFT - _RIGHT) / len(columns)
    thick = min(wide - 2, 34.0)
    every = -(-len(columns) // 12)
    for number, (name, counts) in enumerate(columns):
        middle = _LEFT + (number + 0.5) * wide
        done = 0
        for badness in reversed(range(len(_BADNESS))):
            here = counts.by_badness[badness]
            if here:
                y, height = _upright(here, top, done)
                said = f"{name} o'clock, {_words(badness)}: {_photos(here)}"
                chart.bars.append(
                    Bar(middle - thick / 2, y, thick, height, _BADNESS[badness], said)
                )
                done += here
        if number % every == 0:
            chart.words.append(Word(middle, _HEIGHT - 6, name))
    return chart


def _lenses(tally: Tally) -> Chart | None:
    if not tally.lenses:
        return None
    ordered = sorted(tally.lenses.items(), key=lambda item: (-item[1].total, item[0]))
    rows = [(plain(name, _LENS_NAME), counts) for name, counts in ordered[:_LENSES]]
    if len(ordered) > _LENSES:
        rest = Counts()
        for _, counts in ordered[_LENSES:]:
            rest.by_badness = [
                a + b for a, b in zip(rest.by_badness, counts.by_badness, strict=True)
            ]
        rows.append((f"{len(ordered) - _LENSES} more", rest))
    worst = max(rows, key=lambda row: row[1].faulty / row[1].total)
    row_height = 36.0
    chart = Chart(
        "lenses",
        "Faults by lens",
        f"Photos by lens and their worst fault. The largest share with faults, {worst[1].faulty} "
        f"of {worst[1].total}, is that of {worst[0]}.",
        height=max(_HEIGHT, len(rows) * row_height + 8),
        legend=True,
    )
    longest = max(counts.total for _, counts in rows)
    for number, (name, counts) in enumerate(rows):
        y = number * row_height
        chart.words.append(Word(0, y + 14, name, "start", strong=True))
        faulty = f"{counts.faulty} of {counts.total} with faults"
        chart.words.append(Word(_WIDTH, y + 14, faulty, "end"))
        x = 0.0
        for badness in reversed(range(len(_BADNESS))):
            here = counts.by_badness[badness]
            if here:
                width = here / longest * _WIDTH
                said = f"{name}, {_words(badness)}: {_photos(here)}"
                shown = max(width - 1, 0.5)
                chart.bars.append(Bar(x, y + 20, shown, 9, _BADNESS[badness], said))
                x += width
    return chart


def _axis(chart: Chart, most: int) -> int:
    """Rules and their numbers for counts up to `most`; the count at the top."""
    step = _round_step(most)
    top = -(-most // step) * step
    for count in range(0, top + 1, step):
        y = _upright(count, top)[0]
        chart.rules.append(y)
        chart.words.append(Word(_LEFT - 6, y + 3.5, f"{count:,}", "end"))
    return top


def _round_step(most: int) -> int:
    """1, 2 or 5 times a power of ten: three to five steps up to `most`."""
    size = 1
    while True:
        for factor in (1, 2, 5):
            if most <= 4 * factor * size:
                return factor * size
        size *= 10


def _upright(count: int, top: int, below: int = 0) -> tuple[float, float]:
    """The upper edge and the height of a bar of `count` that stands on `below`."""
    scale = (_HEIGHT - _TOP - _BOTTOM) / top
    return _HEIGHT - _BOTTOM - (below + count) * scale, count * scale


def _photos(number: int) -> str:
    return "1 photo" if number == 1 else f"{number:,} photos"


def _words(badness: int) -> str:
    return "without faults" if badness == 0 else f"at worst {_BADNESS[badness]}"
