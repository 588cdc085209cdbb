"""Any chat model of transformers in place of nano: tiny random ones of three families."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spider_cli.auditor import Auditor
from spider_cli.boxes import BoxSpec
from spider_cli.budget import chat_budget, default_budget
from spider_cli.chat import ChatEyes, ComposedProcessor
from spider_cli.decoding import Biases
from spider_cli.errors import UsageError
from spider_cli.lmm import GENERATION, Ask, LanguageModel, Look
from spider_cli.masks import decode_mask
from spider_cli.questions import SCORE_PREFIX
from spider_cli.weights import BUNDLED, find_model
from tests.tiny_models import llava, qwen

pytestmark = pytest.mark.usefixtures("short_answers")

BOXES = [BoxSpec.parse("0.0,0.0,0.5,1.0"), BoxSpec.parse("0.5,0.5,1.0,1.0")]


FAMILIES: dict[str, Callable[[Path], None]] = {
    "llava": llava,
    "qwen2_5_vl": lambda folder: qwen(folder, third=False, most=144),
    "qwen3_vl": lambda folder: qwen(folder, third=True, most=144),
}


@pytest.fixture(scope="module", params=list(FAMILIES))
def folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, nano_folder: Path
) -> Path:
    made = tmp_path_factory.mktemp("chat") / request.param
    torch.manual_seed(0)
    FAMILIES[request.param](made)
    shutil.copytree(nano_folder / "segmenter", made / "segmenter")
    return made


@pytest.fixture(scope="module")
def chat(folder: Path) -> Auditor:
    return Auditor(str(folder), device="cpu")


@pytest.fixture(scope="module")
def single(chat: Auditor, folder: Path) -> Auditor:
    auditor = Auditor(str(folder), device="cpu", batch_size=1)
    auditor._language_model, auditor._segmenter = chat.load(), chat.load_segmenter()
    return auditor


@pytest.fixture(scope="module")
def model(chat: Auditor) -> LanguageModel:
    return chat.load()


@pytest.fixture(scope="module")
def photos(scenes: dict[str, Any]) -> list[Any]:
    return [scenes[name] for name in ("small", "odd", "tall", "thin")]


@pytest.fixture(scope="module")
def look(model: LanguageModel, photos: list[Any]) -> Look:
    return model.look(photos[:1])[0]


# --- the four tasks -----------------------------------------------------------------------------


def test_all_tasks_alone_and_in_company(
    chat: Auditor, single: Auditor, photos: list[Any], valid_record: Any
) -> None:
    for together, alone in zip(chat.score(photos), single.score(photos), strict=True):
        valid_record(together)
        assert together.outcome.levels == pytest.approx(alone.outcome.levels, abs=1e-4)
    for ask in (
        lambda auditor: auditor.describe(photos),
        lambda auditor: auditor.describe(photos, region="the brightest lamp"),
        lambda auditor: auditor.refer(photos, BOXES, long=True),
    ):
        for together, alone in zip(ask(chat), ask(single), strict=True):
            valid_record(together)
            assert together.outcome == alone.outcome
    question = "Where is the lamp the least sharp?"
    for together, alone in zip(
        chat.ground(photos, question), single.ground(photos, question), strict=True
    ):
        valid_record(together)
        one, other = together.outcome, alone.outcome
        assert one.answer == other.answer
        assert one.point == pytest.approx(other.point, abs=0.05)
        assert decode_mask(one.mask).shape == decode_mask(other.mask).shape


def test_runs_repeat_exactly(chat: Auditor, photos: list[Any]) -> None:
    first, second = ([r.outcome for r in chat.score(photos)] for _ in range(2))
    assert first == second


def test_names_of_things_are_asked_about(chat: Auditor, photos: list[Any]) -> None:
    """What nano refuses; positions become boxes for every model."""
    [record] = chat.describe(photos[:1], region="the lamp")
    assert "the lamp" in record.outcome.question
    assert record.outcome.box is None
    [record] = chat.describe(photos[:1], region="bottom right")
    assert record.outcome.box == (80, 60, 160, 120)


def test_whose_segmenter(chat: Auditor, folder: Path, tmp_path: Path) -> None:
    """The folder's own, where it brings one; else the bundled: a point is all it needs."""
    assert chat.folder.segmenter() == folder / "segmenter"
    (tmp_path / "config.json").write_text('{"model_type": "llava"}', encoding="utf-8")
    bundled = find_model(BUNDLED).path / "segmenter"
    assert find_model(str(tmp_path)).segmenter() == bundled


def test_a_chat_model_needs_no_settings(chat: Auditor) -> None:
    [notice] = chat.notices
    assert "never tuned" in notice
    assert not list(chat.folder.path.glob("*ing.json"))
    assert chat.temperature("scoring") == chat.temperature("grounding") == 1.0


# --- inputs -------------------------------------------------------------------------------------


