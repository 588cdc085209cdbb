"""Lists of lists: DepictQA's `[[path, repeat], ...]`, and Q-Insight's YAML of `json_path`s.

Paths start at the photos' folder or at the list's own.
"""

import math
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from trainer.datasets.entries import Entry, Where
from trainer.datasets.fields import Fields, shown
from trainer.datasets.reader import Options, Reader, Sniff
from trainer.datasets.records import json_values, text_lines

__all__ = ["mix_reader"]

_LINE = re.compile(r"\s*(-\s+)?(json_path|sampling_strategy)\s*:\s*(.*?)\s*")
_SAMPLING = re.compile(r"(?:(first|end|random):)?(\d+)(%?)")

ReadFile = Callable[[Path, Options], Iterator[Entry]]


@dataclass(frozen=True, slots=True)
class _Part:
    file: Path
    repeat: int = 1
    sampling: str = ""
    where: Where | None = None


def mix_reader(read_file: ReadFile) -> Reader:
    """The reader of lists, which hands each file on to `read_file`."""

    def read(file: Path, options: Options) -> Iterator[Entry]:
        yaml = file.suffix.lower() in (".yaml", ".yml")
        for part in _yaml_parts(file, options) if yaml else _json_parts(file, options):
            entries = read_file(part.file, options)
            sampled = _sampled(entries, part, options.seed) if part.sampling else entries
            for entry in sampled:
                yield replace(entry, repeat=entry.repeat * part.repeat)

    return Reader(
        "mix",
        "lists of lists: [[path, repeat], ...], or YAML with json_path",
        _looks,
        read,
        (".yaml", ".yml"),
    )


def _looks(sniff: Sniff) -> bool:
    if sniff.line:
        return sniff.file.suffix.lower() in (".yaml", ".yml")
    if sniff.has("meta_paths_weights"):
        return True
    return (
        isinstance(sniff.first, list) and len(sniff.first) == 2 and isinstance(sniff.first[0], str)
    )


def _json_parts(file: Path, options: Options) -> Iterator[_Part]:
    for where, value in json_values(file):
        if isinstance(value, dict):
            fields = Fields(value, where)
            for index, pair in enumerate(fields.list("meta_paths_weights")):
                yield _pair(
                    Fields({"": pair}, where, f"meta_paths_weights[{index}]"), pair, options
                )
        else:
            yield _pair(Fields({}, where), value, options)


def _pair(fields: Fields, pair: object, options: Options) -> _Part:
    if not isinstance(pair, list) or len(pair) != 2:
        fields.fail("", f"is {shown(pair)}, not [path, repeat]")
    both = Fields({"path": pair[0], "repeat": pair[1]}, fields.where, fields.path)
    repeat = both.whole("repeat")
    if repeat < 1:
        both.fail("repeat", f"is {repeat}")
    return _Part(_found(both, "path", options), repeat, where=fields.where)


def _found(fields: Fields, name: str, options: Options) -> Path:
    path = fields.photo(name)
    for folder in filter(None, (options.images, fields.where.file.parent)):
        if (folder / path).is_file():
            return folder / path
    fields.fail(name, f"there is no file {path}", code="not_found")


def _yaml_parts(file: Path, options: Options) -> Iterator[_Part]:
    """The two keys that these files have, an item each; nothing else of YAML."""
    part: _Part | None = None
    for where, line in text_lines(file):
        plain = re.sub(r"\s+#.*", "", line).rstrip()
        if plain.lstrip().startswith("#") or plain.strip() in ("", "datasets:", "---"):
            continue
        match = _LINE.fullmatch(plain)
        if match is None:
            raise where.error(
                "", f"{shown(line.strip())} is not understood",
                hint="lines are: - json_path: PATH, sampling_strategy: first:N", code="bad_list",
            )  # fmt: skip
        value = match[3].strip("'\"")
        if match[2] == "json_path":
            if part is not None:
                yield part
            fields = Fields({"json_path": value}, where)
            part = _Part(_found(fields, "json_path", options), where=where)
        elif part is None or (value != "all" and not _SAMPLING.fullmatch(value)):
            raise where.error(
                "sampling_strategy", f"is {shown(value)}",
                hint="first:N, end:N, random:N or N%, below a json_path", code="bad_list",
            )  # fmt: skip
        else:
            part = replace(part, sampling="" if value == "all" else value)
    if part is None:
        raise Where(file).error("", "names no json_path", code="bad_list")
    yield part


def _sampled(entries: Iterator[Entry], part: _Part, seed: int) -> Iterator[Entry]:
    match = _SAMPLING.fullmatch(part.sampling)
    assert match is not None  # _yaml_parts saw to that
    how, count, share = match[1] or "first", int(match[2]), bool(match[3])
    if how == "first" and not share:
        yield from islice(entries, count)
        return
    held = list(entries)
    if share:
        count = math.ceil(len(held) * count / 100)
    count = min(count, len(held))
    if how == "random":
        chosen = sorted(random.Random(seed).sample(range(len(held)), count))
        yield from (held[index] for index in chosen)
    else:
        yield from held[:count] if how == "first" else held[len(held) - count :]
