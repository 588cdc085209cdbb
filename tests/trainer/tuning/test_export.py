"""What a run hands out loads without any code of ours: the adapter by peft, the whole model by
transformers; both say the same."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from spider_cli.errors import UsageError
from tests.trainer.tuning.small_runs import recipe_for, sixteen_rows
from trainer.tuning.base import Base, find_base, licence_of
from trainer.tuning.export import read_weights, write_weights
from trainer.tuning.materials import gather_materials, load_processor
from trainer.tuning.parts import apply_parts
from trainer.tuning.recipe import Recipe
from trainer.tuning.train import tune

Checkpoint = Callable[[str], Path]
FULL = ("parts.vision=frozen", "parts.projector=full")
"""Of Qwen-VL the projector lies inside the visual encoder."""


pytestmark = pytest.mark.filterwarnings(
    # peft asks for it by its old name, for any model.
    "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sixteen_rows(tmp_path_factory.mktemp("data") / "sixteen")


def logits(model: Any, recipe: Recipe, folder: Path) -> torch.Tensor:
    """On the first rows, prepared by the processor in `folder`."""
    base = Base("there", folder, "")
    materials = gather_materials(recipe, load_processor(base), base)
    batch = materials.batch(materials.rows, [0, 1])
    inputs = {k: v for k, v in batch.items() if k not in ("labels", "targets", "notes")}
    with torch.no_grad():
        found: torch.Tensor = model.eval()(**inputs, use_cache=False).logits
    return found


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("qwen3_vl", ()),
        ("qwen3_vl", FULL),
        ("qwen2_5_vl", ("parts.vision=lora", "parts.projector=frozen")),
        ("smolvlm", ()),
        ("internvl", ()),
    ],
)
def test_adapter_and_whole_model_say_the_same(
    family: str,
    settings: tuple[str, ...],
    tiny_checkpoint: Checkpoint,
    data: Path,
    tmp_path: Path,
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText, AutoTokenizer

    folder = tiny_checkpoint(family)
    recipe = recipe_for(folder, data, "run.steps=2", *settings)
    adapter = tune(recipe, tmp_path / "run", quiet=True)
    assert adapter is not None
    base = AutoModelForImageTextToText.from_pretrained(folder)
    untouched = logits(base, recipe, folder)
    by_adapter = logits(
        PeftModel.from_pretrained(base, str(adapter)), recipe, adapter_base(adapter)
    )
    assert not torch.allclose(untouched, by_adapter, atol=1e-3)

    whole = tune(recipe, tmp_path / "run", resume=True, merge=True, quiet=True)
    assert whole == adapter
    model, found = AutoModelForImageTextToText.from_pretrained(whole, output_loading_info=True)
    assert not any(found[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    by_whole = logits(model, recipe, whole)
    apart = float((by_adapter - by_whole).abs().max())
    print(f"{family}: logits of adapter and merged differ by {apart:.1e} at most")
    assert torch.allclose(by_adapter, by_whole, atol=2e-5)
    assert AutoTokenizer.from_pretrained(whole).chat_template
    assert "adapter_config.json" not in {path.name for path in whole.iterdir()}
    before = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    after = json.loads((whole / "config.json").read_text(encoding="utf-8"))
    assert before.get("use_cache") == after.get("use_cache")


def adapter_base(adapter: Path) -> Path:
    told = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    return Path(told["base_model_name_or_path"])


def test_a_model_without_lora_is_written_whole(
    tiny_qwen3vl: Path, data: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForImageTextToText

    settings = ("parts.language=full", "parts.vision=frozen", "run.steps=4")
    recipe = recipe_for(tiny_qwen3vl, data, *settings)
    whole = tune(recipe, tmp_path / "run", quiet=True)
    assert whole is not None
    now = AutoModelForImageTextToText.from_pretrained(whole).state_dict()
    then = AutoModelForImageTextToText.from_pretrained(tiny_qwen3vl).state_dict()
    same = {name for name in then if torch.equal(now[name], then[name])}
    assert any("language_model" in name for name in set(then) - same)
    # Frozen as it was: all of the visual encoder but its projector.
    assert all("visual" in name for name in same)
    last = AutoModelForImageTextToText.from_pretrained(tmp_path / "run" / "checkpoint-4")
    assert all(torch.equal(now[name], one) for name, one in last.state_dict().items())


def test_weights_come_back_exactly(tiny_smolvlm: Path, data: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText

    recipe = recipe_for(tiny_smolvlm, data)
    base = find_base(recipe.model)

    def fresh(*settings: str) -> Any:
        model = AutoModelForImageTextToText.from_pretrained(tiny_smolvlm)
        return apply_parts(model, recipe_for(tiny_smolvlm, data, *settings))

    one, two = fresh(), fresh()
    with torch.no_grad():
        for parameter in one.parameters():
            if parameter.requires_grad:
                parameter.normal_()
    write_weights(one, tmp_path, base=base)
    read_weights(two, tmp_path)
    state = two.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in one.state_dict().items())
    with pytest.raises(UsageError, match="of another model"):
        read_weights(fresh("lora.rank=4"), tmp_path)
    with pytest.raises(UsageError, match="of another model"):
        read_weights(fresh("parts.vision=frozen"), tmp_path)


def test_nothing_in_a_run_is_pickled(tiny_qwen3vl: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    tune(recipe_for(tiny_qwen3vl, data, "run.steps=2"), out, quiet=True)
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) > 15
    for path in files:
        if path.suffix == ".safetensors":
            load_file(path)
        elif path.suffix in (".json", ".jsonl"):
            for line in [path.read_text(encoding="utf-8")] if path.suffix == ".json" else []:
                json.loads(line)
        else:
            assert path.suffix in (".md", ".jinja", ".txt"), path
            path.read_text(encoding="utf-8")


def test_the_card_says_where_it_comes_from(tiny_qwen3vl: Path, data: Path, tmp_path: Path) -> None:
    import shutil

    base = tmp_path / "base"
    shutil.copytree(tiny_qwen3vl, base)
    (base / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Base\n", encoding="utf-8")
    recipe = recipe_for(base, data, "run.steps=1", "data.0.tasks=['refer_short']")
    folder = tune(recipe, tmp_path / "run", quiet=True)
    assert folder is not None
    card = (folder / "README.md").read_text(encoding="utf-8")
    head = card.split("---")[1]
    assert 'base_model: "base"' in head and 'license: "apache-2.0"' in head
    assert "library_name: peft" in head
    assert "| sixteen | train | 1 | refer_short | 16 |" in card
    assert find_base(recipe.model).revision in card
    assert '"lr_lora": 0.01' in card
    assert str(tmp_path) not in card.split("## Recipe")[0].replace(str(base), "")


def test_licences_are_read_from_the_header_alone(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    assert licence_of(tmp_path) == ""
    card.write_text("license: mit\n", encoding="utf-8")
    assert licence_of(tmp_path) == ""
    card.write_text(
        "---\nlicense: other\nlicense_name: qwen\n---\nlicense: mit\n", encoding="utf-8"
    )
    assert licence_of(tmp_path) == "qwen"


def test_a_base_that_cannot_be_fetched_is_one_error(data: Path) -> None:
    recipe = recipe_for(Path("owner/name"), data, "model.revision=abc")
    with pytest.raises(UsageError, match="owner/name at revision abc cannot be fetched") as raised:
        find_base(recipe.model)
    assert "model.base=DIR" in raised.value.hint
    assert socket.getdefaulttimeout() is None
