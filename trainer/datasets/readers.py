"""All outside formats by name; which one a file is; its entries.

>>> for entry in read(Path("cleaned_labels.json")): ...
"""

from collections.abc import Iterator
from pathlib import Path

from spider_cli.errors import UsageError
from trainer.datasets.depictqa import DEPICTQA
from trainer.datasets.deqa import DEQA
from trainer.datasets.entries import Entry
from trainer.datasets.labelme import LABELME
from trainer.datasets.llava import LLAVA
from trainer.datasets.llvisionqa import LLVISIONQA
from trainer.datasets.mixes import mix_reader
from trainer.datasets.mos import MOS
from trainer.datasets.project1 import PROJECT1
from trainer.datasets.qground import QGROUND
from trainer.datasets.qinsight import QINSIGHT
from trainer.datasets.reader import Options, Reader, Sniff
from trainer.datasets.reasonseg import REASONSEG, windows_value
from trainer.datasets.records import csv_rows, json_values, text_lines
from trainer.datasets.seagull import SEAGULL

__all__ = ["READERS", "detect", "files_of", "read", "reader_named"]

_JSON = (".json", ".jsonl")
_TEXT = (".txt", ".yaml", ".yml")
_SKIPPED = {"split.json", "mos_std.txt"}
"""Files that only belong to others beside them."""
_REFUSED = {
    ".pkl": "pickles can run code when they are opened",
    ".xlsx": "spreadsheets are not read; save it as CSV",
    ".xls": "spreadsheets are not read; save it as CSV",
    ".mat": "MATLAB files are not read; save name and score as CSV",
    ".parquet": "Parquet files are not read; save the photos and a JSON list",
    ".tar": "archives are not read; unpack it",
    ".zip": "archives are not read; unpack it",
}


def _read_any(file: Path, options: Options) -> Iterator[Entry]:
    name = detect(file)
    if name == "mix":
        raise UsageError(f"{file} is a list of lists inside another", code="bad_list")
    return READERS[name].read(file, options)


READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        LLAVA,
        DEQA,
        DEPICTQA,
        QGROUND,
        LLVISIONQA,
        MOS,
        SEAGULL,
        REASONSEG,
        PROJECT1,
        LABELME,
        QINSIGHT,
        mix_reader(_read_any),
    )
}
"""Format's name -> its reader."""


def reader_named(name: str) -> Reader:
    """The reader of a format.

    Raises:
        UsageError: there is no such format.
    """
    if name not in READERS:
        raise UsageError(
            f"unknown format {name!r}", hint=f"one of {', '.join(READERS)}", code="unknown_format"
        )
    return READERS[name]


def detect(path: Path) -> str:
    """The name of the format that a file, or the first file of a folder, is in; by its content.

    Raises:
        UsageError: none fits, or several do; or the file cannot be read.
    """
    if path.is_dir():
        return detect(files_of(path)[0])
    if path.suffix.lower() in _REFUSED:
        raise UsageError(f"{path}: {_REFUSED[path.suffix.lower()]}", code="unknown_format")
    sniff = _sniff(path)
    fitting = [reader.name for reader in READERS.values() if reader.looks(sniff)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(
            f"{path} may be {' or '.join(fitting)}",
            hint=f"say which: --format {fitting[0]}",
            code="ambiguous_format",
        )
    raise UsageError(
        f"{path} is in no format that is known: {_seen(sniff)}",
        hint=f"known: {', '.join(READERS)}; docs/formats.md shows each",
        code="unknown_format",
    )


def read(
    path: Path,
    *,
    format: str | None = None,
    images: Path | None = None,
    options: Options | None = None,
) -> Iterator[Entry]:
    """The entries of a file, or of all the files in a folder.

    Args:
        path: file or folder.
        format: a name of READERS; None: found out by `detect`.
        images: the folder that the records' paths start from.
        options: more to say; `images` goes before its own.

    Raises:
        UsageError: anything that is wrong with a record, naming file, row and field.
    """
    told = options or Options()
    if images is not None:
        told = Options(images, told.scale, told.seed, told.bad)
    name = detect(path) if format is None else format
    reader = reader_named(name)
    for file in files_of(path, reader) if path.is_dir() else [path]:
        yield from reader.read(file, told)


def files_of(folder: Path, reader: Reader | None = None) -> list[Path]:
    """The files of a folder that hold records, sorted by name.

    Raises:
        UsageError: there is none.
    """
    suffixes = reader.suffixes if reader else (*_JSON, ".csv", ".tsv", *_TEXT)
    found = [
        file
        for file in sorted(folder.iterdir())
        if file.suffix.lower() in suffixes
        and file.is_file()
        and not file.name.startswith(".")
        and file.name not in _SKIPPED
    ]
    if not found:
        raise UsageError(
            f"{folder} holds no {', '.join(suffixes)} file",
            hint="name the file, or the folder that holds the files themselves",
            code="no_records",
        )
    return found


def _sniff(file: Path) -> Sniff:
    suffix = file.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return Sniff(file, header=csv_rows(file)[0])
    if suffix in _TEXT:
        lines = text_lines(file)
        first = next(lines, None)
        lines.close()
        return Sniff(file, line="" if first is None else first[1])
    try:
        values = json_values(file)
        _, value = next(iter(values), (None, None))
    except UsageError as error:
        if error.code != "bad_encoding":
            raise
        value = windows_value(file, error)
    return Sniff(file, value)


def _seen(sniff: Sniff) -> str:
    if isinstance(sniff.first, dict):
        return f"its records have {', '.join(map(str, list(sniff.first)[:8])) or 'no fields'}"
    if sniff.header:
        return f"its columns are {', '.join(sniff.header[:8])}"
    return "its first record is no object" if not sniff.line else "its lines are not understood"
