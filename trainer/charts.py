"""How charts look, whatever they show: colours, grid, titles; no window, no state of pyplot's."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "blank", "dress"]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Okabe and Ito's: told apart by people who do not see all colours."""
_DOTS = 100
"""Pixels an inch."""


def blank(width: float, height: float) -> "Figure":
    """A figure without axes, in inches of 100 pixels; only `savefig` shows it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DOTS, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def dress(axes: "Axes", title: str = "") -> None:
    """A title on the left, and a grid behind what is drawn."""
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
