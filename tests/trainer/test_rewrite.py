"""Answers in other words: what a model may change, and what it must not."""

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from spider_cli.endpoint import Endpoint
from spider_cli.errors import UsageError
from spider_cli.reading import parse_distortions
from spider_cli.results import Distortion
from tests.marked_photo import item, row, spanned
from tests.openai_server import Fault, OpenAIServer, Request
from trainer.datasets.schema import Item
from trainer.replies import UnfitError
from trainer.rewording import REWORDED, demands, reworded
from trainer.rewrite import Rewriter, open_rewriter, renamed
from trainer.rows import QA
from trainer.truth import Sample

NAMES = json.dumps({"names": ["the sky", "the red car"]})
GOOD = {
    "describe": "On the top left, mild blur and severe noise spoil the sky. Moderate contrast "
    "weakening dulls the red car on the bottom right. The rest of the image is clean.",
    "describe_region": "Here one sees mild blur, which rounds off every contour, and severe noise, "
    "which sprinkles the surfaces with specks.",
    "describe_region clean": "There is no distortion to be seen in this region.",
    "refer_long": "It suffers from mild blur, which rounds off every contour, along with severe "
    "noise, which sprinkles the surfaces with specks.",
    "ground_hyd": "The sky, the region on the top left, suffers the most: mild blur, severe noise.",
    "ground_sid": "It is the sky on the top left, where severe noise shows.",
    "ground_sid clean": "There is no region in which pixelation can be seen.",
    "ground_dao": "The sky on the top left got mild blur first, then severe noise.",
}


def said(qa: QA) -> str:
    return GOOD[qa.task if qa.truth else f"{qa.task} clean"]


def as_json(answer: str) -> str:
    return json.dumps({"answer": answer})


def asked(request: Request, given: Item) -> QA | None:
    """The row that a request is about; None where it is about the regions' names."""
    turns = [str(m["content"]) for m in request.messages if m["role"] == "user"]
    numbers = [re.search(r"^Question (\d+):", turn) for turn in turns]
    last = [int(match[1]) for match in numbers if match]
    return given.rows[last[-1] - 1] if last else None


def model(
    given: Item, odd: Callable[[QA, Request], "str | Fault | None"] = lambda qa, request: None
) -> Callable[[Request], "str | Fault"]:
    """A model that rewords well, but for what `odd` says instead."""

    def reply(request: Request) -> "str | Fault":
        qa = asked(request, given)
        if qa is None:
            return NAMES
        return odd(qa, request) or as_json(said(qa))

    return reply


def rewriter(server: OpenAIServer, **settings: int) -> Rewriter:
    return Rewriter(Endpoint.parse(f"{server.url}#m", pause=0.01), **settings)


# --- the conversation -----------------------------------------------------------------------------


def test_every_answer_in_other_words() -> None:
    given = item()
    with OpenAIServer(model(given)) as server:
        made, rejects = rewriter(server).rewrite(given)
        requests = server.requests
    assert rejects == []
    assert replace(made, rows=given.rows) == replace(given)
    for before, after in zip(given.rows, made.rows, strict=True):
        if before.task in REWORDED:
            assert after.answer == said(before)
        assert replace(after, answer=before.answer, spans=before.spans) == before
        assert spanned(after) == spanned(before)
        assert parse_distortions(after.answer) == (before.truth, before.other)
    short = next(one for one in made.rows if one.task == "refer_short")
    assert short.answer == "mild blur, severe noise"

    # One conversation: names first, then answer after answer, the photo shown in each request.
    assert len(requests) == 1 + sum(one.task in REWORDED for one in given.rows)
    assert [len(one.messages) for one in requests] == [2 * n + 2 for n in range(len(requests))]
    assert all(len(one.images) == 1 for one in requests)
    assert all(one.body["response_format"]["type"] == "json_schema" for one in requests)
    opening = json.dumps(requests[0].messages)
    assert all(json.dumps(one.question)[1:-1] in opening for one in given.rows)
    assert "on the top left: mild blur, then severe noise." in opening
    assert as_json(said(given.rows[0])) in [m["content"] for m in requests[-1].messages]


def test_the_same_replies_give_the_same_item() -> None:
    given = item()
    with OpenAIServer(model(given)) as server:
        first, second = (rewriter(server).rewrite(given)[0].rows for _ in range(2))
        half = len(server.requests) // 2
        assert [r.body for r in server.requests[:half]] == [r.body for r in server.requests[half:]]
    assert first == second


