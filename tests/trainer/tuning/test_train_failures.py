"""What ends a run early is one clear error, and what was saved stays."""

import json
import os
import resource
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from spider_cli.errors import UsageError
from tests.trainer.tuning.small_data import item, scored, write
from tests.trainer.tuning.small_runs import (
    confident,
    events,
    recipe_for,
    sixteen_rows,
    terminate_after,
)
from trainer.tuning.base import Base, find_base
from trainer.tuning.checkpoints import checkpoints_of
from trainer.tuning.run_folder import begin, look
from trainer.tuning.sums import check_sums
from trainer.tuning.train import Stopped, tune


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sixteen_rows(tmp_path_factory.mktemp("data") / "sixteen")


def test_a_loss_that_is_no_number_stops_the_run(
    tiny_qwen3vl: Path, data: Path, tmp_path: Path
) -> None:
    base = confident(tiny_qwen3vl, tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    weights["lm_head.weight"][7, 3] = float("nan")
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    out = tmp_path / "run"
    with pytest.raises(UsageError, match="the loss of step 1 is not a number") as raised:
        tune(recipe_for(base, data), out, quiet=True)
    assert "lr_lora" in raised.value.hint
    told = json.loads((out / "not-a-number-step-1-process-0.json").read_text(encoding="utf-8"))
    rows = [name for part in told["micro_batches"] for name in part["rows"]]
    assert len(rows) == 4 and all(name.startswith(str(data)) for name in rows)
    assert not checkpoints_of(out)
    assert events(out, "stop")[0]["reason"] == "not_a_number"


def test_a_gradient_that_is_no_number_stops_the_run(
    tiny_qwen3vl: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer.tuning.losses import AnswerLoss

    plain = AnswerLoss.__call__

    def steep(self: AnswerLoss, model: Any, batch: dict[str, Any], live: Any) -> Any:
        loss = plain(self, model, batch, live)
        # sqrt is 0 at 0, its slope infinite.
        return loss + (loss - loss.detach()).abs().sqrt()

    monkeypatch.setattr(AnswerLoss, "__call__", steep)
    with pytest.raises(UsageError, match="the gradient of step 1 is not a number"):
        tune(recipe_for(tiny_qwen3vl, data), tmp_path / "run", quiet=True)


def test_short_memory_says_what_to_lower(
    tiny_qwen3vl: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer.tuning.losses import AnswerLoss

    monkeypatch.setattr(AnswerLoss, "__call__", lambda *_: torch.empty(1 << 55))
    with pytest.raises(UsageError, match="out of memory") as raised:
        tune(recipe_for(tiny_qwen3vl, data), tmp_path / "run", quiet=True)
    same_run, _, new_run = raised.value.hint.partition("--resume; else")
    assert "run.micro_batch (now 2" in same_run and "checkpointing=true" in same_run
    assert "run.max_length (now 4096)" in new_run and "parts.vision" in new_run


def test_a_reader_that_is_killed_is_said(
    tiny_qwen3vl: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer.tuning.loop import Deaf

    monkeypatch.setattr(Deaf, "__call__", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(UsageError, match="a process that reads rows has ended") as raised:
        tune(recipe_for(tiny_qwen3vl, data, "run.workers=1"), tmp_path / "run", quiet=True)
    assert "run.workers (now 1)" in raised.value.hint and "--resume" in raised.value.hint


def test_a_full_disk_leaves_the_last_checkpoint(
    tiny_qwen3vl: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    recipe = recipe_for(tiny_qwen3vl, data, "run.steps=4")
    watching = threading.Thread(target=terminate_after, args=(out, 2))
    watching.start()
    with pytest.raises(Stopped):
        tune(recipe, out, quiet=True)
    watching.join()
    before = checkpoints_of(out)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # less than the weights
    try:
        with pytest.raises(UsageError, match=r"safetensors: no room left") as raised:
            tune(recipe, out, resume=True, quiet=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "--resume" in raised.value.hint
    assert checkpoints_of(out) == before
    assert not list(out.glob(".*"))
    assert tune(recipe, out, resume=True, quiet=True) == out / "model"


def test_folders_of_other_runs_are_left_alone(
    tiny_qwen3vl: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    tune(recipe_for(tiny_qwen3vl, data, "run.steps=1"), out, quiet=True)
    with pytest.raises(UsageError, match="holds a run already") as raised:
        tune(recipe_for(tiny_qwen3vl, data, "run.steps=1"), out, quiet=True)
    assert "--resume" in raised.value.hint
    with pytest.raises(UsageError, match=r"another recipe: optim\.lr_lora, run\.steps changed"):
        changed = recipe_for(tiny_qwen3vl, data, "run.steps=2", "optim.lr_lora=0.5")
        tune(changed, out, resume=True, quiet=True)
    told = json.loads((out / "recipe.json").read_text(encoding="utf-8"))
    del told["recipe"]["optim"]["muon"], told["recipe"]["data"][0]["split"]  # as before they were
    (out / "recipe.json").write_text(json.dumps(told), encoding="utf-8")
    again = recipe_for(tiny_qwen3vl, data, "run.steps=1", "run.keep=5", "run.log_every=3")
    assert tune(again, out, resume=True, merge=True, quiet=True) == out / "model"
    assert (out / "model" / "model.safetensors").is_file()
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="holds other things"):
        tune(recipe_for(tiny_qwen3vl, data), other, quiet=True)
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("setting", ["run.settle=9", "run.questions=4"])
def test_what_nano_alone_can_do(
    tiny_qwen3vl: Path, data: Path, tmp_path: Path, setting: str
) -> None:
    with pytest.raises(UsageError, match=f"{setting.partition('=')[0]}: chat models"):
        tune(recipe_for(tiny_qwen3vl, data, setting), tmp_path / "run", quiet=True)


def test_nothing_saved_binds_nothing(tiny_qwen3vl: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(UsageError, match=r"fits into run\.max_length"):
        tune(recipe_for(tiny_qwen3vl, data, "run.max_length=20"), out, quiet=True)
    again = recipe_for(tiny_qwen3vl, data, "run.steps=1")
    with pytest.raises(UsageError, match="holds a run already"):
        tune(again, out, quiet=True)
    assert tune(again, out, resume=True, quiet=True) == out / "model"
    told = json.loads((out / "recipe.json").read_text(encoding="utf-8"))
    assert told["recipe"]["run"]["max_length"] == 4096


def test_what_orders_the_rows_stays(tiny_qwen3vl: Path, tmp_path: Path) -> None:
    base = Base("base", tiny_qwen3vl, "abc")
    data = write(tmp_path / "scored", [item(number, [scored()], mos=0.6) for number in range(4)])

    def asked(*settings: str) -> None:
        recipe = recipe_for(tiny_qwen3vl, data, *settings)
        look(out, recipe, base, resume=True)

    paired = ("losses.fidelity=1", "run.batch=4")
    for name, settings in (("plain", ()), ("paired", paired)):
        out = tmp_path / name
        begin(out, recipe_for(tiny_qwen3vl, data, *settings), base)
        (out / "checkpoint-2").mkdir()
        asked(*settings)
    with pytest.raises(UsageError, match=r"another recipe: run\.micro_batch changed"):
        asked(*paired, "run.micro_batch=4")
    out = tmp_path / "plain"
    asked("run.micro_batch=4")
    write(data, [item(number, [scored("bad")], mos=0.1) for number in range(4)])
    with pytest.raises(UsageError, match="another recipe: what is in the data sets changed"):
        asked()


def test_the_best_is_compared_with_its_like(tiny_qwen3vl: Path, data: Path, tmp_path: Path) -> None:
    base = Base("base", tiny_qwen3vl, "abc")
    measured = ("run.eval_every=2", f"run.eval_data={data}")
    begin(tmp_path / "run", recipe_for(tiny_qwen3vl, data, *measured), base)
    (tmp_path / "run" / "checkpoint-2").mkdir()
    other = recipe_for(tiny_qwen3vl, data, *measured, "run.best_by=refer_short.accuracy")
    with pytest.raises(UsageError, match=r"run\.best_by changed"):
        look(tmp_path / "run", other, base, resume=True)
    rarer = recipe_for(tiny_qwen3vl, data, f"run.eval_data={data}", "run.eval_every=3")
    assert look(tmp_path / "run", rarer, base, resume=True) == tmp_path / "run" / "checkpoint-2"


@pytest.mark.parametrize("split", ["train", "test"])
def test_damaged_data_is_found_before_the_first_step(
    split: str, tiny_qwen3vl: Path, data: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(data, tmp_path / "copy")
    file = copy / "data" / f"{split}-00000.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1  # of the same length
    file.write_bytes(content)
    recipe = recipe_for(tiny_qwen3vl, copy, "run.eval_every=1", f"run.eval_data={copy}")
    with pytest.raises(UsageError, match=f"{split}-00000.parquet") as raised:
        check_sums(recipe)
    assert raised.value.code == "bad_data" and "spider data verify" in raised.value.hint
    with pytest.raises(UsageError, match=f"{split}-00000.parquet"):
        tune(recipe, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_tensorboard_is_asked_for_by_name(
    tiny_qwen3vl: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.tuning.arguments.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="the package tensorboard is missing") as raised:
        tune(recipe_for(tiny_qwen3vl, data), tmp_path / "run", tensorboard=True, quiet=True)
    assert "pip install tensorboard" in raised.value.hint
    assert not (tmp_path / "run").exists()


def test_an_adapter_is_no_base(data: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UsageError, match="is an adapter") as raised:
        find_base(recipe_for(tmp_path, data).model, weights=False)
    assert "--merge" in raised.value.hint


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ["run.batch=6", "run.micro_batch=6", "run.steps=1", "model.base=nowhere"],
            "no base model",
        ),
        (
            ["run.eval_every=1", "run.eval_data={data}", "run.best_by=refer_short.acuracy"],
            "best_by",
        ),
        (["model.dtype=float16"], "needs a GPU"),
        (["losses.fidelity=1", "run.micro_batch=1"], "fidelity"),
        (["data.0.split=trian"], "no split"),
        (["run.max_length=12"], "max_length"),
    ],
)
def test_what_is_wrong_is_said_before_the_first_step(
    settings: list[str], message: str, tiny_qwen3vl: Path, data: Path, tmp_path: Path
) -> None:
    given = [one.format(data=data) for one in settings]
    with pytest.raises(UsageError, match=message):
        tune(recipe_for(tiny_qwen3vl, data, *given), tmp_path / "run", quiet=True)


def test_a_model_of_text_alone_is_refused(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "text"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
    with pytest.raises(UsageError, match="no image-text-to-text model") as raised:
        tune(recipe_for(folder, data), tmp_path / "run", quiet=True)
    assert raised.value.code == "not_image_text"
    (folder / "config.json").write_text(
        '{"model_type": "phi3_v", "auto_map": {"AutoModelForCausalLM": "x.Y"}}', encoding="utf-8"
    )
    with pytest.raises(UsageError, match="code of its own") as raised:
        tune(recipe_for(folder, data), tmp_path / "run", quiet=True)
    assert "remote_code=true" in raised.value.hint
