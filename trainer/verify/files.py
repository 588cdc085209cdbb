"""The files of a data set: there, whole, of the right form, and no others."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from spider_cli import __version__
from spider_cli.errors import UsageError
from trainer.datasets.schema import SCHEMA, features, reference_features
from trainer.datasets.store import CARD, CHECKSUMS, CONFIG, REJECTS, sha256_of
from trainer.verify.findings import Finding, Reporter, shown
from trainer.verify.paths import unsafe

__all__ = ["Shard", "check_counts", "check_files", "other_libraries", "read_config"]

_PIXELS = ("numpy", "opencv-python-headless", "pillow", "scikit-image", "scipy")
"""Libraries whose releases the pixels depend on."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A Parquet file that can be opened."""

    file: str
    """Relative to the data set's folder."""
    photos: int
    groups: tuple[int, ...]
    """Rows in each of its row groups."""

    @property
    def references(self) -> bool:
        """It holds untouched photos."""
        return self.file.startswith("references/")


def read_config(folder: Path, found: list[Finding]) -> dict[str, Any]:
    """The config; {} where it is broken.

    Raises:
        UsageError: the folder holds no data set of ours.
    """
    path = folder / CONFIG
    if not path.is_file() and not any((folder / "data").glob("*.parquet")):
        raise UsageError(
            f"{folder} holds no data set of spider's: there is no {CONFIG}",
            hint="spider data build PHOTOS --out DIR makes one; spider data convert turns others "
            "into one",
            code="no_data",
        )
    report = Reporter(found, CONFIG)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        report.say("", "bad_config", f"cannot be read, expected JSON: {error}")
        return {}
    if not isinstance(config, dict):
        report.say("", "bad_config", f"is {shown(config)}, expected a record")
        return {}
    if config.get("schema") != SCHEMA:
        raise UsageError(
            f"{path}: schema is {shown(config.get('schema'))}, not {SCHEMA!r}", code="no_data"
        )
    return config


def check_files(folder: Path, found: list[Finding]) -> list[Shard]:
    """Check the files by their names, sums and forms; the Parquet files that can be read."""
    sums = _read_sums(folder, found)
    _check_sums(folder, sums, found)
    _check_strays(folder, sums, found)
    _check_rejects(folder, found)
    shards: list[Shard] = []
    for part, expected in (("data", features()), ("references", reference_features())):
        paths = sorted((folder / part).glob("*.parquet"), key=_in_turn)
        _check_gaps([path.name for path in paths], part, found)
        for path in paths:
            shard = _open(path, f"{part}/{path.name}", expected.arrow_schema, found)
            shards += [] if shard is None else [shard]
    if not any(not shard.references for shard in shards):
        Reporter(found, "data").say("", "no_photos", "holds no shard that can be read")
    return shards


def check_counts(
    folder: Path,
    config: Mapping[str, Any],
    shards: list[Shard],
    questions: int,
    scenes: Mapping[str, int],
    found: list[Finding],
) -> None:
    """Hold config and card against what was counted."""
    photos: dict[str, int] = {}
    for shard in shards:
        if not shard.references:
            split = shard.file.removeprefix("data/").rpartition("-")[0]
            photos[split] = photos.get(split, 0) + shard.photos
    report = Reporter(found, CONFIG)
    said = config.get("photos")
    if isinstance(said, dict):
        for split in dict.fromkeys([*said, *photos]):
            if said.get(split, 0) != photos.get(split, 0):
                report.say(
                    f"photos.{split}",
                    "wrong_count",
                    f"is {shown(said.get(split, 0))}, the shards hold {photos.get(split, 0)}",
                )
    if isinstance(config.get("questions"), int) and config["questions"] != questions:
        report.say("questions", "wrong_count", f"is {config['questions']}, the shards hold "
                   f"{questions}")  # fmt: skip
    if isinstance(config.get("scenes"), dict) and config["scenes"] != dict(scenes):
        report.say("scenes", "wrong_count", f"is {shown(config['scenes'])}, the shards hold "
                   f"{shown(dict(sorted(scenes.items())))}")  # fmt: skip
    try:
        card = (folder / CARD).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return  # its absence is said by the sums
    for split in photos:
        if f"data/{split}-*.parquet" not in card:
            Reporter(found, CARD).say(
                "configs", "bad_card", f"does not name data/{split}-*.parquet: "
                f"datasets.load_dataset would leave {split} out",
            )  # fmt: skip


def other_libraries(config: Mapping[str, Any]) -> list[str]:
    """Libraries that made the pixels in another release: "numpy 2.1.0, here 2.3.4"."""
    libraries = config.get("libraries")
    if not isinstance(libraries, dict):
        return []
    out = []
    for name in (*_PIXELS, "spider"):
        made = libraries.get(name)
        if made is None:
            continue
        try:
            here = __version__ if name == "spider" else version(name)
        except PackageNotFoundError:
            here = "none"
        if made != here:
            out.append(f"{name} {made}, here {here}")
    return out


