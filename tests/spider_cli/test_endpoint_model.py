"""A model behind an address answers as the same model does when it is loaded here."""

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spider_cli.auditor import Auditor
from spider_cli.boxes import BoxSpec
from spider_cli.budget import SERVED, default_budget
from spider_cli.errors import UsageError
from spider_cli.lmm import Ask
from spider_cli.photos import named_source, open_photo
from spider_cli.questions import SCORE_PREFIX, SCORE_QUESTION, ground_question
from spider_cli.results import Grounding, Record, Score, WordedGrounding, WordedScore
from spider_cli.rules import PAPER, rule_named
from spider_cli.vocabulary import LEVELS
from tests.mouth import Mouth
from tests.openai_server import Fault, OpenAIServer, Request, Spoken

NAMES = ("coffee.jpg", "chelsea.jpg", "rocket.jpg")
QUESTION = ground_question(extreme="most")
EXACT = 1e-5
"""Probabilities of words that are listed: what is left of float32 on its way through JSON."""
Served = Callable[..., Auditor]
Check = Callable[[Any], dict[str, Any]]


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def local() -> Auditor:
    auditor = Auditor("nano", device="cpu")
    auditor.load()
    auditor.plan = auditor.plan.with_rule(PAPER)  # servers cannot be asked back
    return auditor


@pytest.fixture(scope="module")
def paths(photos: Path) -> list[str]:
    return [str(photos / name) for name in NAMES]


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(models=["nano"]) as running:
        yield running


@pytest.fixture
def served(server: OpenAIServer, local: Auditor) -> Served:
    """An auditor of a server with some manners."""

    def make(**manners: Any) -> Auditor:
        server.replies = [Mouth(local.load(), **manners)]
        auditor = Auditor(f"openai:{server.url}#nano", device="cpu", batch_size=4, tuned=True)
        # The same temperatures as the folder's, which a server does not tell of.
        auditor._score_temperature = local.temperature("scoring")
        auditor.plan = local.plan
        return auditor

    return make


@pytest.fixture(scope="module")
def local_scores(local: Auditor, paths: list[str]) -> list[Score]:
    return scores(local.score(paths))


@pytest.fixture(scope="module")
def local_regions(local: Auditor, paths: list[str]) -> list[Grounding]:
    return regions(local.ground(paths, QUESTION))


def scores(records: Iterator[Record]) -> list[Score]:
    found = []
    for record in records:
        assert isinstance(record.outcome, Score), record.outcome
        found.append(record.outcome)
    return found


def regions(records: Iterator[Record]) -> list[Grounding]:
    found = []
    for record in records:
        assert isinstance(record.outcome, Grounding), record.outcome
        found.append(record.outcome)
    return found


MANNERS: dict[str, dict[str, Any]] = {
    "vLLM": {"way": "continue"},
    "Mistral": {"way": "prefix", "echo": True},
    "Ollama": {"way": "last turn"},
    "SentencePiece": {"way": "continue", "bare": True},
    "five listed": {"way": "continue", "top": 5, "strict": True},
}


@pytest.mark.parametrize("manners", MANNERS.values(), ids=MANNERS)
def test_scores_are_the_local_ones(
    served: Served, local_scores: list[Score], paths: list[str], manners: dict[str, Any]
) -> None:
    found = scores(served(**manners).score(paths))
    for one, other in zip(local_scores, found, strict=True):
        assert other.level == one.level
        assert other.levels == pytest.approx(one.levels, abs=EXACT)
        assert other.score == pytest.approx(one.score, abs=100 * EXACT)


def test_levels_that_are_not_listed_get_the_floor(
    served: Served, local: Auditor, paths: list[str]
) -> None:
    """Of three listed tokens: the score is off by no more than the floor allows."""
    short = served(top=3, strict=False)
    reader = local.load().scorer(local.temperature("scoring"), SCORE_QUESTION)
    looks = local.load().look([pixels_of(path) for path in paths])
    found, cut = scores(short.score(paths)), 0
    for look, one in zip(looks, found, strict=True):
        [row] = local.load().next_logits([Ask(look, SCORE_QUESTION, prefix=SCORE_PREFIX)])
        likeliest = np.sort(row)[::-1]
        chi = np.array([row[i] for i in reader.ids])
        cut += int((chi < likeliest[2]).sum())
        floored = np.maximum(chi, likeliest[2]) / reader.temperature
        weights = np.exp(floored - floored.max())
        for level, p in zip(LEVELS, weights / weights.sum(), strict=True):
            assert one.levels[level] == pytest.approx(p, abs=EXACT)
    assert cut >= 2 * len(paths)


def pixels_of(path: str) -> Any:
    return open_photo(named_source(path)).pixels


