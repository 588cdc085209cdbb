"""DataDepictQA / DQ-495K: one photo or two, what was done to it, a question with its answer.

Train files have `conversations`, test files `query` and mostly `answer`. A photo that nothing was
done to has null for its distortions and severity 0. `severity` is the level that was applied, 1-5;
where two distortions were applied their levels are 1-3 of the same five (and the answers call 3
"serious"). Paths start at the folder that holds KADIS700K, BAPPS, ...; some folders' names start
with a space.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from trainer.datasets.conversation import chat, read_conversations, without_tokens
from trainer.datasets.entries import Entry
from trainer.datasets.fields import Fields, Seen, shown
from trainer.datasets.llava import record_id
from trainer.datasets.names import distortion_lists, one_distortion
from trainer.datasets.reader import Options, Reader, Sniff, file_split, parsed
from trainer.datasets.records import json_values
from trainer.rows import QA
from trainer.truth import Applied

__all__ = ["DEPICTQA"]

_TASKS = tuple(
    f"{task}{tail}"
    for task in ("quality_compare", "quality_single_A", "quality_single_B")
    for tail in ("", "_noref")
)
_ASPECTS = ("bright", "color", "noise", "artifact", "blur")
_DAMAGE = ("texture_damage",)
_DAMAGE_BOTH = ("texture_damage_A", "texture_damage_B")


def _looks(sniff: Sniff) -> bool:
    return sniff.has("image_A", "image_B") and sniff.has("task_type")


def _read(file: Path, options: Options) -> Iterator[Entry]:
    seen = Seen()
    split = file_split(file)

    def parse(fields: Fields) -> Iterable[Entry]:
        task = fields.text("task_type")
        if task not in _TASKS:
            fields.fail("task_type", f"is {shown(task)}", hint=f"one of {', '.join(_TASKS)}")
        photos = _photos(fields, task)
        reference = fields.photo("image_ref") if fields.has("image_ref") else ""
        if bool(reference) == task.endswith("_noref"):
            fields.fail("image_ref", f"is {'there' if reference else 'missing'}, for {task}")
        rows = _rows(fields)
        name = record_id(fields, photos[0])
        pair = len(photos) > 1
        notes = _details(fields, pair=pair)
        if pair:
            _compared(fields)
        whole, clean = ((), False) if pair else _done(fields)
        seen.add(fields, name, photos, "\n".join(f"{row.question}\n{row.answer}" for row in rows))
        if reference and not pair:
            if rows:
                notes.append("answers that compare with an untouched photo")
            rows = ()
        yield Entry(
            name,
            photos,
            fields.where,
            rows=rows,
            whole=whole,
            clean=clean,
            split=split,
            group=reference,
            notes=tuple(notes),
        )

    yield from parsed(json_values(file), parse, options)


def _photos(fields: Fields, task: str) -> tuple[str, ...]:
    """image_A, image_B or both, as the task has it."""
    wanted: tuple[str, ...] = ("image_A", "image_B")
    if task.startswith("quality_single"):
        wanted = (f"image_{task.removesuffix('_noref')[-1]}",)
    for name in ("image_A", "image_B"):
        if fields.has(name) != (name in wanted):
            fields.fail(name, f"is {'there' if fields.has(name) else 'missing'}, for {task}")
    return tuple(fields.photo(name) for name in wanted)


def _rows(fields: Fields) -> tuple[QA, ...]:
    if fields.has("conversations"):
        talk = read_conversations(fields)
        if talk.score is not None:
            fields.fail("conversations", "has a number for an answer")
        return (*((talk.rated,) if talk.rated else ()), *talk.rows)
    question, _ = without_tokens(fields.text("query"))
    if not question:
        fields.fail("query", "asks nothing")
    answer = fields.text("answer", "").strip()
    return (chat(question, answer),) if answer else ()


def _done(fields: Fields) -> tuple[tuple[Applied, ...], bool]:
    """What was done to a single photo, and whether it is said that nothing was."""
    value = fields.value
    if "distortion_class" in value and "distortion_classes" in value:
        fields.fail("distortion_class", "stands beside distortion_classes")
    for family, name, level in (
        ("distortion_class", "distortion_name", "severity"),
        ("distortion_classes", "distortion_names", "severities"),
    ):
        if family not in value:
            continue
        if not fields.has(family):
            if fields.has(name):
                fields.fail(name, f"is there, and {family} is null")
            if fields.has(level) and fields.get(level) not in (0, []):
                fields.fail(level, f"is {shown(fields.get(level))}, and {family} is null",
                            code="bad_severity")  # fmt: skip
            return (), True
        if family == "distortion_class":
            return one_distortion(fields, family, name, level), False
        found = distortion_lists(fields, family, name, level)
        return found, not found
    return (), False


def _details(fields: Fields, *, pair: bool) -> list[str]:
    """Check the graded aspects of a detailed record; they have no place in ours."""
    if not (fields.has("texture") or fields.has("overall") or fields.has("distortion")):
        return []
    if fields.has("texture"):
        texture = fields.inside("texture")
        for name in ("texture_type", *(_DAMAGE_BOTH if pair else _DAMAGE)):
            texture.text(name)
    if fields.has("distortion"):
        aspects = fields.inside("distortion")
        for name in aspects.value:
            if name not in _ASPECTS:
                aspects.fail(name, "is unknown", hint=f"one of {', '.join(_ASPECTS)}")
            aspects.text(name)
    fields.text("overall", "")
    return ["graded aspects (texture, distortion, overall)"]


def _compared(fields: Fields) -> None:
    """Check the scores of a comparison."""
    for name in ("score_A", "score_B"):
        if fields.has(name):
            fields.number(name)
    fields.flag("A_better_B", default=False)


DEPICTQA = Reader(
    "depictqa",
    "DataDepictQA / DQ-495K",
    _looks,
    _read,
)