def test_garbage_then_good() -> None:
    given = item()
    garbage = iter(["I cannot do that.", '{"answer": 3}', as_json(GOOD["describe"])])

    def odd(qa: QA, request: Request) -> str | None:
        return next(garbage) if qa.task == "describe" else None

    with OpenAIServer(model(given, odd)) as server:
        made, rejects = rewriter(server, tries=3).rewrite(given)
        requests = server.requests
    assert rejects == []
    assert made.rows[0].answer == GOOD["describe"]
    # It is told what was wrong ...
    assert "it is not a JSON object" in requests[2].last
    assert 'no text under "answer"' in requests[3].last
    assert requests[3].messages[-2] == {"role": "assistant", "content": '{"answer": 3}'}
    # ... and the conversation goes on without that.
    assert "JSON object" not in json.dumps(requests[4].messages)


def test_a_wrong_truth_is_rejected_and_the_row_kept() -> None:
    given = item()
    wrong = as_json(GOOD["ground_sid"].replace("severe noise", "mild noise"))

    def odd(qa: QA, request: Request) -> str | None:
        return wrong if qa.task == "ground_sid" and qa.truth else None

    with OpenAIServer(model(given, odd)) as server:
        made, rejects = rewriter(server, tries=2).rewrite(given)
        asked_for = [r for r in server.requests if asked(r, given) == given.rows[6]]
    assert len(asked_for) == 2
    assert made.rows[6] == given.rows[6]
    assert made.rows[5].answer == GOOD["ground_hyd"]
    (reject,) = rejects
    assert (reject.id, reject.code) == ("000007-06", "not_rewritten")
    assert reject.original == given.rows[6].answer
    assert reject.reply == wrong
    assert "reads as: mild noise" in reject.reason
    assert "severe noise" in reject.reason


def test_busy_then_good() -> None:
    given = item()
    faults = iter([Fault(429), Fault(500)])

    def odd(qa: QA, request: Request) -> Fault | None:
        return next(faults, None) if qa.task == "ground_dao" else None

    with OpenAIServer(model(given, odd)) as server:
        made, rejects = rewriter(server).rewrite(given)
    assert rejects == []
    assert made.rows[7].answer == GOOD["ground_dao"]


def test_a_server_that_is_gone_ends_it() -> None:
    # Rows are not rejected for want of a server: the build stops, and goes on there later.
    given = item()
    with OpenAIServer(Fault(503, "no memory")) as server:
        work = Rewriter(Endpoint.parse(f"{server.url}#m", pause=0.01, tries=2))
        with pytest.raises(UsageError, match="no memory"):
            work.rewrite(given)
        with pytest.raises(UsageError, match="no memory"):
            list(work.rewrite_all([given] * 9))


def test_many_at_a_time_in_their_order() -> None:
    short = item().with_rows(item().rows[:2])
    given = [replace(short, id=f"{number:06d}") for number in range(7)]
    taken: list[str] = []

    with OpenAIServer(model(given[0])) as server:
        work = rewriter(server, workers=2)
        one_by_one = [work.rewrite(one) for one in given]
        lazily = (taken.append(one.id) or one for one in given)
        coming = work.rewrite_all(lazily)
        first = next(coming)
        assert len(taken) <= 5
        together = [first, *coming]
    assert [made.id for made, _ in together] == [one.id for one in given]
    assert [(made.rows, rejects) for made, rejects in together] == [
        (made.rows, rejects) for made, rejects in one_by_one
    ]


def test_nothing_to_reword_asks_nothing() -> None:
    given = item()
    short = given.with_rows(tuple(one for one in given.rows if one.task == "refer_short"))
    with OpenAIServer() as server:
        assert rewriter(server).rewrite(short) == (short, [])
        assert server.requests == []


def test_a_photo_without_regions() -> None:
    base = item()
    clean = QA("describe", "Describe it.", "The image is clean.", (), subtask="clean")
    given = replace(base, scene="clean", sample=Sample(base.sample.pixels), rows=(clean,))
    with OpenAIServer(as_json("No distortion can be seen in this photo")) as server:
        made, rejects = rewriter(server).rewrite(given)
        assert len(server.requests) == 1
    assert rejects == []
    assert made.rows[0].answer == "No distortion can be seen in this photo."


def test_open_rewriter() -> None:
    with OpenAIServer("x", models=["only"]) as server:
        assert open_rewriter(server.url).name == f"{server.url}#only"
    with pytest.raises(UsageError, match="cannot hold a conversation"):
        open_rewriter("nano")


# --- names of regions -----------------------------------------------------------------------------


