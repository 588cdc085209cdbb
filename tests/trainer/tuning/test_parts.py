"""Parts of a model, on tiny random checkpoints of every recipe's architecture: what is what, what
learns, at which rate, and that an adapter holds all of it."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from spider_cli.errors import UsageError
from trainer.tuning.parts import (
    Count,
    apply_parts,
    count_parameters,
    parameter_groups,
    split_parameters,
)
from trainer.tuning.recipe import Lora, Parts, Recipe, load_recipe

RECIPES = {
    "qwen3-vl-8b": "qwen3_vl",
    "qwen3-vl-2b": "qwen3_vl",
    "qwen2.5-vl-7b": "qwen2_5_vl",
    "smolvlm": "smolvlm",
    "internvl": "internvl",
    "phi": "phi",
}
"""Shipped recipe -> architecture."""
FAMILIES = ("qwen3_vl", "qwen2_5_vl", "smolvlm", "internvl", "phi")

Load = Callable[..., Any]


@pytest.fixture
def load(tiny_checkpoint: Callable[[str], Path]) -> Load:
    def loaded(family: str, dtype: torch.dtype = torch.float32, **changes: Any) -> Any:
        from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

        kind = AutoModelForCausalLM if family == "phi" else AutoModelForImageTextToText
        return kind.from_pretrained(tiny_checkpoint(family), dtype=dtype, **changes).eval()

    return loaded


def recipe(vision: Any = "full", projector: Any = "full", language: Any = "lora") -> Recipe:
    made = load_recipe("smolvlm")
    parts = Parts(vision=vision, projector=projector, language=language)
    return replace(made, parts=parts, lora=Lora(rank=4, alpha=8, dropout=0.0))


def inputs(family: str) -> dict[str, torch.Tensor]:
    """A photo of noise, a question and an answer, as the family's processor would give them."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        made: dict[str, torch.Tensor] = {}
        count, token = {
            "qwen3_vl": (4, 6),
            "qwen2_5_vl": (4, 6),
            "smolvlm": (20, 4),
            "internvl": (4, 5),
            "phi": (13, 5),
        }[family]
        if family.startswith("qwen"):
            values = 3 * 2 * (16 if family == "qwen3_vl" else 14) ** 2
            made["pixel_values"] = torch.randn(16, values)
            made["image_grid_thw"] = torch.tensor([[1, 4, 4]])
        elif family == "smolvlm":
            made["pixel_values"] = torch.randn(1, 5, 3, 56, 56)
        elif family == "internvl":
            made["pixel_values"] = torch.randn(1, 3, 56, 56)
        else:
            made["image_pixel_values"] = torch.randn(1, 2, 3, 56, 56)
            made["image_sizes"] = torch.tensor([[56, 56]])
            made["image_attention_mask"] = torch.ones(1, 2, 4, 4)
    ids = [100, *[token] * count, *range(101, 120)]
    made["input_ids"] = torch.tensor([ids])
    made["attention_mask"] = torch.ones_like(made["input_ids"])
    if family.startswith("qwen"):
        made["mm_token_type_ids"] = (made["input_ids"] == token).long()
    return made


def logits(model: Any, family: str) -> torch.Tensor:
    with torch.inference_mode():
        return model(**inputs(family)).logits


def learn(model: Any, made: Recipe, family: str, steps: int = 2) -> None:
    """A few large steps, so that every tensor that learns moves."""
    for group in (groups := parameter_groups(model, made)):
        group["lr"] = 0.01
    optimizer = torch.optim.AdamW(groups)
    given = inputs(family)
    for _ in range(steps):
        model(**given, labels=given["input_ids"]).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


# --- which is which -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "vision", "projector", "language"),
    [
        ("qwen3_vl", "model.visual", "merger", "model.language_model"),
        ("qwen2_5_vl", "model.visual", "merger", "model.language_model"),
        ("smolvlm", "model.vision_model", "model.connector", "model.text_model"),
        (
            "internvl",
            "model.vision_tower",
            "model.multi_modal_projector",
            "model.language_model",
        ),
        ("phi", "img_processor", "image_embed", "model.layers"),
    ],
)
def test_split(load: Load, family: str, vision: str, projector: str, language: str) -> None:
    split = split_parameters(load(family))
    by_part: dict[str, list[str]] = {}
    for name, part in split.items():
        by_part.setdefault(part, []).append(name)
    assert all(vision in one for one in by_part["vision"])
    assert all(projector in one for one in by_part["projector"])
    top = ("lm_head.", "model.embed_tokens.", "model.norm.")
    assert all(language in one or one.startswith(top) for one in by_part["language"])
    assert not any("merger" in one for one in by_part["vision"])
    assert "lm_head.weight" in by_part["language"]
    # Nothing of the three is missing where the family has it.
    assert not any(vision in one for one in by_part["language"])
    assert len(by_part["vision"]) > 15
    assert ("unused" in by_part) == (family == "phi")


