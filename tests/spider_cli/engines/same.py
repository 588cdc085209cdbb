"""Are two records the same? As an engine promises: same words, numbers to the fourth decimal."""

import math
from typing import Any

__all__ = ["alike", "by_photo"]


def alike(one: Any, other: Any, within: float = 1e-4) -> bool:
    """JSON values, but for ``seconds``."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = (one.keys() | other.keys()) - {"seconds"}
        return all(
            key in one and key in other and alike(one[key], other[key], within) for key in keys
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=0, abs_tol=within)
    return bool(one == other)


def by_photo(records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Records by their photos; none has two."""
    found = {record["photo"]: record for record in records}
    assert len(found) == len(records)
    return found
