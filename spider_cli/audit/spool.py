"""The records of a run, kept on disk until its end, so that memory does not grow with them."""

import json
import tempfile
from array import array
from collections.abc import Iterator
from types import TracebackType

from spider_cli.errors import UsageError
from spider_cli.results import Record
from spider_cli.results_json import record_from_json

__all__ = ["Spool"]


class Spool:
    """Records by their number, from 0, in a nameless file that goes when the run does.

    A context manager. Of a record what its JSON form holds comes back.

    Raises:
        UsageError: the folder for temporary files takes no more.
    """

    def __init__(self) -> None:
        try:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise _full(error) from error
        self._starts = array("q")
        self._end = 0

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
        except OSError:  # what it still held is not needed
            return

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, record: Record) -> int:
        """Keep a record; its number."""
        line = json.dumps(record.to_json(), allow_nan=False).encode("ascii")
        try:
            self._file.seek(self._end)
            self._file.write(line + b"\n")
            self._file.flush()
        except OSError as error:
            raise _full(error) from error
        self._starts.append(self._end)
        self._end += len(line) + 1
        return len(self._starts) - 1

    def __getitem__(self, number: int) -> Record:
        if not 0 <= number < len(self._starts):
            raise IndexError(number)
        self._file.seek(self._starts[number])
        return record_from_json(json.loads(self._file.readline()))

    def __iter__(self) -> Iterator[Record]:
        for number in range(len(self)):
            yield self[number]


def _full(error: OSError) -> UsageError:
    return UsageError(
        f"cannot keep records in {tempfile.gettempdir()}: {error.strerror or error}",
        hint="make room, or set TMPDIR to a folder that has some; what was judged is kept",
        code="no_room",
    )
