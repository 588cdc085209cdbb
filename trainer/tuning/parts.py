"""Which parameters of a model are its visual encoder, its projector, its language model; and making
the parts of a recipe learn.

What learns is kept in float32 and what is frozen in the recipe's dtype, so a step runs under
``torch.autocast`` unless that is float32 too.
"""

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from spider_cli.errors import UsageError
from trainer.tuning.idle import idle_modules

if TYPE_CHECKING:
    from trainer.tuning.recipe import Recipe

__all__ = [
    "PARTS",
    "Count",
    "Part",
    "apply_parts",
    "count_parameters",
    "parameter_groups",
    "split_parameters",
]

Part: TypeAlias = Literal["vision", "projector", "language", "unused"]

PARTS: tuple[Part, ...] = ("vision", "projector", "language", "unused")
"""The parts; "unused" never runs on a photo (an audio encoder, layers behind the one that is read)
and is always frozen."""

_TURNED = "_matrices"
"""How the optimizer's groups end that Muon steps."""
_READ = frozenset({"readout", "levels"})
"""nano's layers that values are read from, with a loss of their own, as words are from the last."""
_NAMES: tuple[tuple[Part, frozenset[str]], ...] = (
    ("unused", frozenset({"audio_embed", "audio_tower", "audio_encoder"})),
    (
        "projector",
        frozenset(
            {
                "merger",  # Qwen-VL: inside the visual encoder
                "deepstack_merger_list",
                "multi_modal_projector",  # InternVL, Llava, Gemma 3, ...
                "connector",  # SmolVLM, Idefics3
            }
        ),
    ),
    (
        "vision",
        frozenset({"visual", "vision_tower", "vision_model", "img_processor", "vision_encoder"}),
    ),
    ("projector", frozenset({"image_embed", "vision_embed_tokens"})),  # Phi: around img_processor
    ("language", frozenset({"language_model", "text_model", "lm_head"})),
)
"""Part and the names of its modules. The first line that has one of a parameter's modules wins."""
_DECODER = re.compile(r"model\.(layers|norm|embed_tokens)\.")
"""Phi has its language model at the top."""
_WRAPPED = re.compile(
    r"\.(?:modules_to_save\.default|original_module|base_layer"
    r"|lora_(?:A|B|embedding_A|embedding_B|magnitude_vector)(?:\.default)?)(?=\.|$)"
)
"""What peft puts into names."""


@dataclass(frozen=True, slots=True)
class Count:
    """Parameters of a part: how many, and how many of them learn."""

    total: int
    trainable: int


def split_parameters(model: Any) -> dict[str, Part]:
    """Name of each parameter -> its part; of a plain model, or one that peft wrapped.

    Raises:
        UsageError: a name of no known part.
    """
    if getattr(model.config, "model_type", "") == "spider_nano":
        return {name: _part_of_nano(name) for name, _ in model.named_parameters()}
    idle = idle_modules(model)
    found: dict[str, Part] = {}
    for name, _ in model.named_parameters():
        plain = _plain(name)
        if any(plain.startswith(f"{one}.") for one in idle):
            found[name] = "unused"
            continue
        modules = set(plain.split("."))
        part = next((part for part, names in _NAMES if names & modules), None)
        if part is None and _DECODER.match(plain):
            part = "language"
        if part is None:
            raise UsageError(
                f"which part of the model {plain!r} belongs to is not known: {type(model).__name__}"
                " has a form of its own",
                hint="Qwen-VL, InternVL, SmolVLM, Idefics, Llava, Gemma 3, Phi-4-multimodal and "
                "their like are known",
                code="unknown_part",
            )
        found[name] = part
    return found


def _part_of_nano(name: str) -> Part:
    """Its encoder's layers after the trunk start from nothing, as the projector does."""
    whole, inner, *_ = _plain(name).split(".")
    if whole == "language_model":
        return "language"
    return "vision" if whole == "vision_encoder" and inner in ("stem", "stages") else "projector"


