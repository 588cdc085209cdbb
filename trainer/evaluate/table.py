"""The figures as people read them: a table on a terminal, aligned text in a pipe, Markdown."""

from collections.abc import Iterator, Sequence
from typing import TextIO

from spider_cli.outputs.messages import printable
from trainer.evaluate.baselines import BASELINES
from trainer.evaluate.figures import SECTIONS
from trainer.evaluate.outcomes import Status
from trainer.evaluate.peers import TITLES
from trainer.evaluate.tally import Tally, families_of
from trainer.evaluate.values import SYSTEM, Difference, Row, Value

__all__ = [
    "Grid",
    "comparison_grids",
    "counts_line",
    "grids",
    "markdown",
    "peer_grids",
    "write",
]

_ROOMY, _MANY = 105, 4
"""Columns of a terminal that take everything; numbers beside the interval that are many."""


class Grid:
    """A titled table of text; the first column is text, the others numbers."""

    def __init__(self, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.title = title
        self.head = list(head)
        self.rows = [list(row) for row in rows]


def grids(tally: Tally, system: str) -> list[Grid]:
    """One grid a section: figure, cases, the system with its interval, the baselines."""
    found: list[Grid] = []
    for section, title in SECTIONS.items():
        rows = [one for one in tally.rows if one.section == section and not _family(one)]
        if not rows:
            continue
        beside = [name for name in BASELINES if any(name in one.values for one in rows)]
        head = ["", "cases", printable(system), "95%", *(BASELINES[name] for name in beside)]
        body = [
            [
                one.title + (" (lower is better)" if not one.higher_is_better else ""),
                f"{one.cases:,}",
                *_with_interval(one.values.get(SYSTEM)),
                *(_told(one.values.get(name)) for name in beside),
            ]
            for one in rows
        ]
        found.append(Grid(title, head, body))
    found += peer_grids(tally, system)
    families = families_of(tally)
    if families:
        body = [
            [family, *(_number(values.get(name)) for name in ("precision", "recall", "f1"))]
            for family, values in families.items()
        ]
        head = ["", "precision", "recall", "F1"]
        found.append(Grid(f"Families, referring short and long: {printable(system)}", head, body))
    found.append(_statuses(tally))
    return found


def peer_grids(tally: Tally, system: str) -> list[Grid]:
    """The system and the peers, a row each: agreement with opinions; what they flag."""
    found: list[Grid] = []
    for section in ("scoring", "description"):
        rows = [
            one
            for one in tally.rows
            if one.section == section and any(name in one.values for name in TITLES)
        ]
        if not rows:
            continue
        names = [SYSTEM, *(name for name in TITLES if any(name in one.values for one in rows))]
        body = []
        for name in names:
            cells = [" ".join(_with_interval(one.values.get(name))).strip() for one in rows]
            body.append([printable(system) if name == SYSTEM else TITLES[name], *cells])
        head = ["", *(one.title for one in rows)]
        found.append(Grid(f"{SECTIONS[section]}: peers on the same photos", head, body))
    return found


def comparison_grids(differences: Sequence[Difference], this: str, that: str) -> list[Grid]:
    """One grid a section: both figures, their difference with its interval, and p."""
    found: list[Grid] = []
    for section, title in SECTIONS.items():
        rows = [one for one in differences if one.section == section and not _family(one)]
        if not rows:
            continue
        body = []
        for one in rows:
            c = one.comparison
            interval = _interval(c.low, c.high, sign=True)
            p = "" if c.p is None else f"{c.p:.4f}"
            body.append(
                [one.title, f"{one.cases:,}", _number(c.this), _number(c.that),
                 f"{c.difference:+.3f}", interval, p]
            )  # fmt: skip
        head = ["", "cases", printable(this), printable(that), "difference", "95%", "p"]
        found.append(Grid(f"{title}: {printable(this)} against {printable(that)}", head, body))
    return found


def counts_line(tally: Tally) -> str:
    """What was measured, and what could not be graded, in a line."""
    parts = [f"{tally.photos:,} photos", f"{tally.cases:,} cases"]
    parts += [
        f"{tally.count(status):,} {status}"
        for status in ("unparsed", "missing", "failed")
        if tally.count(status)
    ]
    return ", ".join(parts)


def write(found: Sequence[Grid], stream: TextIO) -> None:
    """Rich tables on a terminal; plain aligned text elsewhere."""
    if not stream.isatty():
        stream.write("\n".join(line for grid in found for line in _plain(grid)))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    for grid in _fitting(found, console.width):
        table = Table(title=grid.title, title_justify="left", title_style="bold",
                      box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))  # fmt: skip
        for index, name in enumerate(grid.head):
            # A word a line: numbers are short, and terminals are narrow.
            table.add_column(
                name if index == 0 else name.replace(" ", "\n"),
                justify="right" if index else "left",
                style="bold" if index == 2 else "",
                no_wrap=index > 0,
                min_width=0 if index else 20,
                vertical="bottom",
            )
        for row in grid.rows:
            table.add_row(*row)
        console.print(table)


def _fitting(found: Sequence[Grid], width: int) -> Iterator[Grid]:
    """The grids, the baselines apart where the terminal is narrow."""
    for grid in found:
        split = grid.head.index("95%") + 1 if "95%" in grid.head else 0
        if width >= _ROOMY or not split or len(grid.head) - split < _MANY:
            yield grid
            continue
        yield Grid(grid.title, grid.head[:split], [row[:split] for row in grid.rows])
        rows = [[row[0], *row[split:]] for row in grid.rows]
        yield Grid(f"{grid.title}: baselines", ["", *grid.head[split:]], rows)


def markdown(grid: Grid) -> Iterator[str]:
    """The grid as lines of Markdown."""
    yield f"### {escaped(grid.title)}"
    yield ""
    yield "| " + " | ".join(map(escaped, grid.head)) + " |"
    yield "| --- |" + " ---: |" * (len(grid.head) - 1)
    for row in grid.rows:
        yield "| " + " | ".join(map(escaped, row)) + " |"
    yield ""


def escaped(text: str) -> str:
    """Text that Markdown and HTML leave as it is, on one line."""
    plain = printable(" ".join(text.split()))
    plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+!|~" else c for c in plain)


def _plain(grid: Grid) -> Iterator[str]:
    yield grid.title
    table = [grid.head, *grid.rows]
    wide = [max(len(row[i]) for row in table) for i in range(len(grid.head))]
    for row in table:
        cells = [
            cell.ljust(wide[i]) if i == 0 else cell.rjust(wide[i]) for i, cell in enumerate(row)
        ]
        yield "  " + "  ".join(cells).rstrip()
    yield ""
    yield ""


def _statuses(tally: Tally) -> Grid:
    kinds: tuple[Status, ...] = ("unparsed", "missing", "failed")
    rows = [
        [task, f"{sum(counts.values()):,}", *(f"{counts[kind]:,}" for kind in kinds)]
        for task, counts in tally.statuses.items()
    ]
    return Grid("Could not be graded; counted as wrong", ["", "cases", *kinds], rows)


def _family(one: Row | Difference) -> bool:
    return one.name.startswith("refer.")


def _with_interval(value: Value | None) -> tuple[str, str]:
    if value is None:
        return "", ""
    return _number(value.value), _interval(value.low, value.high)


def _interval(low: float, high: float, *, sign: bool = False) -> str:
    if low != low or high != high:
        return ""
    return f"{low:+.3f} to {high:+.3f}" if sign else f"{low:.3f}-{high:.3f}"


def _told(value: Value | None) -> str:
    return "" if value is None else _number(value.value)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
