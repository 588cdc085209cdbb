"""LLVisionQA (Q-Bench A1) and its pairs (Q-Bench2): multiple choice.

The list form has `img_path`, `question`, `candidates` and, outside test files, `correct_ans` (the
text, or its letter). The Hugging Face form has `image`, `option0` to `option3` ("N/A" where there
are fewer) and `correct_choice` (a letter, counted without the "N/A"). Pairs have `image1` and
`image2`, or a list for `img_path`.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from trainer.datasets.conversation import without_tokens
from trainer.datasets.entries import Entry
from trainer.datasets.fields import Fields, Seen, shown
from trainer.datasets.llava import photos_of, record_id
from trainer.datasets.reader import Options, Reader, Sniff, file_split, parsed
from trainer.datasets.records import json_values
from trainer.rows import QA

__all__ = ["LLVISIONQA", "choice_row"]

_LETTERS = "ABCDEFGH"
_FILLER = "N/A"


def _looks(sniff: Sniff) -> bool:
    return sniff.has("question") and (sniff.has("candidates") or sniff.has("option0"))


def _read(file: Path, options: Options) -> Iterator[Entry]:
    seen = Seen()
    split = file_split(file)

    def parse(fields: Fields) -> Iterable[Entry]:
        if fields.has("image1", "image2"):
            photos: tuple[str, ...] = (fields.photo("image1"), fields.photo("image2"))
        else:
            photos = photos_of(fields, fields.first("img_path", "image"))
        question, _ = without_tokens(fields.text("question"))
        if not question:
            fields.fail("question", "asks nothing")
        choices = _options(fields)
        row = choice_row(question, choices, _correct(fields, choices))
        name = record_id(fields, photos[0])
        seen.add(fields, name, photos, "\n".join((question, *choices)))
        kinds = [name for name in ("question_type", "question_concern") if fields.has(name)]
        notes = tuple(f"{name} of questions" for name in kinds)
        yield Entry(name, photos, fields.where, rows=(row,), split=split, notes=notes)

    yield from parsed(json_values(file), parse, options)


def choice_row(question: str, options: tuple[str, ...], correct: int | None) -> QA:
    """A multiple-choice question; the answer is the letter of the right option."""
    answer = "" if correct is None else _LETTERS[correct]
    return QA("choice", question, answer, (), subtask="letters", options=options, correct=correct)


def _options(fields: Fields) -> tuple[str, ...]:
    if fields.has("candidates"):
        field, found = "candidates", fields.texts("candidates")
    else:
        field = "option0"
        names = [f"option{index}" for index in range(len(_LETTERS))]
        found = tuple(fields.text(name) for name in names if fields.has(name))
    found = tuple(text.strip() for text in found if text.strip() != _FILLER)
    if not 2 <= len(found) <= len(_LETTERS):
        fields.fail(field, f"{len(found)} options; 2 to {len(_LETTERS)} are possible")
    if len(set(found)) < len(found) or not all(found):
        fields.fail(field, "has an option twice, or an empty one")
    return found


def _correct(fields: Fields, options: tuple[str, ...]) -> int | None:
    """Index of the right option; None where the record keeps it to itself."""
    given = [name for name in ("correct_ans", "correct_choice") if fields.has(name)]
    if not given:
        return None
    name = given[0]
    said = fields.text(name).strip()
    if not said:
        return None
    if said in options:
        return options.index(said)
    letters = _LETTERS[: len(options)]
    bare = said.rstrip(".)").lstrip("(").upper()
    if len(bare) == 1 and bare in letters:
        return letters.index(bare)
    fields.fail(name, f"is {shown(said)}, none of the options {shown(list(options), 120)}")


LLVISIONQA = Reader(
    "llvisionqa",
    "LLVisionQA (Q-Bench A1) and Q-Bench2, multiple choice",
    _looks,
    _read,
)