def apply_parts(model: Any, recipe: "Recipe") -> Any:
    """Make the recipe's parts learn, and freeze the rest.

    Where a part asks for LoRA the model becomes a peft model: its adapter holds the LoRA matrices
    and, whole, the modules of the parts that are "full".

    Returns:
        The model that learns; the same object where nothing asks for LoRA.

    Raises:
        UsageError: a part to tune is empty, LoRA finds no layer, or the combination is impossible.
    """
    split = split_parameters(model)
    modes = {"vision": recipe.parts.vision, "projector": recipe.parts.projector}
    modes["language"] = recipe.parts.language
    for part, mode in modes.items():
        if mode != "frozen" and part not in split.values():
            raise UsageError(
                f"the model has no {part} to tune", hint=f'set parts.{part} = "frozen"'
            )
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    full = {part for part, mode in modes.items() if mode == "full"}
    if "lora" in modes.values():
        lora = [part for part in ("vision", "projector", "language") if modes[part] == "lora"]
        model = _with_lora(model, split, lora=lora, full=full, recipe=recipe)
        split = split_parameters(model)
    idle = idle_modules(model) if "vision" in full else ()
    for name, parameter in model.named_parameters():
        if split[name] in full and ".original_module." not in name:
            parameter.requires_grad_(True)
        elif split[name] == "unused":
            parameter.requires_grad_(False)  # inside a module that peft tunes whole
        # What runs behind layers in float32 must take what they give, though nobody reads it.
        if parameter.requires_grad or any(_plain(name).startswith(f"{one}.") for one in idle):
            parameter.data = parameter.data.float()
    return model


def parameter_groups(model: Any, recipe: "Recipe") -> list[dict[str, Any]]:
    """Groups for the optimizer: each part that learns at its own rate, vectors without decay, and
    with `Optim.muon` the matrices apart.

    Returns:
        Dicts of "params", "lr", "weight_decay", "name" ("language", "vision_vectors", ...) and
        "muon", in an order that depends on the model alone.
    """
    rates = {
        "vision": recipe.optim.lr_vision,
        "projector": recipe.optim.lr_projector,
        "language": recipe.optim.lr_lora,
    }
    split = split_parameters(model)
    groups: dict[str, dict[str, Any]] = {}
    for part, rate in rates.items():
        for suffix, decay in (("", recipe.optim.weight_decay), ("_vectors", 0.0)):
            name = part + suffix
            group = {"lr": rate, "weight_decay": decay, "name": name, "muon": False}
            groups[name] = {"params": [], **group}
    turned = _matrices(model) if recipe.optim.muon else frozenset()
    for part, rate in rates.items() if turned else ():
        rate = rate * recipe.optim.muon
        group = {"lr": rate, "weight_decay": recipe.optim.weight_decay, "muon": True}
        groups[part + _TURNED] = {"params": [], "name": part + _TURNED, **group}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            suffix = "_vectors" if parameter.ndim < 2 else ""
            if id(parameter) in turned:
                suffix = _TURNED
            groups[split[name] + suffix]["params"].append(parameter)
    return [group for group in groups.values() if group["params"]]


def _matrices(model: Any) -> frozenset[int]:
    """The ids of the weights of linear layers, and of convolutions over all channels, without those
    that words or values are read from: lists of vectors, as embeddings are, are no maps to turn."""
    from torch import nn

    output = model.get_output_embeddings()
    return frozenset(
        id(one.weight)
        for name, one in model.named_modules()
        if (
            isinstance(one, nn.Linear)
            or (isinstance(one, nn.Conv2d | nn.Conv3d) and one.groups == 1)
        )
        and one is not output
        and not _READ & set(name.split("."))
    )


