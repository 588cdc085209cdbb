"""Rows of outside data: opinion scores in words, multiple choice."""

from spider_cli.vocabulary import LEVELS
from trainer.datasets.scales import level_word
from trainer.verify.findings import Record, shown

__all__ = ["check_outside"]


def check_outside(task: str, answer: str, record: Record, mos: float | None) -> None:
    """Check a row whose answer names no distortions to be held against a truth."""
    if task == "score":
        _check_level(answer, record, mos)
    elif task == "choice":
        _check_choice(answer, record)


def _check_level(answer: str, record: Record, mos: float | None) -> None:
    words = [word for word in LEVELS if word in answer.lower().replace(".", " ").split()]
    if len(words) != 1:
        record.report.say(
            "answer", "bad_level_word", f"names no single level ({', '.join(LEVELS)}): "
            f"{shown(answer)}",
        )  # fmt: skip
        return
    # Collections draw the lines between levels each in their own way, by up to one level.
    if mos is not None and 0 <= mos <= 1:
        expected = level_word(mos)
        if abs(LEVELS.index(expected) - LEVELS.index(words[0])) > 1:
            record.report.say(
                "answer", "answer_not_truth", f"says {words[0]}, expected {expected} for a score "
                f"of {mos:.3f}",
            )  # fmt: skip


def _check_choice(answer: str, record: Record) -> None:
    options, correct = record.texts("options"), record.integer("correct")
    if options is None or correct is None:
        return
    if len(options) < 2:
        record.report.say("options", "bad_choice", f"are {len(options)}, expected at least two")
    if len(set(options)) < len(options):
        record.report.say("options", "bad_choice", f"has one twice: {shown(list(options))}")
    if correct == -1 and not answer:
        return  # kept to themselves by those who made the test
    if not 0 <= correct < len(options):
        record.report.say(
            "correct", "bad_choice", f"is {correct}, expected 0 to {len(options) - 1}"
        )
        return
    letter = chr(ord("A") + correct)
    said = answer.strip()
    if said[:1] != letter and options[correct].lower() not in said.lower():
        record.report.say(
            "answer", "answer_not_truth", f"is {shown(said)}, expected {letter}. "
            f"{options[correct]}",
        )  # fmt: skip
