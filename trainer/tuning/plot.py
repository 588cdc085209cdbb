"""`spider train plot`: a run's curves as one PNG, drawn with Pillow alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from PIL import Image, ImageDraw, ImageFont

from spider_cli.errors import UsageError
from trainer.tuning.log import read_log

__all__ = ["Curve", "Panel", "draw", "panels_of", "plot_run"]

Points: TypeAlias = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 1000, 300
"""Of one panel, pixels."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 220, 40, 40
_SMOOTH = 20
"""Lines of the log over which the thick loss curve averages."""
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Okabe and Ito's: told apart by people who do not see all colours."""
_MOST = len(_COLOURS)


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a panel."""

    name: str
    points: Points
    thin: bool = False
    """Drawn faint and left out of the legend."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves that share their axes."""

    title: str
    curves: Sequence[Curve]


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
    picture = draw(panels)
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        picture.save(temporary, format="PNG")
        temporary.replace(target)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error}", code="cannot_write") from error
    return target


def panels_of(rows: Sequence[dict[str, Any]]) -> list[Panel]:
    """The panels that a log has something for: loss, learning rates, and each kind of figure."""
    steps = [row for row in rows if row["event"] == "step"]
    panels = []
    losses = _points(steps, "loss")
    if losses:
        curves = [Curve("each step", losses, thin=True), Curve("smoothed", _smoothed(losses))]
        panels.append(Panel("training loss, by step", curves))
    rates: dict[str, list[tuple[float, float]]] = {}
    for row in steps:
        for name, value in (row.get("lr") or {}).items():
            rates.setdefault(name, []).append((row["step"], value))
    if rates:
        panels.append(Panel("learning rate, by step", [Curve(n, p) for n, p in rates.items()]))
    figures: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for row in rows:
        if row["event"] != "evaluation":
            continue
        for name, value in (row.get("figures") or {}).items():
            if value is not None:
                kind = name.partition(".")[0]
                figures.setdefault(kind, {}).setdefault(name, []).append((row["step"], value))
    for kind, curves_of in figures.items():
        chosen = list(curves_of.items())
        for start in range(0, len(chosen), _MOST):
            part = [Curve(name, points) for name, points in chosen[start : start + _MOST]]
            panels.append(Panel(f"{kind}, by step", part))
    return panels


def draw(panels: Sequence[Panel]) -> Image.Image:
    """Panels below one another, `_WIDTH` x `_HEIGHT` pixels each."""
    picture = Image.new("RGB", (_WIDTH, _HEIGHT * len(panels)), "white")
    for index, panel in enumerate(panels):
        _draw_panel(ImageDraw.Draw(picture), panel, _HEIGHT * index)
    return picture


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


def _draw_panel(pen: ImageDraw.ImageDraw, panel: Panel, top: int) -> None:
    font = ImageFont.load_default(14)
    xs = [x for curve in panel.curves for x, _ in curve.points]
    ys = [y for curve in panel.curves for _, y in curve.points]
    x_ticks, y_ticks = _ticks(min(xs), max(xs)), _ticks(min(ys), max(ys))
    low_x, high_x = min(*xs, x_ticks[0]), max(*xs, x_ticks[-1])
    low_y, high_y = min(*ys, y_ticks[0]), max(*ys, y_ticks[-1])
    left, right = _LEFT, _WIDTH - _RIGHT
    upper, lower = top + _TOP, top + _HEIGHT - _BOTTOM

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            left + (right - left) * (x - low_x) / ((high_x - low_x) or 1),
            lower - (lower - upper) * (y - low_y) / ((high_y - low_y) or 1),
        )

    pen.text((left, top + 12), panel.title, "black", font)
    for tick in y_ticks:
        height = at(low_x, tick)[1]
        pen.line([(left, height), (right, height)], "#dddddd")
        pen.text((left - 8, height), _label(tick), "#444444", font, anchor="rm")
    for tick in x_ticks:
        place = at(tick, low_y)[0]
        pen.line([(place, lower), (place, lower + 4)], "#444444")
        pen.text((place, lower + 8), _label(tick), "#444444", font, anchor="mt")
    pen.rectangle([left, upper, right, lower], outline="#444444")
    named = 0
    for curve in panel.curves:
        colour = "#b0c4d8" if curve.thin else _COLOURS[named % _MOST]
        places = [at(x, y) for x, y in curve.points]
        if len(places) > 1:
            pen.line(places, colour, width=1 if curve.thin else 2, joint="curve")
        if len(places) <= 30 and not curve.thin:
            for x, y in places:
                pen.ellipse([x - 3, y - 3, x + 3, y + 3], fill=colour)
        if not curve.thin:
            height = upper + 10 + 20 * named
            pen.line([(right + 12, height), (right + 32, height)], colour, width=3)
            pen.text((right + 38, height), curve.name[:24], "black", font, anchor="lm")
            named += 1


def _ticks(low: float, high: float) -> list[float]:
    """Some five round numbers around the span."""
    span = (high - low) or abs(high) or 1.0
    raw = span / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.floor(low / step)
    count = math.ceil(high / step - 1e-9) - first
    return [(first + index) * step for index in range(count + 1)]


def _label(value: float) -> str:
    if value and (abs(value) < 1e-3 or abs(value) >= 1e6):
        return f"{value:.2g}"
    return f"{round(value, 6):,g}"