def count_parameters(model: Any) -> dict[Part, Count]:
    """Parameters per part, LoRA matrices among them; tied ones once, and copies that peft keeps of
    what it tunes not at all. Works on the "meta" device."""
    split = split_parameters(model)
    totals: dict[Part, list[int]] = {part: [0, 0] for part in PARTS}
    for name, parameter in model.named_parameters():
        if ".original_module." in name:
            continue
        totals[split[name]][0] += parameter.numel()
        totals[split[name]][1] += parameter.numel() if parameter.requires_grad else 0
    return {part: Count(*both) for part, both in totals.items() if both[0]}


def _with_lora(
    model: Any, split: dict[str, Part], *, lora: list[str], full: set[str], recipe: "Recipe"
) -> Any:
    from peft import LoraConfig, get_peft_model

    if "language" in full and _tied(model):
        raise UsageError(
            'language = "full" beside a part with "lora": this model writes with the matrix it '
            "reads with, which an adapter cannot hold",
            hint='set the parts that are "lora" to "full" or "frozen"',
        )
    config = LoraConfig(
        r=recipe.lora.rank,
        lora_alpha=recipe.lora.alpha,  # type: ignore[arg-type]  # a scale: halves are fine
        lora_dropout=recipe.lora.dropout,
        target_modules=_pattern(_targets(model, split, lora, recipe)),
        modules_to_save=_whole_modules(model, split, full) or None,
        bias="none",
    )
    with warnings.catch_warnings():
        # peft asks transformers by a name that the newest calls otherwise.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        return get_peft_model(model, config)


def _targets(model: Any, split: dict[str, Part], lora: list[str], recipe: "Recipe") -> list[str]:
    """Full names of the linear layers that get LoRA matrices."""
    from torch import nn

    named = recipe.lora.targets
    found: dict[str, list[str]] = {part: [] for part in lora}
    output = model.get_output_embeddings()
    for name, module in model.named_modules():
        part = split.get(f"{name}.weight", "unused")
        if part in found and isinstance(module, nn.Linear) and module is not output:
            found[part].append(name)
    for asked, layers in found.items():
        if named != "auto":
            found[asked] = [one for one in layers if one.rpartition(".")[2] in named]
        if not found[asked]:
            tails = sorted({one.rpartition(".")[2] for one in layers})
            raise UsageError(
                f"lora.targets names no linear layer of the {asked}: {', '.join(named)}"
                if layers and named != "auto"
                else f'parts.{asked} = "lora", but it has no linear layers',
                hint=f"it has {', '.join(tails)}" if tails else "set it to full or frozen",
                code="bad_recipe",
            )
    return [name for layers in found.values() for name in layers]


def _pattern(names: Iterable[str]) -> str:
    """A regular expression that full names match; numbers of layers are left open, so that the
    adapter's settings stay readable."""
    open_names = dict.fromkeys(re.sub(r"(?<=\.)\d+(?=\.)", "#", name) for name in names)
    escaped = [re.escape(name).replace(r"\#", r"\d+") for name in open_names]
    return "|".join(escaped)


def _whole_modules(model: Any, split: dict[str, Part], full: set[str]) -> list[str]:
    """The largest modules whose parameters all belong to parts that are full (or never run)."""
    from torch import nn

    lists = (nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)
    chosen: list[str] = []

    def descend(name: str, module: Any) -> None:
        before = f"{name}." if name else ""
        own = {split[one] for one in split if one.startswith(before)}
        if not own & full:
            return
        if name and own <= full | {"unused"} and not isinstance(module, lists):
            chosen.append(name)
            return
        for child, inner in module.named_children():
            descend(before + child, inner)
        if any(
            split.get(before + one) in full for one, _ in module.named_parameters(recurse=False)
        ):
            raise UsageError(
                f"a parameter of {name or 'the model'} can be tuned whole only with all of it",
                hint="set vision and projector alike",
                code="bad_recipe",
            )

    descend("", model)
    return chosen


def _tied(model: Any) -> bool:
    output = model.get_output_embeddings()
    return output is not None and output.weight is model.get_input_embeddings().weight


def _plain(name: str) -> str:
    """A parameter's name as the model had it before peft."""
    return _WRAPPED.sub("", name.removeprefix("base_model.model."))