def test_what_never_runs_is_unused(load: Load) -> None:
    """Phi hears too, and reads its last visual layer but one."""
    split = split_parameters(load("phi"))
    unused = {name for name, part in split.items() if part == "unused"}
    encoder = "model.embed_tokens_extend.image_embed.img_processor."
    assert any("audio_embed" in one for one in unused)
    assert f"{encoder}encoder.layers.2.mlp.fc1.weight" in unused
    assert f"{encoder}post_layernorm.weight" in unused
    assert f"{encoder}encoder.layers.1.mlp.fc1.weight" not in unused


def test_an_unknown_form() -> None:
    model: Any = torch.nn.ModuleDict({"oracle": torch.nn.Linear(2, 2)})
    model.config = SimpleNamespace()
    with pytest.raises(UsageError, match=r"'oracle\.weight' belongs to is not known"):
        split_parameters(model)


# --- the recipes --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "family"), RECIPES.items())
def test_a_shipped_recipe_on_its_architecture(load: Load, name: str, family: str) -> None:
    """What learns is exactly the paper's, and every bit of it gets a gradient."""
    made = load_recipe(name)
    bare = load(family)
    before = split_parameters(bare)
    model = apply_parts(bare, made)
    split = split_parameters(model)
    for key, parameter in model.named_parameters():
        plain = ".original_module." not in key
        whole = split[key] in ("vision", "projector") and plain
        assert parameter.requires_grad == (whole or ".lora_" in key), key
        assert ".lora_" not in key or split[key] == "language"
    # Every linear layer of the language model, but the one that writes.
    layers = {one.rpartition(".")[0] for one, part in before.items() if part == "language"}
    linear = {
        one
        for one in layers
        if one != "lm_head" and type(load(family).get_submodule(one)) is torch.nn.Linear
    }
    lora = {
        key.removeprefix("base_model.model.").partition(".lora_")[0]
        for key, _ in model.named_parameters()
        if ".lora_" in key
    }
    assert lora == linear
    given = inputs(family)
    model.train()
    model(**given, labels=given["input_ids"]).loss.backward()
    for key, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, key
        assert parameter.grad is None or bool(parameter.grad.isfinite().all())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "modes",
    [
        ("frozen", "frozen", "lora"),
        ("full", "frozen", "lora"),
        ("lora", "lora", "lora"),
        ("full", "full", "frozen"),
        ("full", "full", "full"),
        ("lora", "frozen", "full"),
    ],
)
def test_every_part_in_every_way(load: Load, family: str, modes: tuple[str, ...]) -> None:
    made = recipe(*modes)
    model = apply_parts(load(family), made)
    assert hasattr(model, "peft_config") == ("lora" in modes)
    learn(model, made, family, steps=1)  # nothing that learns is out of reach
    for part, mode in zip(("vision", "projector", "language"), modes, strict=True):
        count = count_parameters(model)[part]  # type: ignore[index]  # one of the parts
        if mode == "frozen":
            assert count.trainable == 0
        elif mode == "full":
            assert count.trainable == count.total
        else:
            assert 0 < count.trainable < count.total


def test_projector_alone(load: Load) -> None:
    """Qwen-VL's lies inside its visual encoder, in a list of its own too."""
    model = apply_parts(load("qwen3_vl"), recipe("frozen", "full", "lora"))
    counts = count_parameters(model)
    assert counts["vision"].trainable == 0
    assert counts["projector"].trainable == counts["projector"].total
    saved = model.peft_config["default"].modules_to_save
    assert saved == ["model.visual.merger", "model.visual.deepstack_merger_list.0"]


def test_what_cannot_be(load: Load) -> None:
    with pytest.raises(UsageError, match="can be tuned whole only with all of it"):
        apply_parts(load("phi"), recipe("frozen", "full", "lora"))
    tied = load("qwen3_vl")
    tied.lm_head.weight = tied.model.language_model.embed_tokens.weight
    with pytest.raises(UsageError, match="the matrix it reads with"):
        apply_parts(tied, recipe("lora", "frozen", "full"))
    named = replace(recipe(), lora=Lora(targets=("q_porj",)))
    with pytest.raises(UsageError, match="names no linear layer of the language: q_porj") as caught:
        apply_parts(load("smolvlm"), named)
    assert "q_proj" in caught.value.hint
    with pytest.raises(UsageError, match=r'parts\.projector = "lora", but it has no linear'):
        model = load("internvl")
        model.model.multi_modal_projector = torch.nn.LayerNorm(4)
        apply_parts(model, recipe("full", "lora", "lora"))


def test_named_targets_stay_in_their_part(load: Load) -> None:
    """SmolVLM's visual encoder has a q_proj of its own."""
    made = replace(recipe(), lora=Lora(targets=("q_proj", "v_proj")))
    model = apply_parts(load("smolvlm"), made)
    keys = [key for key, _ in model.named_parameters() if ".lora_A." in key]
    assert len(keys) == 4
    assert all(".text_model." in key for key in keys)


