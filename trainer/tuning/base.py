"""The base model of a recipe: found on disk or fetched from the hub, checked, loaded."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_cli.errors import UsageError
from spider_cli.nano import register
from spider_cli.weights.adapter import CONFIG as ADAPTER
from spider_cli.weights.cached import cached, snapshot_of
from spider_cli.weights.card import licence_in, read_card
from spider_cli.weights.catalogue import Reference, reference_to
from spider_cli.weights.download import fetch
from spider_cli.weights.failures import is_offline
from spider_cli.weights.hub import look_up
from spider_cli.weights.loading import explained
from spider_cli.weights.revision import revision_of

if TYPE_CHECKING:
    import torch

    from trainer.tuning.recipe import ModelPart

__all__ = ["NANO", "NEW", "Base", "class_of", "find_base", "licence_of", "load_base", "skeleton"]

NANO = "spider_nano"
"""nano's model type."""
NEW = "new:nano"
"""Base of a recipe whose model starts from nothing."""
_NO_ANSWER = (
    *("no_network", "hub_down", "rate_limited", "offline"),
    *("repository_missing", "gated", "unauthorised", "forbidden"),
)
"""Codes of a hub that cannot be asked, or does not answer this user: what is here will do."""


@dataclass(frozen=True, slots=True)
class Base:
    """A base model on this machine."""

    name: str
    """As the recipe names it: a hub repository, a folder, or `NEW`."""
    folder: Path
    revision: str
    """The hub's commit; of a folder `spider_cli.weights.revision.revision_of`."""
    remote_code: bool = False
    kind: str = ""
    """Its model type."""

    @property
    def local(self) -> bool:
        """True for a folder, False for a hub repository."""
        return self.new or Path(self.name).expanduser().is_dir()

    @property
    def new(self) -> bool:
        """Was it made for the run, of random weights?"""
        return self.name == NEW


def find_base(part: "ModelPart", *, weights: bool = True) -> Base:
    """Find the base model; a hub repository is fetched into the hub's cache where it is not there.

    Args:
        weights: False fetches settings and tokenizer alone.

    Raises:
        UsageError: there is none of that name, it cannot be fetched, or it is no
            image-text-to-text model.
    """
    register()  # nano's classes, so that it loads like any other
    folder = Path(part.base).expanduser()
    if folder.is_dir():
        revision = revision_of(folder) if weights else ""
        return _checked(Base(part.base, folder, revision, part.remote_code))
    wanted = reference_to(part.base, part.revision)
    if wanted is None:
        raise UsageError(
            f"no base model {part.base!r}: it is neither a folder nor a hub repository OWNER/NAME",
            hint="set model.base in the recipe, or --set model.base=DIR",
            code="model_missing",
        )
    fetched = _fetch(wanted, weights=weights, remote_code=part.remote_code)
    return _checked(Base(wanted.repository, fetched, fetched.name, part.remote_code))


def load_base(base: Base, dtype: "torch.dtype") -> Any:
    """The model, on the CPU.

    Raises:
        UsageError: it does not load.
    """
    from spider_cli.chat import load_chat_model

    with explained(base.folder, "an image-text-to-text model"):
        if not base.remote_code:
            return load_chat_model(class_of(base), base.folder, dtype=dtype)
        return load_chat_model(
            class_of(base), base.folder, dtype=dtype, trust_remote_code=base.remote_code
        )


def skeleton(base: Base, dtype: "torch.dtype") -> Any:
    """The model without its weights, on torch's "meta" device: its shapes take no memory.

    Raises:
        UsageError: its configuration does not load.
    """
    import torch
    from transformers import AutoConfig

    with explained(base.folder, "an image-text-to-text model"):
        config = AutoConfig.from_pretrained(
            str(base.folder), local_files_only=True, trust_remote_code=base.remote_code
        )
        with torch.device("meta"):
            return class_of(base).from_config(
                config, dtype=dtype, trust_remote_code=base.remote_code
            )


def licence_of(folder: Path) -> str:
    """The licence that a model's card names in its header; "" where there is none."""
    return licence_in(read_card(folder))


def class_of(base: Base) -> Any:
    """The transformers class that loads it."""
    import transformers

    from spider_cli.chat import chat_class

    config = _config(base.folder)
    if base.remote_code and "AutoModelForCausalLM" in config.get("auto_map", {}):
        return transformers.AutoModelForCausalLM
    return chat_class(config.get("model_type"))


def _checked(base: Base) -> Base:
    """With the model's type.

    Raises:
        UsageError: transformers knows it as no image-text-to-text model.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    from spider_cli.chat import MULTIMODAL

    config = _config(base.folder)
    kind = str(config.get("model_type"))
    if kind in (*MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES, *MULTIMODAL, NANO):
        return replace(base, kind=kind)
    if config.get("auto_map"):
        if base.remote_code:
            return replace(base, kind=kind)
        raise UsageError(
            f"{base.name} brings code of its own, which is not run unasked",
            hint="where you trust it: --set model.remote_code=true",
            code="remote_code",
        )
    raise UsageError(
        f"{base.name} is no image-text-to-text model: its config.json says model_type {kind!r}",
        hint="such as Qwen/Qwen3-VL-2B-Instruct or HuggingFaceTB/SmolVLM-Instruct",
        code="not_image_text",
    )


def _config(folder: Path) -> dict[str, Any]:
    try:
        value = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        if (folder / ADAPTER).is_file():
            raise UsageError(
                f"{folder} is an adapter, and training starts from a whole model",
                hint="end its run with --resume --merge, and name the merged model",
                code="model_missing",
            ) from error
        raise UsageError(
            f"no base model in {folder}: {error}",
            hint="name a folder with config.json and safetensors, or a hub repository OWNER/NAME",
            code="model_missing",
        ) from error
    return value if isinstance(value, dict) else {}


def _fetch(wanted: Reference, *, weights: bool, remote_code: bool) -> Path:
    """As `spider models download` does; what is here needs no network.

    Raises:
        UsageError: it cannot be had.
    """
    here = cached(wanted.repository, wanted.revision)
    if here is None and not weights:
        begun = snapshot_of(wanted.repository, wanted.revision)
        here = begun if begun is not None and (begun / "config.json").is_file() else None
    if here is not None and (is_offline() or wanted.revision == here.name):
        return here
    try:
        plan = look_up(wanted, weights=weights, remote_code=remote_code)
        return fetch(plan, weights=weights)
    except UsageError as error:
        if here is not None and error.code in _NO_ANSWER:
            return here
        raise UsageError(
            f"the base model {wanted} cannot be fetched: {error.message}",
            hint=f"{error.hint}; or give --set model.base=DIR",
            code=error.code,
        ) from error
