"""`spider train plot`: a run's curves as one PNG."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from spider_cli.errors import UsageError
from trainer.charts import COLOURS, blank, dress
from trainer.tuning.log import read_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Curve", "Panel", "draw", "panels_of", "plot_run"]

Points: TypeAlias = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 10.0, 3.0
"""Of one panel, inches of 100 pixels."""
_SMOOTH = 20
"""Lines of the log over which the thick loss curve averages."""
_MOST = len(COLOURS)
_MARKED = 40
"""A curve of at most so many points shows each."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a panel."""

    name: str
    points: Points
    thin: bool = False
    """Drawn faint."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves that share their axes."""

    title: str
    curves: Sequence[Curve]
    logarithmic: bool = False
    best: int | None = None
    """The step of the best checkpoint, where the panel is of evaluations."""


def plot_run(run: Path, out: Path | None = None) -> Path:
    """Draw a run's loss, learning rates and figures.

    Args:
        run: the folder of a run.
        out: the picture; RUN/curves.png when None.

    Returns:
        Where the picture is.

    Raises:
        UsageError: no run there, nothing to draw yet, or the picture cannot be written.
    """
    rows = read_log(run)
    panels = panels_of(rows)
    if not panels:
        raise UsageError(f"{run} has no step in its log yet", code="no_run")
    target = out or run / "curves.png"
    named = next((row["recipe"] for row in rows if row["event"] == "start" and "recipe" in row), "")
    figure = draw(panels, title=str(named))
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        figure.savefig(temporary, format="png")
        temporary.replace(target)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error}", code="cannot_write") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target


def panels_of(rows: Sequence[dict[str, Any]]) -> list[Panel]:
    """The panels that a log has something for: loss, learning rates, and each kind of figure.

    The loss of evaluations is drawn with the training loss; the loss axis is logarithmic where the
    loss falls by more than a factor of ten.
    """
    steps = [row for row in rows if row["event"] == "step"]
    measured = [row for row in rows if row["event"] == "evaluation"]
    marked = [int(row["step"]) for row in measured if row.get("best")]
    best = marked[-1] if marked else None
    panels = []
    losses = _points(steps, "loss")
    figures = _figures(measured)
    evaluated = figures.pop("loss", {}).get("loss", [])
    if losses:
        curves = [Curve("each line of the log", losses, thin=True)]
        curves += [Curve("smoothed", _smoothed(losses))]
        curves += [Curve("of evaluations", evaluated)] if evaluated else []
        values = [y for curve in curves for _, y in curve.points]
        wide = min(values) > 0 and max(values) > 10 * min(values)
        panels.append(Panel("loss", curves, wide, best if evaluated else None))
    rates: dict[str, list[tuple[float, float]]] = {}
    for row in steps:
        for name, value in (row.get("lr") or {}).items():
            rates.setdefault(name, []).append((row["step"], value))
    if rates:
        above = [y for points in rates.values() for _, y in points if y > 0]
        wide = bool(above) and len({max(y for _, y in points) for points in rates.values()}) > 1
        curves = [Curve(name, points) for name, points in rates.items()]
        panels.append(Panel("learning rate", curves, wide))
    for kind, curves_of in figures.items():
        chosen = list(curves_of.items())
        for start in range(0, len(chosen), _MOST):
            part = [Curve(name, points) for name, points in chosen[start : start + _MOST]]
            panels.append(Panel(kind, part, best=best))
    return panels


def draw(panels: Sequence[Panel], *, title: str = "") -> "Figure":
    """Panels below one another, 1000 x 300 pixels each."""
    figure = blank(_WIDTH, _HEIGHT * len(panels))
    axes = figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0]
    for place, panel in zip(axes, panels, strict=True):
        _draw_panel(place, panel)
        place.tick_params(labelbottom=True)
    axes[-1].set_xlabel("step")
    if title:
        figure.suptitle(title)
    return figure


def _draw_panel(axes: "Axes", panel: Panel) -> None:
    from matplotlib.ticker import MaxNLocator, NullFormatter

    named = 0
    for curve in panel.curves:
        xs, ys = zip(*curve.points, strict=True)
        if curve.thin:
            axes.plot(xs, ys, color="#b0c4d8", linewidth=1, label=curve.name)
            continue
        marker = "o" if len(xs) <= _MARKED else ""
        colour = COLOURS[named % _MOST]
        axes.plot(
            xs, ys, color=colour, linewidth=1.8, marker=marker, markersize=4, label=curve.name
        )
        named += 1
    if panel.best is not None:
        axes.axvline(
            panel.best, color="#555555", linestyle="--", linewidth=1, label=f"best: {panel.best}"
        )
    if panel.logarithmic:
        axes.set_yscale("log", nonpositive="mask")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    dress(axes, panel.title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9)


def _figures(
    rows: Sequence[dict[str, Any]],
) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Kind -> name -> (step, value) of evaluations."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for row in rows:
        for name, value in (row.get("figures") or {}).items():
            if value is not None:
                kind = name.partition(".")[0]
                found.setdefault(kind, {}).setdefault(name, []).append((row["step"], value))
    return found


def _points(rows: Sequence[dict[str, Any]], name: str) -> list[tuple[float, float]]:
    return [(row["step"], row[name]) for row in rows if row.get(name) is not None]


def _smoothed(points: Points) -> list[tuple[float, float]]:
    """Mean over `_SMOOTH` points around each; fewer, but as many on both sides, at the ends."""
    out = []
    for index, (x, _) in enumerate(points):
        reach = min(_SMOOTH // 2, index, len(points) - 1 - index)
        window = [y for _, y in points[index - reach : index + reach + 1]]
        out.append((x, sum(window) / len(window)))
    return out
