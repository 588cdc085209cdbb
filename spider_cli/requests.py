"""What is asked of each photo: a command, its boxes, the question, and how its answer is read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spider_cli import questions
from spider_cli.boxes import BoxSpec
from spider_cli.jobs import Job, box_text
from spider_cli.results import Command, Description, Referral, Result

if TYPE_CHECKING:
    from spider_cli.evidence import Asked
    from spider_cli.zero_shot import Task

__all__ = ["Read", "Request", "describing", "referring", "scoring"]

Read = Callable[[Job, str, "Asked"], Result]
"""A job, its question in spider's words, and the question as it was put with the answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to be done to each photo. Made by `Auditor.to_describe` and its like."""

    command: Command
    task: "Task"
    question: Callable[[Job], str]
    read: Read | None
    """None: the level words' weights are read, and no answer."""
    specs: tuple[BoxSpec, ...] = ()
    """One record per photo and box; without any, one per photo."""
    gather: "Callable[[Sequence[Asked]], list[Asked]] | None" = None
    """What is done to the answers of a batch together, before each of them is read."""


def describing(specs: tuple[BoxSpec, ...], phrase: str | None) -> Request:
    """Tasks 1 and 2.

    Args:
        phrase: names the part that is meant, instead of a box.
    """

    def question(job: Job) -> str:
        if phrase is None and job.box is None:
            return questions.describe_question()
        return questions.describe_region_question(phrase or box_text(job))

    def read(job: Job, question: str, asked: "Asked") -> Result:
        from spider_cli.reading import parse_distortions

        found, other = parse_distortions(asked.answer.text)
        return Description(question, asked.answer.text.strip(), found, other, job.box)

    return Request("describe", "describe", question, read, specs)


def referring(specs: tuple[BoxSpec, ...], *, long: bool) -> Request:
    """Task 4; `long` adds visual effects."""

    def question(job: Job) -> str:
        return questions.refer_question(box_text(job), long=long)

    def read(job: Job, question: str, asked: "Asked") -> Result:
        from spider_cli.reading import parse_distortions

        found, other = parse_distortions(asked.answer.text)
        assert job.box is not None
        return Referral(question, job.box, asked.answer.text.strip(), found, other)

    return Request("refer", "refer_long" if long else "refer_short", question, read, specs)


def scoring() -> Request:
    """Task-free scoring."""
    return Request("score", "score", lambda job: questions.SCORE_QUESTION, None)