# --- rates --------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_groups(load: Load, family: str) -> None:
    base = recipe()
    made = replace(base, optim=replace(base.optim, weight_decay=0.1))
    model = apply_parts(load(family), made)
    split = split_parameters(model)
    groups = parameter_groups(model, made)
    rates = {"vision": 2e-6, "projector": 1e-5, "language": 1e-4}
    named = {id(parameter): name for name, parameter in model.named_parameters()}
    seen = []
    for group in groups:
        for parameter in group["params"]:
            name = named[id(parameter)]
            seen.append(name)
            assert group["lr"] == rates[split[name]]
            assert group["weight_decay"] == (0.1 if parameter.ndim > 1 else 0.0)
            assert group["name"].startswith(split[name])
    assert sorted(seen) == sorted(n for n, p in model.named_parameters() if p.requires_grad)
    assert len({group["name"] for group in groups}) == len(groups)


@pytest.mark.parametrize("family", FAMILIES)
def test_matrices_that_muon_turns(load: Load, family: str) -> None:
    base = recipe(language="full")
    made = replace(base, optim=replace(base.optim, muon=8.0))
    model = apply_parts(load(family), made)
    groups = parameter_groups(model, made)
    named = {id(parameter): name for name, parameter in model.named_parameters()}
    split = split_parameters(model)
    rates = {"vision": 1.6e-5, "projector": 8e-5, "language": 8e-4}
    turned = [group for group in groups if group["muon"]]
    assert [group["name"] for group in turned] == [f"{part}_matrices" for part in rates]
    for group in turned:
        for parameter in group["params"]:
            name = named[id(parameter)]
            assert group["lr"] == pytest.approx(rates[split[name]])
            assert parameter.ndim in (4, 5) if "patch_embed" in name else parameter.ndim == 2
            assert not name.endswith(("embed_tokens.weight", "lm_head.weight"))
    found = [named[id(parameter)] for group in turned for parameter in group["params"]]
    assert any(".q_proj." in name or ".qkv_proj." in name for name in found)
    assert any("patch_embed" in name for name in found)
    every = [named[id(parameter)] for group in groups for parameter in group["params"]]
    assert sorted(every) == sorted(n for n, p in model.named_parameters() if p.requires_grad)


# --- counts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_counts(load: Load, family: str) -> None:
    bare = load(family)
    total = sum(parameter.numel() for parameter in bare.parameters())
    plain = count_parameters(bare)
    assert sum(count.total for count in plain.values()) == total
    model = apply_parts(load(family), recipe())
    counts = count_parameters(model)
    lora = sum(p.numel() for name, p in model.named_parameters() if ".lora_" in name)
    assert sum(count.total for count in counts.values()) == total + lora
    assert counts["vision"] == Count(plain["vision"].total, plain["vision"].total)
    assert counts["language"].trainable == lora
    learning = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert sum(count.trainable for count in counts.values()) == learning


# --- what an adapter holds ----------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_adapter_and_merged_give_the_same_logits(load: Load, family: str, tmp_path: Path) -> None:
    """All that learned is in the adapter: encoder and projector whole, beside the LoRA matrices."""
    from peft import PeftModel

    torch.manual_seed(0)
    made = recipe()
    model = apply_parts(load(family), made)
    untouched = logits(load(family), family)
    torch.testing.assert_close(logits(model, family), untouched)  # until it learns
    learn(model, made, family)
    learned = logits(model, family)
    assert float((learned - untouched).abs().max()) > 0.01
    model.save_pretrained(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        again = PeftModel.from_pretrained(load(family), str(tmp_path)).eval()
    torch.testing.assert_close(logits(again, family), learned)
    merged = again.merge_and_unload()
    assert type(merged) is type(load(family))
    assert {name for name, _ in merged.named_parameters()} == {
        name for name, _ in load(family).named_parameters()
    }
    torch.testing.assert_close(logits(merged, family), learned, atol=1e-4, rtol=1e-4)


# --- precision and memory -----------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_what_learns_is_kept_in_float32(load: Load, family: str) -> None:
    """Small steps vanish in bfloat16; a step under autocast works all the same."""
    model = apply_parts(load(family, torch.bfloat16), recipe())
    split = split_parameters(model)
    for name, parameter in model.named_parameters():
        if split[name] != "unused":
            expected = torch.float32 if parameter.requires_grad else torch.bfloat16
            assert parameter.dtype == expected, name
    given = inputs(family)
    model.train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(**given, labels=given["input_ids"]).loss
    loss.backward()
    assert bool(loss.isfinite())
    for parameter in model.parameters():
        assert parameter.grad is None or parameter.grad.dtype == torch.float32


@pytest.mark.parametrize("family", FAMILIES)
def test_checkpointing_changes_no_gradient(load: Load, family: str) -> None:
    found = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        model = apply_parts(load(family), recipe()).train()
        if checkpointing:
            with warnings.catch_warnings():  # the newest transformers has another name for it
                warnings.simplefilter("ignore", FutureWarning)
                model.gradient_checkpointing_enable({"use_reentrant": False})
        given = inputs(family)
        model(**given, labels=given["input_ids"], use_cache=False).loss.backward()
        found.append([p.grad for p in model.parameters() if p.requires_grad])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)
