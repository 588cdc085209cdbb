"""The model to talk to: a server, or a model in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from spider_cli.endpoint import Message
from spider_cli.errors import UsageError
from spider_cli.lmm import Ask, LanguageModel
from tests.openai_server import OpenAIServer
from trainer.chat_model import LocalChat, one_question, open_chat, side_by_side

if TYPE_CHECKING:
    from tests.trainer.conftest import Tiny

TURNS: list[Message] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Which region is degraded?"},
    {"role": "assistant", "content": "The top left."},
    {"role": "user", "content": "Describe it."},
]


def test_a_server_is_asked_for_its_models_alone() -> None:
    with OpenAIServer("hello", models=["a", "b"]) as server:
        chat = open_chat(f"{server.url}#b")
        assert chat.name == f"{server.url}#b"
        assert [one.path for one in server.seen] == ["/v1/models"]
        assert chat.say(TURNS) == "hello"


def test_a_server_that_cannot_be_used_is_found_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with OpenAIServer(key="secret") as server, pytest.raises(UsageError, match="wants a key"):
        open_chat(f"{server.url}#m")


def test_no_such_model(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model"):
        open_chat(str(tmp_path / "model"))
    with pytest.raises(UsageError, match="cannot hold a conversation"):
        open_chat("nano")


def test_a_model_without_room_is_refused_before_it_is_loaded(
    tiny_checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from spider_cli import placing
    from spider_cli.weights.machine import Room

    monkeypatch.setattr(placing, "_SMALL", 0)
    monkeypatch.setattr(placing, "free_memory", lambda kind: (Room("the machine", 1000, 10**9),))
    with pytest.raises(UsageError) as caught:
        open_chat(str(tiny_checkpoint("smolvlm")))
    assert caught.value.code == "memory_short"


def test_turns_become_one_question() -> None:
    assert one_question(TURNS[:2]) == "Be brief.\n\nWhich region is degraded?"
    assert one_question(TURNS) == (
        "Be brief.\n\nUser: Which region is degraded?\n\nAssistant: The top left.\n\n"
        "User: Describe it.\n\nAssistant:"
    )


def test_pictures_stand_side_by_side() -> None:
    one = np.full((20, 30, 3), 10, np.uint8)
    two = np.full((40, 10, 3), 200, np.uint8)
    row = side_by_side([one, two])
    assert row.shape == (40, 40, 3)
    assert np.array_equal(row[:20, :30], one)
    assert np.array_equal(row[:, 30:], two)
    assert (row[20:, :30] == 128).all()
    assert side_by_side([one]) is one
    assert side_by_side([]).shape == (64, 64, 3)


def test_a_loaded_model_goes_on_with_long_answers(
    tiny: "Tiny", monkeypatch: pytest.MonkeyPatch
) -> None:
    from spider_cli.nano.eyes import NanoEyes

    eyes = NanoEyes(tiny.model, tiny.processor)
    model = LanguageModel(model=tiny.model, eyes=eyes, folder=Path(), revision="x")
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    look = model.look([picture])[0]
    monkeypatch.setattr("spider_cli.lmm.MAX_NEW_TOKENS", 24)
    whole = model.ask([Ask(look, one_question(TURNS))])[0]
    assert len(whole.token_ids) == 24, "it must not end by itself here"
    monkeypatch.setattr("spider_cli.lmm.MAX_NEW_TOKENS", 4)  # six times
    said = LocalChat(model, "tiny@x").say(TURNS, images=[picture])
    assert said == whole.text
    assert LocalChat(model, "tiny@x").say(TURNS)  # without a picture
