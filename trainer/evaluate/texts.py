"""A case, what was said and what is true, in words for people."""

from collections.abc import Iterator

from trainer.evaluate.cases import Case
from trainer.evaluate.outcomes import Outcome, Result

__all__ = ["facts_of", "title_of"]

_LETTERS = "ABCDEFGH"


def title_of(case: Case) -> str:
    """Task and sub-task."""
    return f"{case.task}, {case.subtask}" if case.subtask else case.task


def facts_of(result: Result) -> Iterator[tuple[str, str]]:
    """What was asked, answered and is true, line by line: what a line is about, and its text."""
    case, outcome = result.case, result.outcome
    if case.question:
        yield "Question", case.question
    for letter, option in zip(_LETTERS, case.options, strict=False):
        yield f"Option {letter}", option
    yield "Answer", _answer(outcome)
    yield "Truth", _truth(case)
    if case.target == "region" and outcome.overlap is not None:
        intersection, union = outcome.overlap
        yield "Intersection over union", f"{intersection / max(union, 1):.3f}"
    if outcome.reason:
        yield outcome.status.capitalize(), outcome.reason
    yield "Photo", case.source


def _answer(outcome: Outcome) -> str:
    if outcome.score is not None:
        return f"{outcome.score:.2f}"
    if outcome.choice is not None:
        return _LETTERS[outcome.choice]
    named = ", ".join(f"{one.severity} {one.family}" for one in outcome.distortions)
    return outcome.answer or named or (outcome.said and f"({outcome.said})") or "(none)"


def _truth(case: Case) -> str:
    if case.mos is not None:
        return f"{case.mos:.3f} of 1, by people"
    if case.correct is not None:
        return f"{_LETTERS[case.correct]}. {case.options[case.correct]}"
    return case.reference
