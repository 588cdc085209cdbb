"""What a run hands out: the adapter beside its base, or one merged model; and the model's card.

The adapter is peft's form: `adapter_config.json` and `adapter_model.safetensors` with the LoRA
weights and, as "modules to save", the whole of every part that was tuned fully. A model without
LoRA is written whole. Both load without any code of ours.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from spider_cli.errors import UsageError
from trainer.tuning.files import read_tensors, write_tensors

if TYPE_CHECKING:
    from trainer.tuning.base import Base

__all__ = [
    "ADAPTER",
    "export",
    "is_adapted",
    "merged",
    "read_weights",
    "save_settings",
    "write_weights",
]

ADAPTER = "adapter_model.safetensors"
_LORA = re.compile(r"\.(lora_\w+)\.default(?=\.|$)")
_SETTINGS = (
    "preprocessor_config.json",
    "processor_config.json",
    "image_processor_config.json",
    "video_preprocessor_config.json",
    "chat_template.json",
    "chat_template.jinja",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)


def is_adapted(model: Any) -> bool:
    """Is it a peft model, with LoRA somewhere?"""
    from peft import PeftModel

    return isinstance(model, PeftModel)


def write_weights(
    model: Any,
    folder: Path,
    *,
    base: "Base",
    dtype: torch.dtype | None = None,
    state: Mapping[str, Tensor] | None = None,
) -> None:
    """Write what was trained.

    Args:
        model: peft's, or a plain one.
        folder: is there.
        base: the adapter names it.
        dtype: of the tensors written; as they are when None.
        state: name -> tensor instead of the model's own, where they are spread over processes.
    """
    found = dict(model.state_dict() if state is None else state)
    if not is_adapted(model):
        whole = {name: _cast(tensor, dtype).contiguous() for name, tensor in found.items()}
        model.save_pretrained(folder, state_dict=whole)
        return
    write_tensors(folder / ADAPTER, {key: _cast(one, dtype) for key, one in _adapter(found)})
    config = model.peft_config["default"]
    kept = config.base_model_name_or_path, config.revision, config.inference_mode
    config.base_model_name_or_path = str(base.folder.absolute()) if base.local else base.name
    config.revision = None if base.local else base.revision
    config.inference_mode = True
    try:
        config.save_pretrained(str(folder))
    finally:
        config.base_model_name_or_path, config.revision, config.inference_mode = kept


def read_weights(model: Any, folder: Path) -> None:
    """Load what `write_weights` wrote into the same model, in place.

    Raises:
        UsageError: it is of another model, or damaged.
    """
    if not is_adapted(model):
        # What learns is float32 whatever the rest is: nothing may be rounded on the way.
        kinds = {one.dtype for one in model.parameters()}
        dtype = kinds.pop() if len(kinds) == 1 else torch.float32
        fresh = type(model).from_pretrained(folder, dtype=dtype, local_files_only=True)
        model.load_state_dict(fresh.state_dict())
        return
    path = folder / ADAPTER
    tensors = read_tensors(path)
    known = dict(_adapter(model.state_dict()))
    lost = set(known).symmetric_difference(tensors)
    lost |= {name for name in set(known) & set(tensors) if known[name].shape != tensors[name].shape}
    if lost:
        raise UsageError(
            f"{path} is of another model: {min(lost)} is not the same in both",
            hint="go on with the recipe that the run was started with",
            code="other_run",
        )
    with torch.no_grad():
        for name, tensor in known.items():
            tensor.copy_(tensors[name])


def _adapter(state: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """What belongs to the adapter, by the names that peft's files have."""
    for name, tensor in state.items():
        if ".lora_" in name or ".modules_to_save.default." in name:
            yield _LORA.sub(r".\1", name.replace(".modules_to_save.default.", ".")), tensor


def merged(model: Any) -> Any:
    """The plain model with its LoRA folded into the weights; the given one is used up."""
    return model.merge_and_unload() if is_adapted(model) else model


def export(
    model: Any,
    target: Path,
    *,
    base: "Base",
    processor: Any,
    dtype: torch.dtype,
    merge: bool,
    card: str,
    state: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a model's folder, whole or not at all; one that is there is replaced.

    Args:
        dtype: of the weights written.
        merge: fold LoRA into the weights; the model is used up.
        card: README.md.
        state: as in `write_weights`.
    """
    written = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(written, ignore_errors=True)
    written.mkdir(parents=True)
    if merge:
        model = merged(model).to(dtype)
    write_weights(model, written, base=base, dtype=dtype, state=state)
    save_settings(processor, base, written)
    (written / "README.md").write_text(card, encoding="utf-8")
    if target.exists():
        old = target.with_name(f".{target.name}.old.tmp")
        shutil.rmtree(old, ignore_errors=True)
        target.replace(old)
        shutil.rmtree(old, ignore_errors=True)
    written.replace(target)


def save_settings(processor: Any, base: "Base", folder: Path) -> None:
    """Write tokenizer, image processor and chat template, as the base has them.

    The base's own files are copied: what a processor here would write may lack parts that need
    packages which are not installed.
    """
    for name in _SETTINGS:
        if (base.folder / name).is_file():
            shutil.copyfile(base.folder / name, folder / name)
    templates = base.folder / "additional_chat_templates"
    if templates.is_dir():
        shutil.copytree(templates, folder / templates.name, dirs_exist_ok=True)
    if not (folder / "tokenizer_config.json").is_file():
        processor.tokenizer.save_pretrained(folder)


def _cast(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    tensor = tensor.detach()
    return tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor
