"""Processors of chat models: the family's own where it loads, else one composed of parts.

Where a family's processor needs torchvision (it insists on a video processor), its image processor
and its tokenizer are put together here instead.
"""

import itertools
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

__all__ = ["ComposedProcessor", "load_processor"]

Expand = Callable[[Mapping[str, Any], int], str]
"""(what the image processor made, number of the image) -> what stands for that image."""


class ComposedProcessor:
    """Image processor + tokenizer of a family, without its video processor.

    Args:
        image_processor, tokenizer: the parts.
        image_token: what the chat template writes for an image.
        expand: what becomes of it, as the family's own processor would do it.
        options: for each call of the image processor.
        names: outputs of the image processor that the model takes.
        kinds: whether the model wants to know which tokens are images ("mm_token_type_ids").
        rows: whether the image processor gets the images of each text apart from the others'.
    """

    def __init__(
        self,
        image_processor: Any,
        tokenizer: Any,
        image_token: str,
        expand: Expand,
        *,
        names: tuple[str, ...],
        options: Mapping[str, Any] | None = None,
        kinds: bool = False,
        rows: bool = False,
    ) -> None:
        self.image_processor = image_processor
        self.tokenizer = tokenizer
        self.image_token = image_token
        self.expand = expand
        self.names = names
        self.options = dict(options or {})
        self.kinds = kinds
        self.rows = rows

    def apply_chat_template(self, messages: Any, **options: Any) -> str:
        return str(self.tokenizer.apply_chat_template(messages, **options))

    def __call__(
        self,
        *,
        images: Any,
        text: list[str],
        padding: bool,
        return_tensors: str,
        add_special_tokens: bool = True,
    ) -> dict[str, Any]:
        given = images if self.rows else [image for row in images for image in row]
        seen = self.image_processor(images=given, return_tensors=return_tensors, **self.options)
        expanded = []
        number = 0
        for one in text:
            first, *rest = one.split(self.image_token)
            for part in rest:
                first += self.expand(seen, number) + part
                number += 1
            expanded.append(first)
        words = self.tokenizer(
            expanded,
            padding=padding,
            return_tensors=return_tensors,
            add_special_tokens=add_special_tokens,
        )
        out = {name: words[name] for name in ("input_ids", "attention_mask")}
        out |= {name: seen[name] for name in self.names}
        if self.kinds:
            token = self.tokenizer.convert_tokens_to_ids(self.image_token)
            out["mm_token_type_ids"] = (words["input_ids"] == token).long()
        return out


def load_processor(folder: Path, *, remote_code: bool = False) -> Any:
    """The family's own processor where it loads here; else one composed of parts.

    Args:
        folder: of the model.
        remote_code: run a processor that the folder brings as Python.

    Raises:
        ValueError: neither can be had.
    """
    from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer

    options = {"local_files_only": True, "trust_remote_code": remote_code}
    try:
        return AutoProcessor.from_pretrained(str(folder), **options)
    except (ImportError, ValueError, OSError) as error:
        reason = error
    tokenizer = AutoTokenizer.from_pretrained(str(folder), **options)
    _with_template(tokenizer, folder)
    if _read(folder / "config.json").get("model_type") == "phi4_multimodal":
        return _phi(folder, tokenizer)
    try:
        images = AutoImageProcessor.from_pretrained(str(folder), backend="pil", **options)
    except (ImportError, ValueError, OSError) as error:
        raise ValueError(f"its processor cannot be loaded here: {reason}") from error
    for compose in (_qwen, _internvl, _smolvlm):
        made = compose(folder, images, tokenizer)
        if made is not None:
            return made
    raise ValueError(f"its processor cannot be loaded here: {reason}") from reason


def _qwen(folder: Path, images: Any, tokenizer: Any) -> ComposedProcessor | None:
    """Qwen-VL, 2 to 3: a placeholder for each merged patch."""
    token = "<|image_pad|>"
    if not hasattr(images, "merge_size") or token not in tokenizer.get_vocab():
        return None
    expand = partial(_patches, token, int(images.merge_size) ** 2)
    names = ("pixel_values", "image_grid_thw")
    return ComposedProcessor(images, tokenizer, token, expand, names=names, kinds=True)


def _internvl(folder: Path, images: Any, tokenizer: Any) -> ComposedProcessor | None:
    """InternVL: so many placeholders a tile, between two marks."""
    token = getattr(tokenizer, "context_image_token", None)
    if token is None or not hasattr(images, "crop_to_patches"):
        return None
    start, end = tokenizer.start_image_token, tokenizer.end_image_token
    tile = token * _read(folder / "processor_config.json").get("image_seq_length", 256)
    expand = partial(_tiles, start, tile, end)
    return ComposedProcessor(
        images,
        tokenizer,
        token,
        expand,
        names=("pixel_values",),
        options={"crop_to_patches": True},  # the default of the family's processor
    )


def _smolvlm(folder: Path, images: Any, tokenizer: Any) -> ComposedProcessor | None:
    """SmolVLM2: so many placeholders a tile, each tile with its row and column before it."""
    if not type(images).__name__.startswith("SmolVLM"):
        return None
    token = getattr(tokenizer, "image_token", None) or "<image>"
    edge = getattr(tokenizer, "fake_image_token", None) or "<fake_token_around_image>"
    whole = getattr(tokenizer, "global_image_token", None) or "<global-img>"
    tile = token * _read(folder / "processor_config.json").get("image_seq_len", 169)
    return ComposedProcessor(
        images,
        tokenizer,
        token,
        partial(_numbered_tiles, edge, whole, tile),
        names=("pixel_values", "pixel_attention_mask"),
        options={"return_row_col_info": True},
        rows=True,
    )


def _phi(folder: Path, tokenizer: Any) -> ComposedProcessor:
    """Phi-4-multimodal: one placeholder for each token of the photo."""
    from spider_cli.phi_images import PhiImageProcessor

    vision = _read(folder / "config.json").get("vision_config") or {}
    token = tokenizer.convert_ids_to_tokens(vision.get("image_token_id", 200010))
    names = ("image_pixel_values", "image_sizes", "image_attention_mask")
    images = PhiImageProcessor.from_folder(folder)
    return ComposedProcessor(images, tokenizer, token, partial(_counted, token), names=names)


def _counted(token: str, seen: Mapping[str, Any], number: int) -> str:
    return token * int(seen["num_img_tokens"][number])


def _patches(token: str, merge: int, seen: Mapping[str, Any], number: int) -> str:
    return token * (int(seen["image_grid_thw"][number].prod()) // merge)


def _tiles(start: str, tile: str, end: str, seen: Mapping[str, Any], number: int) -> str:
    return f"{start}{tile * int(seen['num_patches'][number])}{end}"


def _numbered_tiles(edge: str, whole: str, tile: str, seen: Mapping[str, Any], number: int) -> str:
    rows, columns = (list(itertools.chain(*seen[name]))[number] for name in ("rows", "cols"))
    small = f"{edge}{whole}{tile}{edge}"
    if not rows:
        return small
    lines = [
        "".join(f"{edge}<row_{row + 1}_col_{column + 1}>{tile}" for column in range(columns))
        for row in range(rows)
    ]
    return "".join(f"{line}\n" for line in lines) + f"\n{small}"


def _with_template(tokenizer: Any, folder: Path) -> None:
    """A chat template that older folders keep for the processor alone."""
    if tokenizer.chat_template is None:
        tokenizer.chat_template = _read(folder / "chat_template.json").get("chat_template")


def _read(file: Path) -> dict[str, Any]:
    """A JSON object; empty where there is none."""
    found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found if isinstance(found, dict) else {}
