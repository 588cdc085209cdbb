"""A model that grades answers: its replies are grades or nothing, never guesses."""

import pytest

from spider_cli.endpoint import Endpoint
from spider_cli.errors import UsageError
from tests.marked_photo import item, row
from tests.openai_server import Fault, OpenAIServer, text_of
from trainer.judge import DESCRIPTION, GROUNDING, Grade, Judge

DESCRIBE, GROUND = row("describe", "regions"), row("ground_hyd", "most")


def judge(server: OpenAIServer, tries: int = 2) -> Judge:
    return Judge(Endpoint.parse(f"{server.url}#m", pause=0.01, tries=2), tries=tries)


def test_what_the_judge_is_told() -> None:
    with OpenAIServer('{"score": 7}') as server:
        graded = judge(server)
        assert graded.grade_description(item(), DESCRIBE, "The top left is noisy.") == 7
        assert graded.grade_grounding_text(item(), GROUND, "On the top left.") is None
        server.replies = ['{"score": 4}']
        assert graded.grade_grounding_text(item(), GROUND, "On the top left.") == 4
        first, *_, last = server.requests
    told = "\n".join(text_of(message) for message in first.messages)
    for part in (
        DESCRIBE.question,
        DESCRIBE.answer,
        "mild blur, severe noise, moderate contrast weakening",
        "Region 1 (the sky), on the top left: mild blur, then severe noise.",
        "The top left is noisy.",
        "from 0 to 10",
    ):
        assert part in told
    assert "from 0 to 5" in last.last
    assert first.images == []
    schema = first.body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["score"] == {"type": "integer", "minimum": 0, "maximum": 10}
    assert (graded.graded, graded.unparsed, graded.failed) == (2, 1, 0)


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        *(('{"score": 0}', 0), ('{"score": 10}', 10), ("7", 7), (" 7/10.\n", 7)),
        ('```json\n{"score": 3}\n```', 3),
        ('<think>{"score": 9}?</think> {"score": 2, "why": "wrong place"}', 2),
    ],
)
def test_grades(reply: str, score: int) -> None:
    with OpenAIServer(reply) as server:
        assert judge(server).grade(item(), DESCRIBE, "x", DESCRIPTION) == Grade(score, reply)


@pytest.mark.parametrize(
    "reply",
    [
        *('{"score": 11}', '{"score": -1}', '{"score": 7.5}', '{"score": "7"}', '{"score": true}'),
        *('{"score": null}', "{}", "", "seven", "I give it 7 or 8", "7/5", "11", "-3", "[7]"),
    ],
)
def test_no_grades(reply: str) -> None:
    with OpenAIServer(reply) as server:
        graded = judge(server)
        grade = graded.grade(item(), DESCRIBE, "x", DESCRIPTION)
        assert len(server.requests) == 2
    assert grade.score is None
    assert grade.raw == reply
    assert grade.reason
    assert (graded.graded, graded.unparsed) == (0, 1)


def test_garbage_then_a_grade() -> None:
    with OpenAIServer("Good answer!", '{"score": 9}', Fault(429), '{"score": 5}') as server:
        graded = judge(server)
        assert graded.grade_description(item(), DESCRIBE, "x") == 9
        assert "not a JSON object" in server.requests[1].last
        assert graded.grade(item(), GROUND, "x", GROUNDING).score == 5
    assert (graded.graded, graded.unparsed) == (2, 0)


def test_no_judge_at_all() -> None:
    with OpenAIServer(Fault(500)) as server, pytest.raises(UsageError, match="answered 500"):
        judge(server).grade_description(item(), DESCRIBE, "x")


def test_a_judge_that_is_away_for_a_while() -> None:
    # A run of hours is not lost to one answer that could not be graded; a dead server ends it.
    away, good = Fault(500), '{"score": 8}'
    with OpenAIServer(good, away, away, good, away) as server:
        graded = judge(server)
        assert graded.grade_description(item(), DESCRIBE, "x") == 8
        grade = graded.grade(item(), DESCRIBE, "x", DESCRIPTION)
        assert grade.score is None
        assert "answered 500" in grade.reason
        assert graded.grade_description(item(), DESCRIBE, "x") == 8
        assert graded.grade_description(item(), DESCRIBE, "x") is None
        assert graded.grade_description(item(), DESCRIBE, "x") is None
        with pytest.raises(UsageError, match="answered 500"):
            graded.grade_description(item(), DESCRIBE, "x")
    assert (graded.graded, graded.unparsed, graded.failed) == (2, 0, 4)
