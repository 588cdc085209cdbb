"""A folder of stage 1, adapter or whole, is a model wherever one is named; what is wrong with it is
said in a line."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from spider_cli.errors import UsageError
from spider_cli.lmm import Ask, load_language_model
from spider_cli.weights import find_model
from spider_cli.weights.quantizing import Quantize
from spider_cli.weights.revision import revision_of
from tests.trainer.tuning.small_runs import recipe_for
from trainer.tuning.base import find_base, load_base
from trainer.tuning.export import export
from trainer.tuning.materials import load_processor
from trainer.tuning.parts import apply_parts

Checkpoint = Callable[[str], Path]
Folders = tuple[Path, Path, Path]

pytestmark = pytest.mark.filterwarnings(
    # peft asks for it by its old name, for any model.
    "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"
)


def exported(checkpoint: Path, folder: Path) -> Folders:
    """A base, an adapter of it whose every weight is drawn anew, and the two merged."""
    base_folder = shutil.copytree(checkpoint, folder / "base")
    recipe = recipe_for(base_folder, folder / "data")
    base = find_base(recipe.model)
    processor = load_processor(base)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = apply_parts(load_base(base, torch.float32), recipe)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.add_(torch.randn_like(parameter) * 0.05)
    kept: dict[str, Any] = {"base": base, "processor": processor, "dtype": torch.float32}
    export(model, folder / "adapter", merge=False, card="", **kept)
    export(model, folder / "merged", merge=True, card="", **kept)
    return base_folder, folder / "adapter", folder / "merged"


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny matrices: more threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=["qwen3_vl", "smolvlm"])
def folders(
    request: pytest.FixtureRequest,
    tiny_checkpoint: Checkpoint,
    tmp_path_factory: pytest.TempPathFactory,
) -> Folders:
    return exported(tiny_checkpoint(request.param), tmp_path_factory.mktemp(request.param))


@pytest.fixture
def copies(folders: Folders, tmp_path: Path) -> tuple[Path, Path]:
    """Base and adapter, to spoil."""
    base = shutil.copytree(folders[0], tmp_path / "base")
    adapter = shutil.copytree(folders[1], tmp_path / "adapter")
    amend(adapter, base_model_name_or_path=str(base))
    return base, adapter


def amend(adapter: Path, **values: Any) -> None:
    path = adapter / "adapter_config.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(told | values), encoding="utf-8")


def answers(folder: Path, **more: Any) -> list[Any]:
    model = load_language_model(folder, device="cpu", dtype=torch.float32, **more)
    photos = np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3), dtype=np.uint8)
    asks = [Ask(look, "Describe the quality of this image.") for look in model.look(list(photos))]
    return model.ask(asks)


def test_an_adapter_answers_as_the_merged_model(folders: Folders) -> None:
    base, adapter, merged = folders
    by_adapter, by_merged, untouched = answers(adapter), answers(merged), answers(base)
    for one, two, before in zip(by_adapter, by_merged, untouched, strict=True):
        assert one.token_ids == two.token_ids and len(one.token_ids) > 3
        assert one.text == two.text
        assert np.allclose(one.logits, two.logits, atol=1e-5)
        assert one.token_ids != before.token_ids


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_an_adapter_is_folded_in_before_layers_are_quantized(
    folders: Folders, kind: Quantize
) -> None:
    base, adapter, merged = folders
    shrunk = answers(adapter, quantize=kind)
    for one, two in zip(shrunk, answers(merged, quantize=kind), strict=True):
        assert one.token_ids == two.token_ids
        assert np.allclose(one.logits, two.logits, atol=1e-4)
    assert not np.allclose(shrunk[0].logits[0], answers(adapter)[0].logits[0], atol=1e-4)
    assert not np.allclose(
        shrunk[0].logits[0], answers(base, quantize=kind)[0].logits[0], atol=1e-2
    )


def test_an_adapter_over_several_devices(folders: Folders) -> None:
    _, adapter, _ = folders
    for one, two in zip(answers(adapter), answers(adapter, device_map={"": "cpu"}), strict=True):
        assert np.array_equal(one.logits, two.logits)


def test_half_precision_answers_as_the_merged_model(folders: Folders) -> None:
    """What is kept in float32 beside the weights, such as angles of positions, stays so."""
    _, adapter, merged = folders
    models = [
        load_language_model(folder, device="cpu", dtype=torch.bfloat16).model
        for folder in (adapter, merged)
    ]
    buffers = [{name: one.dtype for name, one in model.named_buffers()} for model in models]
    assert buffers[0] == buffers[1]
    assert any(dtype == torch.float32 for dtype in buffers[0].values())


def test_phi_answers_without_torchvision(tiny_phi: Path, tmp_path: Path) -> None:
    """Photos of unlike shapes in one batch, as one by one; as an adapter and merged."""
    _, adapter, merged = exported(tiny_phi, tmp_path)
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((48, 64), (90, 50))]
    told = []
    for folder in (adapter, merged):
        model = load_language_model(folder, device="cpu", dtype=torch.float32)
        asks = [Ask(look, "Describe the quality of this image.") for look in model.look(photos)]
        together = model.ask(asks)
        alone = [model.ask([one])[0] for one in asks]
        assert [one.token_ids for one in together] == [one.token_ids for one in alone]
        told.append([one.token_ids for one in together])
    assert told[0] == told[1] and all(len(one) > 3 for one in told[0])


def test_what_the_model_is_its_base_says(folders: Folders) -> None:
    base, adapter, _ = folders
    found = find_model(str(adapter))
    assert found.path == adapter and found.base == base
    assert found.trained() and found.understands_names()


def test_settings_lie_beside_the_adapter(copies: tuple[Path, Path]) -> None:
    base, adapter = copies
    (base / "scoring.json").write_text('{"temperature": 9.0}', encoding="utf-8")
    (adapter / "scoring.json").write_text('{"temperature": 2.0}', encoding="utf-8")
    (adapter / "grounding.json").write_text('{"temperature": 0.5}', encoding="utf-8")
    model = find_model(str(adapter))
    assert model.score_temperature() == 2.0
    assert model.plan().temperature == 0.5


def test_the_revision_is_of_adapter_and_base(copies: tuple[Path, Path]) -> None:
    base, adapter = copies
    first = revision_of(adapter)
    assert first == revision_of(adapter) != revision_of(base)
    for folder, file in ((adapter, "adapter_model.safetensors"), (base, "model.safetensors")):
        before = revision_of(adapter)
        tensors = load_file(folder / file)
        name = min(tensors)
        save_file(tensors | {name: tensors[name] + 1}, folder / file, metadata={"format": "pt"})
        assert revision_of(adapter) != before


def test_commands_take_an_adapter(folders: Folders, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.effect_noise((64, 48), 80).convert("RGB").save(photo)
    from typer.testing import CliRunner

    from spider_cli.app import app

    for command in (["describe"], ["score"], ["refer", "--box", "0,0,30,30"], ["ground", "--most"]):
        options = ["--model", str(folders[1]), "--json", "--device", "cpu"]
        done = CliRunner().invoke(app, [command[0], str(photo), *command[1:], *options])
        assert done.exit_code in (0, 1), done.output
        record = json.loads(done.stdout)
        assert record["command"] == command[0] and "error" not in record
        assert record["revision"] == revision_of(folders[1])


def test_a_whole_model_needs_no_peft(folders: Folders) -> None:
    code = (
        "import sys; sys.modules['peft'] = sys.modules['torchao'] = None\n"  # as the program does
        "import torch; from pathlib import Path\n"
        "from spider_cli.lmm import load_language_model\n"
        "from spider_cli.errors import UsageError\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n"
        "        load_language_model(Path(name), device='cpu', dtype=torch.float32)\n"
        "        print('loaded')\n"
        "    except UsageError as error:\n"
        "        print(f'{error.message} | {error.hint}')\n"
    )
    _, adapter, merged = folders
    done = subprocess.run(
        [sys.executable, "-c", code, str(merged), str(adapter)],
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = done.stdout.splitlines()
    assert first == "loaded"
    assert "the package peft, which applies it, is missing" in second
    assert "pip install 'spider-iqa[train]'" in second


def test_peft_is_imported_for_adapters_alone() -> None:
    code = "import sys, spider_cli.lmm, spider_cli.weights.revision; print('peft' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_base_of_the_hub_is_looked_for_in_its_cache(
    copies: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, adapter = copies
    commit = "0123456789abcdef0123456789abcdef01234567"
    amend(adapter, base_model_name_or_path="owner/name", revision=commit)
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    with pytest.raises(UsageError, match=f"owner/name at revision {commit}") as raised:
        find_model(str(adapter))
    assert f"spider models download owner/name --revision {commit}" in raised.value.hint
    snapshot = cache / "models--owner--name" / "snapshots" / commit
    snapshot.parent.mkdir(parents=True)
    base.replace(snapshot)
    found = find_model(str(adapter))
    assert found.base == snapshot
    assert len(found.revision()) == 12


def test_a_base_beside_its_adapter_is_found(copies: tuple[Path, Path]) -> None:
    base, adapter = copies
    amend(adapter, base_model_name_or_path="../base")
    assert find_model(str(adapter)).base.resolve() == base


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"base_model_name_or_path": "/nowhere/base"}, "not on this machine"),
        ({"base_model_name_or_path": None}, "does not say which model"),
        ({"peft_type": "IA3"}, "of kind 'IA3'"),
        ({"auto_map": {"AutoModel": "x.Y"}}, "Python of its own"),
        ({"auto_mapping": {"parent_library": "transformers_modules.x"}}, "Python of its own"),
        ({"megatron_config": {"a": 1}, "megatron_core": "os"}, "Python of its own"),
        ({"corda_config": {"cache_file": "x.pt"}}, "a pickle"),
    ],
)
def test_what_cannot_be_loaded_is_said(
    values: dict[str, Any], message: str, copies: tuple[Path, Path]
) -> None:
    amend(copies[1], **values)
    with pytest.raises(UsageError, match=message) as raised:
        find_model(str(copies[1]))
    assert raised.value.hint


def test_a_pickle_is_not_opened(copies: tuple[Path, Path]) -> None:
    _, adapter = copies
    (adapter / "adapter_model.safetensors").unlink()
    (adapter / "adapter_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(UsageError, match=r"adapter_model\.bin is a pickle"):
        load_language_model(adapter, device="cpu", dtype=torch.float32)


def test_an_adapter_of_another_model_is_refused(copies: tuple[Path, Path]) -> None:
    _, adapter = copies
    path = adapter / "adapter_model.safetensors"
    tensors = load_file(path)
    del tensors[max(tensors)]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(UsageError, match="of another model than its base") as raised:
        load_language_model(adapter, device="cpu", dtype=torch.float32)
    assert "made for" in raised.value.hint


def test_a_run_is_not_its_model(copies: tuple[Path, Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    copies[1].replace(run / "model")
    with pytest.raises(UsageError, match="no model") as raised:
        find_model(str(run))
    assert f"--model {run / 'model'}" in raised.value.hint