@pytest.mark.parametrize("manners", MANNERS.values(), ids=MANNERS)
def test_points_are_the_local_ones(
    served: Served, local_regions: list[Grounding], paths: list[str], manners: dict[str, Any]
) -> None:
    found = regions(served(**manners).ground(paths, QUESTION))
    told = 0
    for one, other in zip(local_regions, found, strict=True):
        assert (other.answer, other.whole, other.probed) == (one.answer, one.whole, one.probed)
        if one.point is None:
            assert other.point is None
            continue
        told += not one.probed
        # A pixel of 600 at most, where one word of an axis is not among the five.
        assert other.point == pytest.approx(one.point, abs=1.0 if manners.get("top") else 0.01)
        assert other.area == pytest.approx(one.area, abs=0.01)
    assert told, "no answer of these says where"


@pytest.mark.parametrize("rule", ["thirds", "paper"])
def test_points_that_are_asked_for(
    server: OpenAIServer,
    served: Served,
    local: Auditor,
    paths: list[str],
    rule: str,
    answer_of: Any,
) -> None:
    """The answer has no words of the set: they are read after a forced start."""
    answer, chosen, model = "It shows severe noise.", rule_named(rule), local.load()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "ask", lambda asks: [answer_of(model, answer)] * len(asks))
        [expected] = regions(local.ground(paths[:1], QUESTION, rule=chosen))
    auditor = served()
    [mouth] = server.replies
    assert callable(mouth)

    def reply(request: Request) -> Any:
        return answer if request.messages[-1]["role"] == "user" else mouth(request)

    server.replies = [reply]
    [found] = regions(auditor.ground(paths[:1], QUESTION, rule=chosen))
    assert (expected.answer, expected.probed) == (found.answer, found.probed) == (answer, True)
    assert found.point == pytest.approx(expected.point, abs=1.0)


def test_a_server_cannot_be_asked_back(
    server: OpenAIServer, served: Served, paths: list[str]
) -> None:
    """How likely an answer is that it does not give, it does not tell; so it gets no photo."""
    auditor = served()
    with pytest.raises(UsageError, match="does not tell how likely an answer is") as caught:
        auditor.ground(paths[:1], QUESTION, rule=rule_named("mask-asked"))
    assert "--rule" in caught.value.hint
    assert not [request for request in server.requests if request.images]


def test_places_are_asked_for_together(
    server: OpenAIServer, served: Served, paths: list[str]
) -> None:
    """Of all photos of a batch at once: each waits for the others' questions."""
    auditor = served()
    [mouth] = server.replies
    assert callable(mouth)
    all_there = threading.Barrier(len(paths), timeout=30)

    def reply(request: Request) -> Any:
        if request.messages[-1]["role"] == "user":
            return "It shows severe noise."
        if request.images:
            all_there.wait()
        return mouth(request)

    server.replies = [reply]
    assert [one.probed for one in regions(auditor.ground(paths, QUESTION))] == [True] * len(paths)


def test_a_place_that_is_not_told_is_one_photos_alone(
    server: OpenAIServer, served: Served, paths: list[str], valid_record: Check
) -> None:
    auditor = served()
    [mouth] = server.replies
    assert callable(mouth)
    refused: list[str] = []

    def reply(request: Request) -> Any:
        if request.messages[-1]["role"] == "user":
            return "It shows severe noise."
        if not request.images:
            return mouth(request)
        refused.append(request.images[0])
        return Fault(400, "no") if request.images[0] == refused[0] else mouth(request)

    server.replies = [reply]
    records = [valid_record(one) for one in auditor.ground(paths, QUESTION)]
    failed = [one["error"]["code"] for one in records if "error" in one]
    assert failed == ["endpoint_failed"]
    assert sum(one.get("point") is not None for one in records) == len(paths) - 1


def test_words_are_the_local_ones(served: Served, local: Auditor, paths: list[str]) -> None:
    def said(records: Iterator[Record]) -> list[dict[str, Any]]:
        left_out = ("model", "revision", "seconds", "max_pixels", "looked_at")
        return [
            {name: value for name, value in one.to_json().items() if name not in left_out}
            for one in records
        ]

    boxes = [BoxSpec.parse("0.5,0.5,1.0,1.0"), BoxSpec.parse("10,10,200,200")]
    auditor = served()
    assert said(auditor.describe(paths)) == said(local.describe(paths))
    assert said(auditor.refer(paths, boxes)) == said(local.refer(paths, boxes))


def test_what_a_record_says_of_the_model(
    served: Served, server: OpenAIServer, paths: list[str], valid_record: Check
) -> None:
    [record] = served().score(paths[:1])
    said = valid_record(record)
    assert said["model"] == f"openai:{server.url}#nano"
    assert said["revision"] == "m fp_1"
    assert said["looked_at"] == [{"box": [0, 0, 600, 400], "size": [600, 400]}]
    assert said["max_pixels"] == default_budget(SERVED)
    assert record.notes == ()