def _read_sums(folder: Path, found: list[Finding]) -> dict[str, Any]:
    report = Reporter(found, CHECKSUMS)
    try:
        values = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
        files = values["files"]
    except FileNotFoundError:
        report.say("", "no_checksums", "is missing: the data set was never finished, or is cut")
        return {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        report.say("", "bad_checksums", f"cannot be read, expected JSON with files: {error}")
        return {}
    if not isinstance(files, dict):
        report.say("files", "bad_checksums", f"is {shown(files)}, expected a record")
        return {}
    return files


def _check_sums(folder: Path, sums: Mapping[str, Any], found: list[Finding]) -> None:
    for name, facts in sums.items():
        report = Reporter(found, CHECKSUMS)
        if why := unsafe(name):
            report.say(f"files.{name}", "unsafe_path", f"is {why}")
            continue
        if not isinstance(facts, dict):
            report.say(f"files.{name}", "bad_checksums", f"is {shown(facts)}, expected a record")
            continue
        here = Reporter(found, name)
        path = folder / name
        try:
            if not path.is_file():
                here.say("", "no_file", "is missing: checksums.json names it")
                continue
            size, digest = path.stat().st_size, sha256_of(path)
        except OSError as error:
            here.say("", "unreadable", f"cannot be read: {error.strerror or error}")
            continue
        if size != facts.get("size"):
            here.say("", "checksum", f"has {size:,} bytes, expected {shown(facts.get('size'))}: "
                     "the file was changed or cut")  # fmt: skip
        elif digest != facts.get("sha256"):
            here.say(
                "",
                "checksum",
                f"has SHA-256 {digest[:12]}..., expected {shown(facts.get('sha256'))[1:13]}...: "
                "the file was changed",
            )


def _check_strays(folder: Path, sums: Mapping[str, Any], found: list[Finding]) -> None:
    needed = (CONFIG, CARD, REJECTS)
    for name in needed:
        if name not in sums and not (folder / name).is_file():
            Reporter(found, name).say("", "no_file", "is missing")
    if not sums:
        return
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name in sums or name == CHECKSUMS or path.is_dir():
            continue
        if path.name == ".building.sqlite":
            said = "is a build's unfinished work: run its command again"
        elif path.name.startswith(".") or "/." in f"/{name}":
            continue  # what file managers and downloads leave behind
        else:
            said = "is unexpected: checksums.json does not name it"
        Reporter(found, name).say("", "unexpected_file", said)


def _check_rejects(folder: Path, found: list[Finding]) -> None:
    try:
        lines = (folder / REJECTS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return  # said above
    except ValueError as error:
        Reporter(found, REJECTS).say("", "bad_rejects", f"is not UTF-8 text: {error}")
        return
    for number, line in enumerate(lines, 1):
        try:
            fine = isinstance(json.loads(line), dict)
        except (ValueError, RecursionError):
            fine = False
        if not fine:
            Reporter(found, REJECTS).say(
                f"line {number}", "bad_rejects", f"is {shown(line)}, expected a JSON record"
            )


def _check_gaps(names: list[str], part: str, found: list[Finding]) -> None:
    """Shards of one split are numbered from 0 without a gap."""
    numbers: dict[str, list[int]] = {}
    for name in names:
        match = re.fullmatch(r"(.+)-([0-9]{5,6})\.parquet", name)
        if match is None:
            Reporter(found, f"{part}/{name}").say(
                "", "unexpected_file", "is unexpected: shards are called SPLIT-00000.parquet"
            )
            continue
        numbers.setdefault(match[1], []).append(int(match[2]))
    for split, present in numbers.items():
        missing = sorted(set(range(max(present) + 1)).difference(present))
        for number in missing[:3]:
            Reporter(found, f"{part}/{split}-{number:05d}.parquet").say(
                "", "no_file", "is missing: there are later shards"
            )


def _in_turn(path: Path) -> tuple[int, str]:
    """Train first, then validation, then test: of two, the later is called the wrong one."""
    split = path.name.rpartition("-")[0]
    known = ("train", "validation", "test")
    return known.index(split) if split in known else len(known), path.name


def _open(path: Path, name: str, expected: Any, found: list[Finding]) -> Shard | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    report = Reporter(found, name)
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            facts = file.metadata
            groups = tuple(facts.row_group(i).num_rows for i in range(facts.num_row_groups))
    except (pa.ArrowException, OSError, ValueError) as error:
        report.say("", "unreadable", f"cannot be read as Parquet: {error}")
        return None
    for field in expected:
        index = schema.get_field_index(field.name)
        if index < 0:
            report.say(field.name, "columns", "is missing from the file's columns")
        elif not schema.field(index).type.equals(field.type):
            report.say(
                field.name,
                "columns",
                f"is of type {shown(str(schema.field(index).type))}, expected "
                f"{shown(str(field.type))}",
            )
    for other in schema.names:
        if other not in expected.names:
            report.say(other, "columns", "is a column that should not be there")
    return Shard(name, sum(groups), groups)
