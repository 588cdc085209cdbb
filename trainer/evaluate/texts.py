"""A case, what was said and what is true, in words for people."""

from trainer.evaluate.cases import Case
from trainer.evaluate.outcomes import Outcome

__all__ = ["answer_of", "title_of", "truth_of"]

_LETTERS = "ABCDEFGH"


def title_of(case: Case) -> str:
    """Task and sub-task."""
    return f"{case.task}, {case.subtask}" if case.subtask else case.task


def answer_of(outcome: Outcome) -> str:
    """What a system answered."""
    if outcome.score is not None:
        return f"{outcome.score:.2f}"
    if outcome.choice is not None:
        return _LETTERS[outcome.choice]
    named = ", ".join(f"{one.severity} {one.family}" for one in outcome.distortions)
    return outcome.answer or named or (outcome.said and f"({outcome.said})") or "(none)"


def truth_of(case: Case) -> str:
    """What is right."""
    if case.mos is not None:
        return f"{case.mos:.3f} of 1, by people"
    if case.correct is not None:
        return f"{_LETTERS[case.correct]}. {case.options[case.correct]}"
    return case.reference