def test_names_are_corrected_in_questions_and_answers() -> None:
    given = item(labels=("the wall", ""))
    answer = given.rows[6].answer.replace("On the", "The wall on the").replace("there is", "shows")
    spans = tuple(replace(s, start=s.start + 9, end=s.end + 9) for s in given.rows[6].spans)
    told = replace(given.rows[6], answer=answer, spans=spans)
    assert spanned(told) == spanned(given.rows[6])
    given = given.with_rows((*given.rows[:6], told, *given.rows[7:]))
    made = renamed(given, ["the sky", "the red car"])
    assert [region.label for region in made.sample.regions] == ["the sky", "the red car"]
    assert made.rows[1].question == "Describe the quality of this region alone: the sky."
    assert made.rows[6].answer == "The sky on the top left shows severe noise."
    assert spanned(made.rows[6]) == spanned(told)
    assert made.rows[0] == given.rows[0]


def test_names_that_change_nothing() -> None:
    given = item(labels=("the wall", "the red car"))
    assert renamed(given, ["", ""]) == given
    assert renamed(given, ["the wall", "the red car"]) == given
    # A question by name would mean both.
    assert renamed(given, ["the red car", ""]) == given
    # The question has another name already.
    other = given.with_rows((replace(given.rows[1], question="How is the tower?"),))
    assert renamed(other, ["the sky", ""]) == other


def test_the_model_names_regions() -> None:
    given = item(labels=("the wall", ""))
    replies = iter(['{"names": ["the sky"]}', '{"names": ["The sky.", "the left car"]}', NAMES])

    def reply(request: Request) -> str:
        qa = asked(request, given)
        return next(replies) if qa is None else as_json(said(qa))

    with OpenAIServer(reply) as server:
        made, rejects = rewriter(server).rewrite(given)
        reasons = [one.last for one in server.requests[1:3]]
    assert rejects == []
    assert "1 names for 2 regions" in reasons[0]
    assert '"left" says where' in reasons[1]
    assert [region.label for region in made.sample.regions] == ["the sky", "the red car"]
    assert made.rows[1].question.endswith(": the sky.")


def test_names_that_never_fit_are_left() -> None:
    given = item()
    with OpenAIServer(lambda r: as_json(said(qa)) if (qa := asked(r, given)) else "{}") as server:
        made, rejects = rewriter(server, tries=2).rewrite(given)
    assert made.sample == given.sample
    (reject,) = rejects
    assert reject.id == "000007"
    assert json.loads(reject.original) == {"names": ["the sky", "the red car"]}
    assert made.rows[0].answer == GOOD["describe"]


# --- one answer -----------------------------------------------------------------------------------

DAO, HYD, SID = (row("ground_dao", "both"), row("ground_hyd", "most"), item().rows[6])
WHOLE, REGION, LONG = row("describe", "regions"), item().rows[1], row("refer_long", "two")
CLEAN, ABSENT = item().rows[2], item().rows[8]


@pytest.mark.parametrize("qa", [one for one in item().rows if one.task in REWORDED])
def test_an_answer_is_its_own_rewording(qa: QA) -> None:
    assert reworded(qa, qa.answer) == qa
    assert reworded(qa, f"  {qa.answer[:-1]}\n") == qa