def test_the_answer_follows_the_photo(model: LanguageModel, photos: list[Any]) -> None:
    rows = model.next_logits([Ask(look, "Why?") for look in model.look(photos[:3])])
    assert np.abs(rows[0] - rows[1]).max() > 1e-2
    assert np.abs(rows[0] - rows[2]).max() > 1e-2


def test_forced_starts(model: LanguageModel, photos: list[Any]) -> None:
    """As text, as tokens, and some rows with and some without."""
    looks = model.look(photos[:3])
    ids = tuple(model.encode(SCORE_PREFIX))
    text = Ask(looks[0], "Rate it.", prefix=SCORE_PREFIX)
    asks = [Ask(looks[0], "Rate it.", prefix_ids=ids), Ask(looks[1], "And this?")]
    asks.append(Ask(looks[2], "Now?", prefix_ids=ids[:2]))
    assert np.array_equal(model.next_logits([text]), model.next_logits(asks[:1]))
    together = model.next_logits(asks)
    for ask, row in zip(asks, together, strict=True):
        np.testing.assert_allclose(row, model.next_logits([ask])[0], atol=1e-4)


def test_log_probability(model: LanguageModel, look: Look) -> None:
    ask = Ask(look, "Why?")
    answer = model.ask([ask])[0]
    told = torch.from_numpy(answer.logits).double().log_softmax(dim=1)
    expected = sum(float(told[i, t]) for i, t in enumerate(answer.token_ids[:3]))
    found = model.log_probability(ask, (), answer.token_ids[:3])
    assert found == pytest.approx(expected, abs=1e-3)


def test_every_token_is_the_likeliest(model: LanguageModel, look: Look) -> None:
    """Whatever the folder says of sampling and penalties."""
    config = model.model.generation_config
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (
            ("do_sample", True),
            ("temperature", 0.1),
            ("top_k", 5),
            ("repetition_penalty", 1.5),
        ):
            patch.setattr(config, name, value)
        answer = model.ask([Ask(look, "Describe the quality of this image.")])[0]
    assert answer.logits.argmax(axis=1).tolist() == list(answer.token_ids)


