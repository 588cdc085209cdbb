"""Reliability diagrams: how sure the words were, and how often that was so, as one PNG."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trainer.charts import COLOURS, blank, dress
from trainer.evaluate.bins import bins_of, expected_error
from trainer.evaluate.measures import AXES, SEVERITY_WORDS, Pairs, severity_odds
from trainer.evaluate.outcomes import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Line", "Panel", "diagram", "panels_of"]

Numbers = npt.NDArray[np.float64]
_WIDTH, _HEIGHT = 3.6, 4.86
"""Of a panel, inches of 100 pixels."""
_FEW = 5
"""Dots of fewer cases are drawn hollow: they say little."""


@dataclass(frozen=True, slots=True)
class Line:
    """One probability against one truth."""

    name: str
    said: Numbers
    """(n,) probabilities."""
    true: Numbers
    """(n,) what was so, 0-1."""

    @property
    def error(self) -> float:
        """Expected calibration error."""
        return expected_error(self.said, self.true)


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines that share their axes."""

    title: str
    truth: str
    """What the vertical axis shows."""
    lines: Sequence[Line]


def panels_of(results: Sequence[Result]) -> list[Panel]:
    """Severity words, then P(right) and P(bottom); panels that there is nothing for are left out.

    Severities are those of families named rightly. Positions are those of questions whose target is
    a region, against its place and its side.
    """
    share = "share that is right"
    wanted: list[tuple[str, str, dict[str, Pairs]]] = [
        ("Severity word said", share, {"said": severity_odds}),
        ("Each severity word", share, SEVERITY_WORDS),
    ]
    for word in ("right", "bottom"):
        own = {truth: AXES[word, truth] for truth in ("place", "side")}
        wanted.append((f"P({word})", "mean place, share of sides", own))
    found = []
    for title, truth, pairs in wanted:
        lines = [line for name, one in pairs.items() if (line := _line(name, one, results))]
        if lines:
            found.append(Panel(title, truth, lines))
    return found


def diagram(results: Sequence[Result]) -> bytes | None:
    """The panels side by side as a PNG; None where no result has probabilities."""
    panels = panels_of(results)
    if not panels:
        return None
    figure = blank(_WIDTH * len(panels), _HEIGHT)
    axes = figure.subplots(2, len(panels), squeeze=False, sharex="col", height_ratios=(3, 1))
    for column, panel in enumerate(panels):
        _draw_lines(axes[0, column], panel)
        _draw_counts(axes[1, column], panel)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _line(name: str, pairs: Pairs, results: Sequence[Result]) -> Line | None:
    told = [pair for one in results for pair in pairs(one.case, one.outcome)]
    if not told:
        return None
    table = np.array(told)
    return Line(name, table[:, 0], table[:, 1])


def _draw_lines(axes: "Axes", panel: Panel) -> None:
    axes.plot((0, 1), (0, 1), color="#999999", linewidth=1, linestyle="--")
    for line, colour in zip(panel.lines, COLOURS, strict=False):
        bins = [one for one in bins_of(line.said, line.true) if one.count]
        label = f"{line.name}: ECE {line.error:.3f}, n = {len(line.said):,}"
        axes.plot(
            [one.said for one in bins], [one.true for one in bins],
            color=colour, linewidth=1.5, label=label,
        )  # fmt: skip
        for one in bins:
            inner = colour if one.count >= _FEW else "white"
            axes.plot(one.said, one.true, "o", color=colour, markerfacecolor=inner, markersize=5)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    dress(axes, panel.title)
    axes.set_ylabel(panel.truth, fontsize=9)
    axes.legend(loc="upper left", fontsize=7.5, framealpha=0.85)


def _draw_counts(axes: "Axes", panel: Panel) -> None:
    for line, colour in zip(panel.lines, COLOURS, strict=False):
        bins = bins_of(line.said, line.true)
        edges = [*(one.low for one in bins), bins[-1].high]
        axes.stairs([one.count for one in bins], edges, color=colour, linewidth=1.3)
    axes.set_xlabel("probability", fontsize=9)
    axes.set_ylabel("cases", fontsize=9)
    dress(axes)
