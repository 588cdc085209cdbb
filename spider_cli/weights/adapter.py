"""Adapters in peft's form: a folder of what was tuned, beside the base model that it changes.

`adapter_config.json` names the base; `adapter_model.safetensors` holds LoRA's matrices and, whole,
the modules that were tuned whole. peft is imported only when one is loaded.
"""

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider_cli.errors import UsageError
from spider_cli.weights.cached import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    NotDownloadedError,
    find_cached,
)
from spider_cli.weights.catalogue import reference_to

__all__ = ["CONFIG", "PICKLES", "WEIGHTS", "Adapter", "adapter_in"]

CONFIG, WEIGHTS = ADAPTER_CONFIG, ADAPTER_WEIGHTS
PICKLES = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth")


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter on disk, and its base."""

    folder: Path
    base: Path
    """The base model's folder, on this machine."""

    def applied(self, model: Any) -> Any:
        """The base model with the adapter folded into its weights, as `--merge` would write it.

        Args:
            model: the loaded base; used up.

        Raises:
            UsageError: peft is not installed.
            ValueError: the adapter is of another model.
        """
        try:
            import peft
        except ModuleNotFoundError as error:
            raise UsageError(
                f"{self.folder} is an adapter, and the package peft, which applies it, is missing",
                hint="pip install 'spider-iqa[train]'",
                code="missing_package",
            ) from error
        from safetensors.torch import load_file

        config = peft.LoraConfig.from_pretrained(str(self.folder))
        config.inference_mode = True
        config.init_lora_weights = True  # of no account: all of them are read from the file
        dtype, dtypes = model.dtype, {name: one.dtype for name, one in model.named_parameters()}
        tensors = load_file(self.folder / WEIGHTS)
        with warnings.catch_warnings():
            # peft asks transformers by a name that the newest calls otherwise.
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            adapted = peft.PeftModel(model, config)
            wanted = peft.get_peft_model_state_dict(adapted, save_embedding_layers=False)
            odd = wanted.keys() ^ tensors.keys()
            odd |= {
                one for one in wanted.keys() & tensors if wanted[one].shape != tensors[one].shape
            }
            if odd:
                raise ValueError(f"{WEIGHTS} is of another model than its base: see {min(odd)}")
            peft.set_peft_model_state_dict(adapted, tensors)
            whole = adapted.merge_and_unload()
        for name, one in whole.named_parameters():  # what was tuned whole is kept in float32
            one.data = one.data.to(dtypes.get(name, dtype))
        return whole


def adapter_in(folder: Path) -> Adapter | None:
    """The adapter in a folder; None where it holds none, or a whole model.

    Raises:
        UsageError: the adapter is damaged, is no LoRA, wants code or a pickle to be run, or its
            base is not here.
    """
    if (folder / "config.json").is_file() or not (folder / CONFIG).is_file():
        return None
    config = _config(folder)
    if not (folder / WEIGHTS).is_file():
        pickled = [path.name for path in folder.iterdir() if path.suffix in PICKLES]
        raise _unloadable(
            f"{folder} has no {WEIGHTS}"
            + (f"; {min(pickled)} is a pickle, which is not opened" if pickled else ""),
            "save the adapter as safetensors: model.save_pretrained(DIR) of peft does",
        )
    return Adapter(folder, _base(folder, config))


def _config(folder: Path) -> dict[str, Any]:
    """adapter_config.json, once it is known to be harmless."""
    path = folder / CONFIG
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unloadable(
            f"cannot read {path}: {error}", "restore the file from where it came from"
        ) from error
    if not isinstance(value, dict):
        raise _unloadable(f"{path} is not a JSON object", "")
    mapping = value.get("auto_mapping")
    told = mapping.get("parent_library") if isinstance(mapping, dict) else mapping
    foreign = str(told or "transformers").split(".")[0] not in ("transformers", "peft")
    if foreign or value.get("auto_map") or value.get("megatron_config"):
        raise _unloadable(
            f"{path} asks for Python of its own, which is not run",
            "merge it where you trust it (merge_and_unload of peft), and name the merged model",
        )
    named = [text for text in _texts(value) if text.lower().endswith(PICKLES)]
    if named:
        raise _unloadable(
            f"{path} names {named[0]}, a pickle, which is not opened", "save it as safetensors"
        )
    if value.get("peft_type") != "LORA":
        raise _unloadable(
            f"{path} is an adapter of kind {value.get('peft_type')!r}; LoRA is known",
            "merge it (merge_and_unload of peft), and name the merged model",
        )
    return value


def _base(folder: Path, config: dict[str, Any]) -> Path:
    name, revision = config.get("base_model_name_or_path"), config.get("revision")
    if not isinstance(name, str) or not name:
        raise _unloadable(
            f"{folder / CONFIG} does not say which model it belongs to",
            "write the base model's folder, or OWNER/NAME, as base_model_name_or_path into it",
        )
    given = Path(name).expanduser()
    for place in (given, folder / given):
        if (place / "config.json").is_file():
            return place
        if (place / CONFIG).is_file():
            raise _unloadable(
                f"{folder}: its base {place} is an adapter itself",
                "merge that first (merge_and_unload of peft), and name the merged model",
            )
    wanted = reference_to(name, revision if isinstance(revision, str) else None)
    if wanted is not None:
        try:
            return find_cached(wanted)
        except NotDownloadedError as error:
            raise NotDownloadedError(
                f"{folder} is an adapter of {wanted}, which is not on this machine",
                hint=f"{error.hint}; or write where it is as base_model_name_or_path into "
                f"{folder / CONFIG}",
                wanted=wanted,
                code="base_missing",
            ) from error
    raise UsageError(
        f"{folder} is an adapter of {name}, which is not on this machine",
        hint=f"write where it is as base_model_name_or_path into {folder / CONFIG}",
        code="base_missing",
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _unloadable(message: str, hint: str) -> UsageError:
    return UsageError(message, hint=hint, code="model_unloadable")
