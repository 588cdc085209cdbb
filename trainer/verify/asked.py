"""What a grounding question asks for, read back from its wording."""

import re
from dataclasses import dataclass
from functools import cache

from spider_cli.phrases import EVENT, family_of_phrase, other_of_phrase
from spider_cli.vocabulary import FAMILIES, NOUNS
from trainer.templates import POOLS

__all__ = ["Asked", "asked", "mentioned"]

_MEANS: dict[str, tuple[str, str]] = {
    "most": ("ground_hyd", "most"),
    "least": ("ground_hyd", "least"),
    "most_family": ("ground_sid", "most"),
    "least_family": ("ground_sid", "least"),
    "order": ("ground_dao", "both"),
    "first": ("ground_dao", "first"),
    "last": ("ground_dao", "last"),
}
"""Pool of wordings -> task and sub-task."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of task 3."""

    task: str
    subtask: str
    names: tuple[str, ...]
    """Families (or faults of no family) asked about, in the order applied."""


def asked(question: str) -> tuple[Asked, ...]:
    """All that a question can mean; empty where it is worded like none of ours.

    More than one where two sub-tasks share a wording ("Where was blur added first?").
    """
    found: dict[Asked, None] = {}
    for task, subtask, pattern in _patterns():
        match = pattern.fullmatch(question)
        if match:
            groups = match.groupdict()
            nouns = [groups[name] for name in ("noun", "first", "second") if name in groups]
            names = [_name_of(noun) for noun in nouns]
            if all(names):
                found[Asked(task, subtask, tuple(name for name in names if name))] = None
    return tuple(found)


def mentioned(text: str) -> tuple[str, ...]:
    """Families and other faults that a text names, denied or not, in the order of mention."""
    found: dict[str, None] = {}
    for event in EVENT.finditer(text.lower()):
        if event.lastgroup in ("named", "family"):
            found[family_of_phrase(event.group())] = None
        elif event.lastgroup == "other":
            found[other_of_phrase(event.group())] = None
    return tuple(found)


def _name_of(noun: str) -> str | None:
    family = next((f for f in FAMILIES if noun.lower() in (f, NOUNS[f])), None)
    if family is not None:
        return family
    names = mentioned(noun)
    return names[0] if len(names) == 1 else None


@cache
def _patterns() -> tuple[tuple[str, str, "re.Pattern[str]"], ...]:
    out = []
    for pool, (task, subtask) in _MEANS.items():
        for wording in POOLS.get(pool, ()):
            parts = re.split(r"(\{\w+\})", wording)
            seen: set[str] = set()
            text = ""
            for part in parts:
                if not part.startswith("{"):
                    text += re.escape(part)
                elif part[1:-1] in seen:
                    text += rf"(?P={part[1:-1]})"
                else:
                    seen.add(part[1:-1])
                    text += rf"(?P<{part[1:-1]}>[\w ]+?)"
            out.append((task, subtask, re.compile(text, re.IGNORECASE)))
    return tuple(out)
