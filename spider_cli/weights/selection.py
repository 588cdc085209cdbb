"""Which files of a repository a model needs, and whether spider may take them at all."""

import importlib.util
import json
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from spider_cli.errors import UsageError
from spider_cli.weights.adapter import PICKLES
from spider_cli.weights.cached import ADAPTER_CONFIG, ADAPTER_WEIGHTS, INDEX, WHOLE

__all__ = ["check_kind", "needed_files", "read_json"]

_SETTINGS = (".json", ".jinja", ".txt", ".model")
"""Configurations, tokenizers, chat templates, spider's own settings."""
_CARDS = ("README.md", "LICENSE", "LICENSE.md", "NOTICE")
_FOLDERS = ("segmenter", "additional_chat_templates")
"""Folders that belong to a model: spider's, and the tokenizer's."""
_OTHERS = (".h5", ".msgpack", ".gguf", ".onnx", ".npz")


def needed_files(
    repository: str,
    names: Collection[str],
    index: Mapping[str, Any] | None,
    *,
    weights: bool = True,
    code: bool = False,
) -> list[str]:
    """Of all files of a repository, those that loading it reads: one form of the weights, the
    safetensors.

    Args:
        names: paths of all files.
        index: what `INDEX` says, where the repository has it.
        weights: False leaves them out.
        code: take Python files too.

    Raises:
        UsageError: it holds no weights that spider opens.
    """
    settings = [name for name in names if _is_setting(PurePosixPath(name), code)]
    if not weights:
        return sorted(settings)
    return sorted({*settings, *_weights(repository, names, index)})


def _is_setting(path: PurePosixPath, code: bool) -> bool:
    if path.name == INDEX:
        return False  # taken with the weights that it lists
    if code and path.suffix == ".py":
        return True
    folder = path.parent.as_posix()
    if folder != "." and folder not in _FOLDERS:
        return False
    if path.name.endswith(".index.json"):  # of another form of the weights
        return False
    return path.suffix in _SETTINGS or path.name in _CARDS


def _weights(repository: str, names: Collection[str], index: Mapping[str, Any] | None) -> set[str]:
    beside = {name for name in names if name == f"segmenter/{WHOLE}"}
    if index is not None:
        listed = index.get("weight_map")
        shards = {str(name) for name in listed.values()} if isinstance(listed, dict) else set()
        foreign = sorted(name for name in shards if not name.endswith(".safetensors"))
        if foreign:
            raise _pickled(repository, foreign[0])
        lacking = sorted(shards - set(names))
        if lacking or not shards:
            raise UsageError(
                f"{repository} is incomplete: its {INDEX} names "
                + (f"{lacking[0]}, which it lacks" if lacking else "no file"),
                hint="tell its owners; or try another --revision",
                code="repository_incomplete",
            )
        return {INDEX, *shards, *beside}
    if WHOLE in names:
        return {WHOLE, *beside}
    if ADAPTER_CONFIG in names and "config.json" not in names and ADAPTER_WEIGHTS in names:
        return {ADAPTER_WEIGHTS}
    top = [name for name in names if "/" not in name]
    pickles = sorted(name for name in top if name.endswith(PICKLES))
    if pickles:
        raise _pickled(repository, pickles[0])
    others = sorted(name for name in top if name.endswith((*_OTHERS, ".safetensors")))
    held = f"; it has {others[0]}" if others else ""
    raise UsageError(
        f"{repository} has no {WHOLE}{held}",
        hint="name a repository of an image-text-to-text model of transformers, or of a segmenter",
        code="no_weights",
    )


def _pickled(repository: str, name: str) -> UsageError:
    return UsageError(
        f"{repository} has its weights as pickles alone ({name}), and a pickle can run any program "
        "when it is opened",
        hint="ask its owners for safetensors, or look for a revision or a copy that has them",
        code="pickle_only",
    )


def check_kind(
    repository: str, settings: Mapping[str, Mapping[str, Any]], *, remote_code: bool
) -> None:
    """See from a repository's settings, before gigabytes are fetched, that spider can use a model.

    Args:
        settings: what config.json and adapter_config.json say, by their names, where it has them.
        remote_code: does the user want a model that brings Python of its own?

    Raises:
        UsageError: it brings code, knows nothing of images, or has neither file.
    """
    config = settings.get("config.json")
    if config is None:
        if ADAPTER_CONFIG in settings:
            return
        raise UsageError(
            f"{repository} has neither config.json nor {ADAPTER_CONFIG}",
            hint="name a repository of an image-text-to-text model of transformers, or of a "
            "segmenter",
            code="not_image_text",
        )
    kind = str(config.get("model_type"))
    if config.get("auto_map") and not _known(kind):
        if not remote_code:
            raise UsageError(
                f"{repository} brings Python of its own ({kind}), which spider does not run",
                hint="look for its form that transformers knows; to train from it where you trust "
                "it: --remote-code, then model.remote_code=true in the recipe",
                code="remote_code",
            )
        return
    sees = ("vision", "visual", "image", "img", "patch")
    if not kind.startswith("spider_") and not any(word in key for key in config for word in sees):
        raise UsageError(
            f"{repository} is a model of text alone: its config.json says model_type {kind!r}",
            hint="name an image-text-to-text model, such as Qwen/Qwen3-VL-2B-Instruct",
            code="not_image_text",
        )


def _known(kind: str) -> bool:
    """Does transformers have code for a model type? Told by its folders: importing its tables
    brings torch."""
    if not kind.replace("-", "_").replace("_", "").isalnum():
        return False
    spec = importlib.util.find_spec("transformers")
    if spec is None or spec.origin is None:
        return False
    return (Path(spec.origin).parent / "models" / kind.replace("-", "_")).is_dir()


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object; empty where the file holds none."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
