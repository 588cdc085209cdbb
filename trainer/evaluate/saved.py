"""Results on disk: a header and one JSON object a case; figures; the report and its pictures."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

from spider_cli.errors import UsageError
from spider_cli.outputs.files import writable, write_together
from trainer.datasets.entries import Where
from trainer.evaluate.cases import GRADED
from trainer.evaluate.outcomes import Result
from trainer.evaluate.values import SCHEMA

__all__ = [
    "FIGURES",
    "RELIABILITY",
    "REPORT",
    "RESULTS",
    "SHEET",
    "WORST",
    "Header",
    "check_out",
    "is_results",
    "load",
    "save",
    "write_files",
]

RESULTS, FIGURES, REPORT, WORST = "results.jsonl", "figures.json", "report.md", "worst"
RELIABILITY, SHEET = "reliability.png", "worst.png"
"""Pages of pictures, beside the report."""


@dataclass(frozen=True, slots=True)
class Header:
    """What was measured, on what."""

    target: str
    split: str
    data: str
    """SHA-256 of the data."""
    system: str
    """Model, or name of the file of predictions."""
    revision: str
    """Of the model's weights; "" for predictions."""
    seed: int
    segmenter: str = ""
    """Whose segmenter the baselines used."""
    judge: str = ""
    made_by: str = ""
    """spider's version."""
    max_pixels: int | None = None
    """The budget with which photos were shown (`spider_cli.budget`)."""
    quantize: str | None = None
    """ "int8" or "int4", where the model's layers were kept so."""


def is_results(path: Path) -> bool:
    """Is this a saved result, or a folder that holds one?"""
    file = path / RESULTS if path.is_dir() else path
    if not file.is_file() or file.suffix != ".jsonl":
        return False
    try:
        with file.open(encoding="utf-8") as lines:
            first = json.loads(lines.readline())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and str(first.get("schema", "")).startswith("spider-eval/")


def load(path: Path) -> tuple[Header, list[Result]]:
    """Read a saved result: the file, or the folder that `--out` made.

    Raises:
        UsageError: there is none, or it is not as it was written; with file, line and field.
    """
    file = path / RESULTS if path.is_dir() else path
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"no results in {path}: {error}",
            hint="name a folder that spider eval --out made, or its results.jsonl",
            code="no_results",
        ) from error
    results: list[Result] = []
    header: Header | None = None
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        where = Where(file, number)
        try:
            value = json.loads(line)
            if header is None:
                header = _header(value, where)
                continue
            result = Result.from_json(value)
            _check(result)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as e:
            said = f"lacks {e}" if isinstance(e, KeyError) else str(e)
            raise where.error("", f"is no saved result: {said}", code="bad_results") from e
        if result.case.id in seen:
            raise where.error("case.id", f"{result.case.id!r} comes twice", code="duplicate_id")
        seen.add(result.case.id)
        results.append(result)
    if header is None:
        raise UsageError(f"{file} is empty", code="no_results")
    return header, results


def _header(value: Any, where: Where) -> Header:
    if value.get("schema") != SCHEMA:
        raise where.error("schema", f"is {value.get('schema')!r}, not {SCHEMA!r}")
    known = {one.name for one in fields(Header)}
    return Header(**{name: said for name, said in value.items() if name in known})


def _check(result: Result) -> None:
    case = result.case
    if case.task not in GRADED:
        raise ValueError(f"case.task is {case.task!r}")
    for outcome in (result.outcome, *result.baselines.values()):
        if outcome.status not in ("ok", "unparsed", "missing", "failed"):
            raise ValueError(f"status is {outcome.status!r}")
        if outcome.overlap is not None and not (
            len(outcome.overlap) == 2 and 0 <= outcome.overlap[0] <= outcome.overlap[1]
        ):
            raise ValueError(f"overlap is {outcome.overlap}")


def check_out(out: Path, *, force: bool) -> None:
    """Raise where results may not be written to `out`, before anything is asked.

    Raises:
        UsageError: it holds something, and not under `force` results to be replaced; or nothing
            can be written there.
    """
    if out.exists():
        if not out.is_dir():
            raise UsageError(f"{out} is not a folder", code="exists")
        there = {one.name for one in out.iterdir()}
        if there and not there & {RESULTS, FIGURES, REPORT}:
            raise UsageError(
                f"{out} holds other files, such as {min(there)}",
                hint="name a new or empty folder with --out",
                code="exists",
            )
        if there and not force:
            raise UsageError(f"{out} exists", hint="give --force to overwrite it", code="exists")
    try:
        writable(out)
    except OSError as error:
        raise UsageError(f"cannot write into {out}: {error}", code="cannot_write") from error


def save(
    out: Path,
    header: Header,
    results: Sequence[Result],
    figures: dict[str, Any],
    report: str,
    pictures: Mapping[str, bytes],
    pages: Mapping[str, bytes] | None = None,
    *,
    force: bool,
) -> None:
    """Write everything, each file whole or not at all.

    Args:
        out: made where it is missing.
        figures: the JSON of `figures.json`.
        report: Markdown that names the pictures as "worst/NAME".
        pictures: NAME -> PNG.
        pages: RELIABILITY and SHEET -> PNG, those that there are.

    Raises:
        UsageError: something is there already, and no `force`; or it cannot be written.
    """
    lines = [{"schema": SCHEMA, **asdict(header)}, *(one.to_json() for one in results)]
    text = "".join(json.dumps(one, ensure_ascii=False, allow_nan=False) + "\n" for one in lines)
    contents = {
        out / RESULTS: text.encode(),
        out / FIGURES: (json.dumps(figures, ensure_ascii=False, indent=1) + "\n").encode(),
        out / REPORT: report.encode(),
    }
    try:
        check_out(out, force=force)
        folder = out / WORST
        folder.mkdir(parents=True, exist_ok=True)
        write_files({folder / name: data for name, data in pictures.items()}, force=force)
        write_files({out / name: data for name, data in (pages or {}).items()}, force=force)
        known = {folder / name for name in pictures} | {out / name for name in pages or {}}
        for old in (*folder.glob("*.png"), out / RELIABILITY, out / SHEET):
            if old not in known:
                old.unlink(missing_ok=True)
        # The report and the results come last: where they are, their pictures are.
        write_files(contents, force=force)
    except OSError as error:
        raise UsageError(f"cannot write into {out}: {error}", code="cannot_write") from error


def write_files(contents: Mapping[Path, bytes], *, force: bool) -> None:
    """Write files, each whole or not at all; those that are there are replaced under `force`.

    Raises:
        FileExistsError: one is there, and no `force`.
        OSError: one cannot be written.
    """

    def filled(data: bytes) -> Callable[[BinaryIO], None]:
        def fill(stream: BinaryIO) -> None:
            stream.write(data)

        return fill

    write_together({path: filled(data) for path, data in contents.items()}, overwrite=force)
