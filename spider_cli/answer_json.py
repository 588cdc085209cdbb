"""Answers in JSON as plain lines that the reader of free English understands."""

import json
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["without_json"]

_START = re.compile(r"\{\s*[\"'}\n]|\[\s*(?:\{|\"|'[a-z]|\])")
_PAIR = re.compile(r"""["']([\w -]+)["']\s*:\s*(?:["']([^"']*)["']|([\d.]+|true|false|null))""")
_NAMES = frozenset(
    [
        "type",
        "name",
        "family",
        "distortion",
        "kind",
        "category",
        "label",
        "fault",
        "issue",
        "artifact",
        "artefact",
        "defect",
    ]
)
_SEVERITIES = frozenset(
    ["severity", "level", "intensity", "degree", "strength", "amount", "magnitude"]
)
_PRESENCE = frozenset(["present", "visible", "detected", "exists", "found"])
_PLACES = frozenset(["region", "location", "position", "area", "where", "place"])
_MOST = 1_000_000
"""No scale of grades goes further."""
_LISTS = re.compile(
    r"(?:[a-z]+ )?(?:distortion|fault|defect|issue|problem|artifact|artefact)s?(?: types?| list)?"
)


def without_json(text: str) -> str:
    """`text` with each JSON value in it as lines like "noise: severe"; broken JSON is read as far
    as it goes, single quotes are taken for double ones."""
    begin = _START.search(text)
    if begin is None:
        return text
    before, rest = text[: begin.start()], text[begin.start() :]
    decoder = json.JSONDecoder()
    for form in (rest, rest.replace("'", '"')):
        try:
            value, end = decoder.raw_decode(form)
        except (ValueError, RecursionError):
            continue
        after = rest[end:]
        return f"{before}\n{_lines(value)}\n{after if _PAIR.search(after) else after.strip('}] ')}"
    pieces = [_object(piece) for piece in rest.split("{")]
    return f"{before}\n" + "\n".join(_lines(piece) for piece in pieces if piece)


def _object(piece: str) -> dict[str, Any]:
    """What a piece of broken JSON says, key by key."""
    known: dict[str, Any] = {"true": True, "false": False, "null": None}
    found: dict[str, Any] = {}
    for match in _PAIR.finditer(piece):
        key, said, bare = match.groups()
        found[key] = said if bare is None else known.get(bare, bare)
    return found


def _lines(value: Any) -> str:
    try:
        return "\n".join(_said(value))
    except RecursionError:
        return ""


def _said(value: Any, about: str = "") -> Iterator[str]:
    if isinstance(value, list):
        if not value and _LISTS.fullmatch(about):
            yield f"{about}: none"
        for one in value:
            yield from _said(one, about)
    elif isinstance(value, dict):
        yield from _of_object({str(key).lower().replace("_", " "): v for key, v in value.items()})
    elif value is None or value is False:
        yield f"{about}: none" if about else ""
    elif isinstance(value, str):
        yield value if not about or _LISTS.fullmatch(about) else f"{about}: {value}"


def _of_object(found: dict[str, Any]) -> Iterator[str]:
    name = next((v for k, v in found.items() if k in _NAMES and isinstance(v, str)), None)
    severity = next((v for k, v in found.items() if k in _SEVERITIES), None)
    where = next((v for k, v in found.items() if k in _PLACES and isinstance(v, str)), "")
    if name is not None:
        denied = any(found.get(key) is False for key in _PRESENCE)
        said = "none" if denied else _graded(severity, 5)
        yield f"{name}: {said}" if said else name
        if where and not denied:
            yield f"it is in the {where}"
        return
    most = max((v for v in found.values() if _number(v)), default=0)
    scale = next(top for top in (1, 5, 10, 100, most) if most <= top)
    if scale == 1 and all(isinstance(v, int) for v in found.values() if _number(v)):
        scale = 5
    for key, value in found.items():
        if key in _SEVERITIES or (key in _PLACES and not isinstance(value, dict | list)):
            continue
        if isinstance(value, dict) and _verdict(value):
            yield f"{key}: {_verdict(value)}"
        elif severity is not None and isinstance(value, list) and _LISTS.fullmatch(key):
            yield from (f"{one}: {_graded(severity, 5)}" for one in value if isinstance(one, str))
        elif value is True:
            yield f"{key}: {_graded(severity, 5) or 'yes'}"
        elif _number(value):
            yield f"{key}: {_graded(value, scale)}"
        else:
            yield from _said(value, key)
    if where:
        yield f"in the {where}"


def _verdict(value: dict[str, Any]) -> str:
    """ "severe" of {"present": true, "severity": "severe"}; "" where it has another form."""
    keys = {str(key).lower(): one for key, one in value.items()}
    if any(keys.get(key) is False for key in _PRESENCE):
        return "none"
    graded = next((_graded(one, 5) for key, one in keys.items() if key in _SEVERITIES), "")
    return graded or ("yes" if any(keys.get(key) is True for key in _PRESENCE) else "")


def _graded(value: Any, scale: float) -> str:
    if _number(value):
        return f"{value:g} of {max(scale, value):g}" if scale != 1 else f"{100 * value:g}%"
    return value.strip() if isinstance(value, str) else ""


def _number(value: Any) -> bool:
    """It can be a grade: not one of JSON's NaN, Infinity and numbers of a thousand digits."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MOST