@pytest.mark.parametrize(
    ("qa", "answer", "reason"),
    [
        (SID, "", "empty"),
        # The truth.
        (SID, "The sky on the top left shows mild noise.", "reads as: mild noise"),
        (SID, "The sky on the top left shows severe blur.", "reads as: severe blur"),
        (SID, "The sky on the top left shows severe noise and mild blur.", "reads as"),
        (SID, "The sky on the top left shows nothing wrong.", "reads as: no distortion"),
        (SID, "The sky on the top left shows severe noise and lens flare.", "lens flare"),
        (SID, "The sky on the top left has severe noise, which adds blur.", "speaks of blur"),
        (DAO, "The sky on the top left shows severe noise, then mild blur.", "in this order"),
        (CLEAN, "This region shows mild blur.", "reads as: mild blur"),
        (CLEAN, "This region looks like a street.", "nothing is wrong"),
        (ABSENT, "No region shows blur.", "speaks of blur"),
        (ABSENT, "No region shows anything wrong.", "pixelation"),
        (ABSENT, "There is no pixelation and no blur in any region.", "speaks of blur"),
        # The order, told backwards in the right order of words.
        (DAO, "The sky on the top left has mild blur after severe noise.", "turn the order"),
        (DAO, "Mild blur preceded by severe noise is on the top left, the sky.", "turn the order"),
        # Places.
        (SID, "The sky shows severe noise.", "positional words are: none"),
        (SID, "The sky on the left shows severe noise.", "positional words are: left"),
        (SID, "The sky on the top right shows severe noise.", "positional words are: top, right"),
        (SID, "The sky on the top left and bottom left shows severe noise.", "positional words"),
        (SID, "The sky on the top-left shows severe noise.", "top left"),
        (SID, "Top left, the sky shows severe noise.", "top left"),
        (SID, "The sky on the top left, in the corner, shows severe noise.", "corner"),
        (SID, "The sky on the upper top left shows severe noise.", "upper"),
        (REGION, GOOD["describe_region"].replace("Here", "On the left"), "positional words"),
        (WHOLE, GOOD["describe"].replace("bottom right", "top left"), "positional words"),
        (WHOLE, GOOD["describe"].replace("mild blur", "moderate contrast weakening", 1)
         .replace("Moderate contrast weakening", "Mild blur"), "reads as"),
        (SID, "Severe noise shows. There is the sky on the top left.", "at the places"),
        # All of the image, or the rest of it.
        (SID, "The sky on the top left, like the whole image, shows severe noise.", "not say"),
        (WHOLE, GOOD["describe"].replace("The rest of the image is clean.", ""), "rest"),
        (SID, "The sky on the top left shows severe noise. The rest is clean.", "must not say"),
        # The question's sense.
        (HYD, "The sky on the top left, with mild blur and severe noise, suffers the least.",
         "the contrary"),
        # Form.
        (SID, "**The sky** on the top left shows severe noise.", "markup"),
        (SID, "The sky on the top left shows severe noise <image>.", "markup"),
        (SID, "The sky on the top left shows severe noise at level 5.", "number"),
        (LONG, "Mild blur and severe noise.", "too short"),
        (SID, "The sky on the top left shows severe noise. " + "It is so. " * 40, "characters"),
        (SID, "The sky on the top left\x1b[31m shows severe noise.", "markup|printed"),
        (SID, "The sky on the top left\x00 shows severe noise.", "printed"),
        # The semantic phrase.
        (SID, "On the top left one finds severe noise.", "name what the region shows: the sky"),
    ],
)  # fmt: skip
def test_what_is_rejected(qa: QA, answer: str, reason: str) -> None:
    with pytest.raises(UnfitError, match=reason):
        reworded(qa, answer, "the sky")


def test_distortions_may_not_move_to_the_other_region() -> None:
    # Both have noise, so the answer as a whole still reads the same.
    given = item().rows[0]
    answer = (
        "The region on the top left shows mild blur and severe noise. "
        "The region on the bottom right shows mild noise. The rest of the image is clean."
    )
    truth = (Distortion("blur", "mild"), Distortion("noise", "severe"))
    qa = reworded(replace(given, answer=answer, truth=truth, spans=()), answer)
    moved = (
        "The region on the top left shows mild blur and mild noise. "
        "The region on the bottom right shows severe noise. The rest of the image is clean."
    )
    assert parse_distortions(moved) == parse_distortions(answer)
    with pytest.raises(UnfitError, match="at the places"):
        reworded(qa, moved)


def test_spans_move_with_their_words() -> None:
    made = reworded(WHOLE, GOOD["describe"])
    assert spanned(made) == spanned(WHOLE)
    assert [word for word, _ in spanned(made)] == ["top", "left", "bottom", "right"]
    assert made.spans != WHOLE.spans


def test_boxes_keep_their_numbers() -> None:
    box = "The region [0.125, 0.250, 0.500, 0.750] shows severe noise."
    qa = QA("describe_region", "?", box, (Distortion("noise", "severe"),))
    assert reworded(qa, box.replace("shows", "has")).answer == box.replace("shows", "has")
    for wrong in (box.replace("0.250", "0.255"), "The region shows severe noise."):
        with pytest.raises(UnfitError, match="number"):
            reworded(qa, wrong)


def test_typographic_marks_become_plain() -> None:
    made = reworded(SID, "It\u2019s the sky \u2014 on the top left \u2014 that shows severe noise")
    assert made.answer == "It's the sky - on the top left - that shows severe noise."
    assert spanned(made) == spanned(SID)


def test_the_model_is_told_all_that_is_checked() -> None:
    told = "\n".join(demands(DAO, "the sky"))
    assert "mild blur, severe noise" in told
    assert '"top left"' in told
    assert "the sky" in told
    assert "first ... then" in told
    assert '"top left", then "bottom right"' in "\n".join(demands(WHOLE))
    assert "pixelation" in "\n".join(demands(ABSENT))
    everywhere = QA(
        "ground_sid", "?", "The whole image shows mild blur.", (Distortion("blur", "mild"),)
    )
    assert "the whole image" in "\n".join(demands(everywhere))