def test_a_budget_bounds_what_is_sent(server: OpenAIServer, paths: list[str]) -> None:
    server.replies = ["Mild noise."]
    [record] = Auditor(f"openai:{server.url}", max_pixels=60_000).describe(paths[:1])
    assert record.max_pixels == 60_000
    [view] = record.looked_at
    assert view.size == (300, 200)
    [url] = next(one.images for one in server.requests if one.images)
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        assert image.size == view.size


def test_a_server_that_says_nothing_of_itself(server: OpenAIServer, paths: list[str]) -> None:
    server.replies = [Spoken("Mild noise.", model="nano")]
    auditor = Auditor(f"openai:{server.url}")
    assert auditor.model == f"openai:{server.url}"
    [record] = auditor.describe(paths[:1])
    assert (record.model, record.revision) == (f"openai:{server.url}#nano", "unknown")


@pytest.mark.parametrize("manners", [{"top": 0}, {"top": 0, "strict": True}, {"top": 1}])
def test_without_log_probabilities_there_are_words(
    served: Served,
    local_scores: list[Score],
    local_regions: list[Grounding],
    paths: list[str],
    valid_record: Check,
    manners: dict[str, Any],
) -> None:
    auditor = served(**manners)
    records = list(auditor.score(paths))
    for record, expected in zip(records, local_scores, strict=True):
        said = valid_record(record)
        assert isinstance(record.outcome, WordedScore)
        assert said["score"] is said["levels"] is None
        assert said["level"] == expected.level
        assert said["answer"].startswith(f"{SCORE_PREFIX} {expected.level}")
        assert "no log-probabilities" in said["worded"]
    assert [len(record.notes) for record in records] == [1, 0, 0]
    whole = 0
    for record, told in zip(auditor.ground(paths, QUESTION), local_regions, strict=True):
        said = valid_record(record)
        assert said["answer"] == told.answer
        whole += told.point is None
        if told.point is not None:
            assert isinstance(record.outcome, WordedGrounding)
            assert said["point"] is said["mask"] is said["area"] is None
            assert "no log-probabilities" in said["worded"]
    assert whole < len(paths)


def test_one_word_is_asked_for_where_no_answer_can_be_begun(
    server: OpenAIServer, local: Auditor, paths: list[str]
) -> None:
    """Read where the answer says it, in the form it has."""

    def listed(*tokens: str) -> list[dict[str, Any]]:
        return [{"token": one, "logprob": -0.5 * (i + 1)} for i, one in enumerate(tokens)]

    def reply(request: Request) -> Any:
        if not request.images:
            return Spoken("Paris.", [{**one, "top_logprobs": []} for one in listed("Paris", ".")])
        assert "Answer with one word: excellent, good, fair, poor or bad." in request.last
        mark, word = listed("**", "Good")
        top = listed("Excellent", "Good", "Fair", "good")
        return Spoken(
            "**Good", [{**mark, "top_logprobs": []}, {**word, "logprob": -1.0, "top_logprobs": top}]
        )

    server.replies = [reply]
    [score] = scores(Auditor(f"openai:{server.url}").score(paths[:1]))
    # poor and bad get the floor: that of "good", the least that is listed.
    weights = np.exp([-0.5, -1.0, -1.5, -2.0, -2.0])
    assert list(score.levels.values()) == pytest.approx(list(weights / weights.sum()))
    ways = [one for one in server.requests if not one.images]
    assert len(ways) == 3


def test_once_per_server_without_a_photo(
    served: Served, server: OpenAIServer, paths: list[str]
) -> None:
    auditor = served(way="prefix")
    list(auditor.score(paths))
    list(auditor.score(paths))
    asked = [one for one in server.requests if not one.images]
    assert len(asked) == 2  # "continue", which it refuses, and "prefix"
    assert server.requests[:2] == asked
    assert all("image" not in json.dumps(one.body) for one in asked)


def test_a_photo_is_encoded_once(
    served: Served, server: OpenAIServer, paths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from spider_cli import endpoint_model

    calls: list[Any] = []
    encode = endpoint_model.data_url
    monkeypatch.setattr(
        endpoint_model, "data_url", lambda *given: calls.append(given) or encode(*given)
    )
    boxes = [BoxSpec.parse("0.0,0.0,0.5,0.5"), BoxSpec.parse("0.5,0.5,1.0,1.0")]
    assert len(list(served().refer(paths, boxes))) == 6
    assert len(calls) == 3
    assert len({image for one in server.requests for image in one.images}) == 3
