"""Is a model fit for release? Its saved figures beside the floors and bars of a TOML file.

The JSON form is "spider-release/1" (docs/evaluation.md).
"""

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from spider_cli.errors import UsageError
from trainer.evaluate.measuring import Measured, reload
from trainer.evaluate.saved import RELIABILITY, REPORT, SHEET, is_results, write_files
from trainer.evaluate.table import Grid, escaped, markdown, peer_grids
from trainer.evaluate.values import SYSTEM, Value
from trainer.tuning.tables import build

__all__ = [
    "CRITERIA",
    "SCHEMA",
    "SPEED",
    "Criterion",
    "Judged",
    "Release",
    "judge_release",
    "read_criteria",
]

SCHEMA = "spider-release/1"
CRITERIA = Path(__file__).with_name("release.toml")
SPEED = "speed.json"
"""What `make prove-throughput` writes: section -> figure -> number."""
Status: TypeAlias = Literal["not measured", "below floor", "between", "at bar", ""]
"""Against floor and bar, by the figure itself, not its interval; "" where there is no floor."""
_JSON, _PAGE = "release.json", "release.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One thing that a release must reach."""

    name: str
    on: str
    """Name of the folder of results it is judged on."""
    figure: str
    floor: float | None = None
    bar: float | None = None
    higher_is_better: bool = True
    needs: str | None = None
    """Another figure of the same results that must be `least` or more, else it is below the
    floor."""
    least: float | None = None

    def __post_init__(self) -> None:
        if (self.floor is None) != (self.bar is None):
            raise UsageError("floor and bar go together")
        if (self.needs is None) != (self.least is None):
            raise UsageError("needs and least go together")


@dataclass(frozen=True, slots=True)
class _Criteria:
    """The TOML file."""

    criterion: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """A criterion with what was measured."""

    criterion: Criterion
    value: Value | None
    cases: int
    status: Status

    def to_json(self) -> dict[str, Any]:
        one = self.criterion
        return {
            "name": one.name,
            "on": one.on,
            "figure": one.figure,
            "cases": self.cases,
            **({"value": None, "low": None, "high": None} if self.value is None
               else self.value.to_json()),
            "floor": one.floor,
            "bar": one.bar,
            "higher_is_better": one.higher_is_better,
            "needs": one.needs,
            "least": one.least,
            "status": self.status,
        }  # fmt: skip


@dataclass(frozen=True)
class Release:
    """All criteria, and the results they were judged on."""

    rows: list[Judged]
    parts: dict[str, Measured]
    folders: dict[str, Path]

    def to_json(self) -> dict[str, Any]:
        """Form "spider-release/1"."""
        measured = {
            name: {
                "target": one.header.target,
                "data": one.header.data,
                "system": one.header.system,
                "revision": one.header.revision,
            }
            for name, one in self.parts.items()
        }
        rows = [row.to_json() for row in self.rows]
        return {"schema": SCHEMA, "measured": measured, "criteria": rows}

    def grids(self) -> list[Grid]:
        """The table of criteria, then the peers of each of the results that have some."""
        body = [
            [
                row.criterion.name,
                f"{row.cases:,}" if row.cases else "",
                _told(None if row.value is None else row.value.value),
                "" if row.value is None else _interval(row.value),
                _told(row.criterion.floor),
                _told(row.criterion.bar),
                row.status,
            ]
            for row in self.rows
        ]
        head = ["", "cases", "figure", "interval", "floor", "bar", "status"]
        found = [Grid("Release criteria", head, body)]
        for name, one in self.parts.items():
            for grid in peer_grids(one.tally, one.header.system):
                found.append(Grid(f"{name}: {grid.title[0].lower()}{grid.title[1:]}", grid.head,
                                  grid.rows))  # fmt: skip
        return found

    def save(self, out: Path, *, force: bool) -> None:
        """Write release.json and release.md, which shows the pictures of the results' folders.

        Raises:
            UsageError: one of them is there, and no `force`; or they cannot be written.
        """
        text = json.dumps(self.to_json(), ensure_ascii=False, indent=1, allow_nan=False)
        page = "\n".join(self._page(out)) + "\n"
        try:
            out.mkdir(parents=True, exist_ok=True)
            files = {out / _JSON: f"{text}\n".encode(), out / _PAGE: page.encode()}
            write_files(files, force=force)
        except FileExistsError as error:
            hint = "give --force to overwrite it"
            raise UsageError(f"{out} holds a release", hint=hint, code="exists") from error
        except OSError as error:
            raise UsageError(f"cannot write into {out}: {error}", code="cannot_write") from error

    def _page(self, out: Path) -> list[str]:
        lines = ["# Release", ""]
        for name, one in self.parts.items():
            head = one.header
            revision = f" (revision {head.revision})" if head.revision else ""
            told = f"{head.system}{revision} on {head.target}, SHA-256 {head.data[:16]}"
            lines.append(f"- {escaped(name)}: {escaped(told)}")
        lines += ["", "Intervals hold 95% of resamplings of groups of photos.", ""]
        for grid in self.grids():
            lines += markdown(grid)
        for name, folder in self.folders.items():
            near = Path(os.path.relpath(folder, out)).as_posix()
            pages = {RELIABILITY: "how sure the words were", SHEET: "the worst cases"}
            shown = {page: what for page, what in pages.items() if (folder / page).is_file()}
            if name in self.parts:
                lines += [f"## {name}", "", f"[All figures]({near}/{REPORT})", ""]
            for page, what in shown.items():
                lines += [f"![{name}: {what}]({near}/{page})", ""]
        return lines


