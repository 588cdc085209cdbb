"""Rows as they are read, each field checked by itself; and the photo they are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spider_cli.results import Box, Distortion
from spider_cli.vocabulary import FAMILIES, SEVERITIES
from trainer.rows import SUBTASKS, Task
from trainer.truth import Applied, Region
from trainer.verify.findings import Record, shown

__all__ = ["Photo", "Row", "read_row"]


@dataclass(frozen=True, slots=True)
class Photo:
    """What is known of the photo that rows are about."""

    id: str
    width: int
    height: int
    scene: str
    regions: tuple[Region, ...]
    whole: tuple[Applied, ...]
    sound: bool
    """Regions and distortions were understood, so that rows can be held against them."""
    doubted: frozenset[int] = frozenset()
    """Regions that are wrong themselves, so that rows cannot be held against them; -1: all."""
    mos: float | None = None

    @property
    def all_shown(self) -> tuple[Applied, ...]:
        """Everything that is wrong with it."""
        return (*self.whole, *(a for region in self.regions for a in region.distortions))


@dataclass(frozen=True, slots=True)
class Row:
    """A row that could be understood."""

    record: Record
    task: str
    subtask: str
    question: str
    answer: str
    region: int | None
    box: Box | None
    point: tuple[float, ...] | None
    truth: tuple[Distortion, ...]
    other: tuple[str, ...]

    def say(self, field: str, code: str, message: str) -> None:
        """Note a finding about this row."""
        self.record.report.say(field, code, message)

    @property
    def empty(self) -> bool:
        """Nothing is wrong by its truth."""
        return not self.truth and not self.other


def read_row(record: Record, expected_id: str, photo: Photo) -> Row | None:
    """The row's fields, each checked by itself; None when one cannot be understood."""
    name = record.text("id")
    if name is not None and name != expected_id:
        record.report.say("id", "wrong_id", f"is {shown(name)}, expected {shown(expected_id)}")
    task, subtask = record.text("task"), record.text("subtask")
    question, answer = record.text("question"), record.text("answer")
    region = record.integer("region")
    box, boxed = _read_box(record, photo)
    point = None if record.empty("point") else record.numbers("point", 2)
    truth, other = _read_truth(record), record.texts("other")
    _check_text(record, "question", question, task)
    # Collections keep the answers of their test questions to themselves.
    if task != "choice" or record.value.get("correct") != -1:
        _check_text(record, "answer", answer, task)
    if task is not None and task not in SUBTASKS:
        record.report.say("task", "bad_task", f"is {shown(task)}, expected {_or(SUBTASKS)}")
        task = None
    if task is not None and subtask is not None:
        known = SUBTASKS[task]
        if subtask not in known:
            record.report.say(
                "subtask", "bad_task", f"is {shown(subtask)}, expected {_or(known)} for {task}"
            )
            subtask = None
    if region is not None and not -1 <= region < len(photo.regions):
        if photo.sound:
            record.report.say(
                "region",
                "bad_region",
                f"is {region}, expected -1 to {len(photo.regions) - 1}: the photo has "
                f"{len(photo.regions)} regions",
            )
        return None
    if task is None or subtask is None or question is None or answer is None or region is None:
        return None
    if truth is None or other is None or not boxed:
        return None
    target = None if region < 0 else region
    return Row(record, task, subtask, question, answer, target, box, point, truth, other)


def _check_text(record: Record, field: str, text: str | None, task: str | None) -> None:
    if text is not None and not text.strip():
        record.report.say(field, "empty_text", f"is empty, expected the {field}")
    elif text is not None and task != "chat" and ("{" in text or "}" in text):
        record.report.say(field, "unfilled", f"has an unfilled blank: {shown(text)}")


def _read_box(record: Record, photo: Photo) -> tuple[Box | None, bool]:
    """The row's box, and whether it could be understood."""
    if record.empty("box"):
        return None, True
    values = record.numbers("box", 4)
    if values is None:
        return None, False
    x1, y1, x2, y2 = (int(value) for value in values)
    if not (0 <= x1 < x2 <= photo.width and 0 <= y1 < y2 <= photo.height):
        record.report.say(
            "box",
            "wrong_box",
            f"is {[x1, y1, x2, y2]}, expected x1 < x2 <= {photo.width} and "
            f"y1 < y2 <= {photo.height} (x1,y1,x2,y2)",
        )
        return None, False
    return (x1, y1, x2, y2), True


def _read_truth(record: Record) -> tuple[Distortion, ...] | None:
    listed = record.records("truth")
    if listed is None:
        return None
    out: dict[str, str] = {}
    fine = True
    for one in listed:
        family, severity = one.text("family"), one.text("severity")
        if family is None or severity is None:
            fine = False
        elif family not in FAMILIES:
            one.report.say(
                "family", "unknown_distortion", f"is {shown(family)}, no family of distortions"
            )
            fine = False
        elif severity not in SEVERITIES:
            one.report.say(
                "severity", "bad_severity", f"is {shown(severity)}, expected {_or(SEVERITIES)}"
            )
            fine = False
        elif family in out:
            one.report.say("family", "twice", f"{family} stands twice, expected once")
            fine = False
        else:
            out[family] = severity
    return tuple(Distortion(f, s) for f, s in out.items()) if fine else None


def _or(words: Sequence[str] | Mapping[Task, object]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last
