"""Records as JSON: one a line, or one array."""

import json
from typing import TextIO

from spider_cli.results import Record

__all__ = ["JsonArray", "JsonLines"]


class JsonLines:
    """One JSON object a line, flushed after each."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, record: Record) -> None:
        self.stream.write(_line(record) + "\n")
        self.stream.flush()

    def close(self) -> None:
        """Nothing to add: the lines are whole."""


class JsonArray:
    """One JSON array, one record a line."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._lead = "[\n"

    def write(self, record: Record) -> None:
        self.stream.write(self._lead + _line(record))
        self.stream.flush()
        self._lead = ",\n"

    def close(self) -> None:
        """End the array; without records it is empty."""
        self.stream.write("[]\n" if self._lead == "[\n" else "\n]\n")
        self.stream.flush()


def _line(record: Record) -> str:
    # allow_nan=False: NaN is not JSON, and a record that holds one is a bug to hear about.
    return json.dumps(record.to_json(), ensure_ascii=False, allow_nan=False)