def judge_release(folders: Sequence[Path], criteria: Path = CRITERIA) -> Release:
    """Hold saved results against the criteria.

    Args:
        folders: each called as the criteria call it; `--out` folders, or with a speed.json.

    Raises:
        UsageError: no folder, a folder without results, two of one name, or criteria that are not
            as they should be.
    """
    wanted = read_criteria(criteria)
    if not folders:
        known = ", ".join(dict.fromkeys(one.on for one in wanted))
        raise UsageError("release needs folders of saved results", hint=f"called {known}")
    parts: dict[str, Measured] = {}
    speeds: dict[str, dict[str, Any]] = {}
    named: dict[str, Path] = {}
    for folder in folders:
        name = folder.absolute().name
        if name in named:
            raise UsageError(f"{folder} and {named[name]} are both called {name}")
        named[name] = folder
        if is_results(folder):
            parts[name] = reload(folder)
        elif (folder / SPEED).is_file():
            speeds[name] = _speed(folder / SPEED)
        else:
            raise UsageError(f"{folder} holds neither saved results nor {SPEED}", code="no_results")
    values: dict[tuple[str, str], tuple[Value, int]] = {}
    for name, one in parts.items():
        for row in one.tally.rows:
            if SYSTEM in row.values:
                values[name, row.name] = (row.values[SYSTEM], row.cases)
    for name, speed in speeds.items():
        for section, figures in speed.items():
            for figure, number in figures.items() if isinstance(figures, dict) else ():
                if isinstance(number, int | float):
                    value = Value(float(number), float("nan"), float("nan"))
                    values[name, f"{section}.{figure}"] = (value, 0)
    rows = [_judged(one, values) for one in wanted]
    return Release(rows, parts, named)


def read_criteria(file: Path = CRITERIA) -> tuple[Criterion, ...]:
    """The criteria in a TOML file, in its order.

    Raises:
        UsageError: it cannot be read, or a criterion is not as it should be; says which.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: {error}", code="bad_criteria") from error
    return build(_Criteria, table, file=str(file)).criterion


def _judged(criterion: Criterion, values: Mapping[tuple[str, str], tuple[Value, int]]) -> Judged:
    found = values.get((criterion.on, criterion.figure))
    if found is None:
        return Judged(criterion, None, 0, "not measured")
    value, cases = found
    if criterion.floor is None or criterion.bar is None:
        return Judged(criterion, value, cases, "")
    sign = 1 if criterion.higher_is_better else -1
    status: Status = "between"
    if sign * value.value < sign * criterion.floor:
        status = "below floor"
    elif sign * value.value >= sign * criterion.bar:
        status = "at bar"
    if criterion.needs is not None and criterion.least is not None:
        needed = values.get((criterion.on, criterion.needs))
        if needed is None or needed[0].value < criterion.least:
            status = "below floor"
    return Judged(criterion, value, cases, status)


def _speed(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: {error}", code="bad_results") from error
    if not isinstance(value, dict):
        raise UsageError(f"{file} is no JSON object", code="bad_results")
    return value


def _told(number: float | None) -> str:
    return "" if number is None else f"{number:.3f}" if abs(number) < 10 else f"{number:.1f}"


def _interval(value: Value) -> str:
    known = value.low == value.low and value.high == value.high
    return f"{value.low:.3f}-{value.high:.3f}" if known else ""