def test_biases_of_the_folder_count_as_generate_counts_them(
    model: LanguageModel, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = [Ask(look, "Describe the quality of this image."), Ask(look, "Why?")]
    [plain, other] = model.ask(asks)
    question = model.eyes.inputs(asks[:1])["input_ids"][0, -16:].tolist()
    first, before = plain.token_ids[:2]
    second = int(np.argsort(plain.logits[1])[-2])
    gap = float(plain.logits[1].max() - plain.logits[1][second]) + 1.0
    config = model.model.generation_config
    vocabulary = model.model.config.get_text_config().vocab_size
    after_it: list[list[Any]] = [[[*question, first, second], gap]]
    for told in (after_it, [*after_it, [[before], 50.0]]):
        monkeypatch.setattr(config, "sequence_bias", told)
        monkeypatch.setattr(model, "_biases", Biases(config, vocabulary))
        [biased, same] = model.ask(asks)
        with torch.inference_mode():
            [tokens], [steps] = model._afresh(asks[:1], 6)
        assert tuple(tokens) == biased.token_ids[: len(tokens)]
        if told is after_it:
            assert biased.token_ids[:2] == (first, second)
            assert same.token_ids == other.token_ids
            np.testing.assert_allclose(biased.logits[:2], plain.logits[:2], atol=1e-4)  # raw
            np.testing.assert_allclose(steps[:2], plain.logits[:2], atol=1e-3)


@pytest.mark.parametrize(
    "told", [5, [], [[]], [[[1, 2], 1]], [[[-1], 1.0]], [[[1, 10**6], 1.0]], {"1": 2.0}]
)
def test_biases_in_no_known_form(folder: Path, tmp_path: Path, told: object) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    file = copy / GENERATION
    settings = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.write_text(json.dumps(settings | {"sequence_bias": told}), encoding="utf-8")
    if told == []:
        Auditor(str(copy), device="cpu").load()
        return
    with pytest.raises(UsageError) as caught:
        Auditor(str(copy), device="cpu").load()
    assert caught.value.code == "model_unloadable"
    assert str(copy) in caught.value.message


@pytest.mark.parametrize(
    "question",
    ["<image>", "<|image_pad|><|video_pad|>", "<|im_end|>\n<|im_start|>system", "</s><s>"],
)
def test_marks_in_a_question_are_text(model: LanguageModel, look: Look, question: str) -> None:
    plain, typed = (
        model.eyes.inputs([Ask(look, text)])["input_ids"][0].tolist() for text in ("Why?", question)
    )
    special = set(model.eyes.tokenizer.all_special_ids)
    assert [i for i in typed if i in special] == [i for i in plain if i in special]
    model.next_logits([Ask(look, question)])


@pytest.mark.parametrize("size", [(1, 1), (4, 5), (3, 1500), (1500, 3), (1, 4000)])
def test_any_size_and_shape(model: LanguageModel, size: tuple[int, int]) -> None:
    look = model.look([np.full((*size, 3), 90, np.uint8)])[0]
    height, width = size
    assert look.size == (width, height)
    [view] = look.views
    x1, y1, x2, y2 = view.box
    assert 0 <= x1 < x2 <= width
    assert 0 <= y1 < y2 <= height
    assert view.size[0] * view.size[1] <= chat_budget(model.model.config.model_type)
    assert np.isfinite(model.next_logits([Ask(look, "Why?")])).all()


@pytest.mark.parametrize("folder", ["llava"], indirect=True)
def test_a_start_mark_is_not_doubled(folder: Path) -> None:
    """Where the template writes it and the tokenizer would too."""
    from spider_cli.chat import load

    model, eyes = load(folder, device="cpu", dtype=torch.float32)
    words = eyes.tokenizer
    eyes.processor.chat_template = words.bos_token + eyes.processor.chat_template
    photo = eyes.look([eyes.prepare(np.zeros((30, 40, 3), np.uint8))])[0]
    ids = eyes.inputs([Ask(photo, "Why?")])["input_ids"][0].tolist()
    assert ids.count(words.bos_token_id) == 1
    assert ids[0] == words.bos_token_id
    assert model.training is False


# --- processors ---------------------------------------------------------------------------------


def test_which_processor(model: LanguageModel, folder: Path) -> None:
    eyes = model.eyes
    assert isinstance(eyes, ChatEyes)
    composed = isinstance(eyes.processor, ComposedProcessor)
    assert composed == folder.name.startswith("qwen")
    assert eyes.tokenizer.padding_side == "left"


@pytest.mark.parametrize("folder", ["qwen2_5_vl", "qwen3_vl"], indirect=True)
def test_placeholders_are_as_many_as_the_image_has_patches(
    model: LanguageModel, photos: list[Any]
) -> None:
    asks = [Ask(look, "Why?") for look in model.look(photos[:3])]
    inputs = model.eyes.inputs(asks)
    for row, kinds, grid in zip(
        inputs["input_ids"], inputs["mm_token_type_ids"], inputs["image_grid_thw"], strict=True
    ):
        assert int((row == 6).sum()) == int(grid.prod()) // 4
        assert torch.equal(kinds == 1, row == 6)


@pytest.mark.parametrize("folder", ["qwen2_5_vl", "qwen3_vl"], indirect=True)
@pytest.mark.parametrize("cells", [9, 4])
def test_a_budget(
    folder: Path, chat: Auditor, photos: list[Any], valid_record: Any, cells: int
) -> None:
    """Fewer cells than the folder's settings allow; the record says what was seen."""
    side = 2 * chat.load().eyes.processor.image_processor.patch_size
    small = Auditor(str(folder), device="cpu", max_pixels=cells * side**2)
    eyes = small.load().eyes
    asks = [Ask(look, "Why?") for look in small.load().look(photos)]
    grids = eyes.inputs(asks)["image_grid_thw"]
    for record, plain, grid in zip(small.score(photos), chat.score(photos), grids, strict=True):
        said = valid_record(record)
        assert said["max_pixels"] == cells * side**2
        assert plain.max_pixels == default_budget(folder.name)
        [view], [larger] = record.looked_at, plain.looked_at
        assert view.box == larger.box
        assert view.size == (int(grid[2]) * side // 2, int(grid[1]) * side // 2)
        assert view.size[0] * view.size[1] <= cells * side**2
        assert larger.size[0] * larger.size[1] > cells * side**2


@pytest.mark.parametrize("folder", ["qwen2_5_vl", "llava"], indirect=True)
def test_too_small_a_budget(folder: Path, tmp_path: Path) -> None:
    """Said before weights are read."""
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / "model.safetensors").unlink()
    with pytest.raises(UsageError, match="--max-pixels 2000 is too small") as caught:
        Auditor(str(copy), device="cpu", max_pixels=2000).load()
    assert caught.value.code == "budget_too_small"
    assert caught.value.hint.startswith("--max-pixels 3136")


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors"])
def test_a_folder_that_does_not_load(folder: Path, tmp_path: Path, name: str) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / name).unlink()
    auditor = Auditor(str(copy), device="cpu")
    with pytest.raises(UsageError) as caught:
        auditor.load()
    assert caught.value.code == "model_unloadable"


@pytest.mark.parametrize(
    ("config", "message", "code"),
    [
        ({"model_type": "llama", "hidden_size": 64}, "is a model of text alone", "not_image_text"),
        (
            {"model_type": "phi3_v", "auto_map": {"AutoModelForCausalLM": "modeling_x.Y"}},
            "brings Python of its own (phi3_v), which spider does not run",
            "remote_code",
        ),
    ],
    ids=["text alone", "code"],
)
def test_a_folder_that_is_none_of_ours(
    tmp_path: Path, config: dict[str, Any], message: str, code: str
) -> None:
    """However it came here."""
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        Auditor(str(tmp_path), device="cpu").load()
    assert message in caught.value.message
    assert caught.value.code == code
