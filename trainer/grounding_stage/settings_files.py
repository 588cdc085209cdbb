"""What stage 2 leaves in a model folder: grounding.json, scoring.json; all of them, or none."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from spider_cli.errors import UsageError
from spider_cli.outputs.files import writable, write_together
from spider_cli.weights import BUNDLED, ModelFolder, find_model

__all__ = ["MANIFEST", "check_target", "write_settings"]

MANIFEST = "MANIFEST.json"


def check_target(model: ModelFolder, out: Path | None) -> Path:
    """The folder that will get the files: the model's own, or `out`, which becomes a copy of it.

    Raises:
        UsageError: it is the bundled model's own, it cannot be written, or `out` is there already.
    """
    if out is None:
        if model.path.resolve() == find_model(BUNDLED).path.resolve():
            raise UsageError(
                "the bundled model lies in the installed package, which is not changed in place",
                hint="--out DIR makes a copy of it with its new settings, to be used as "
                "--model DIR",
                code="unwritable",
            )
        if model.path.parent.name == "snapshots":
            raise UsageError(
                f"{model.path} lies in the hub's cache, which is not changed in place",
                hint="--out DIR makes a copy of it with its new settings, to be used as "
                "--model DIR",
                code="unwritable",
            )
        target = model.path
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(
            f"--out {out} is there already, and not empty",
            hint="name a folder that is not; it becomes a copy of the model with its new settings",
            code="exists",
        )
    else:
        target = out
    try:
        writable(target)
    except OSError as error:
        raise UsageError(
            f"cannot write into {target}: {error.strerror or error}",
            hint="--out DIR makes a copy of the model somewhere else" if out is None else "",
            code="unwritable",
        ) from error
    return target


def write_settings(
    model: ModelFolder, target: Path, settings: Mapping[str, Mapping[str, Any]]
) -> list[Path]:
    """Write the settings files; a manifest in the folder follows them.

    Args:
        target: as `check_target` gave it; a copy is made where it is not the model's own.
        settings: file name -> JSON object.

    Returns:
        What was written.

    Raises:
        UsageError: it cannot be written.
    """
    contents = {name: _text(value) for name, value in settings.items()}
    try:
        if target.resolve() != model.path.resolve():
            _copy(model.path, target)
        manifest = target / MANIFEST
        if manifest.is_file():
            contents[MANIFEST] = _text(_listed(manifest, contents))
        fills = {target / name: _writer(data) for name, data in contents.items()}
        write_together(fills, overwrite=True)
    except OSError as error:
        raise UsageError(
            f"cannot write into {target}: {error.strerror or error}",
            hint="make room, or name another place with --out DIR",
            code="unwritable",
        ) from error
    return [target / name for name in settings]


def _copy(source: Path, target: Path) -> None:
    passing = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(passing, ignore_errors=True)
    try:
        shutil.copytree(source, passing)  # what links point to, not the links
        if target.is_dir():
            target.rmdir()  # empty, as was checked
        passing.replace(target)
    finally:
        shutil.rmtree(passing, ignore_errors=True)


def _listed(manifest: Path, contents: Mapping[str, bytes]) -> dict[str, Any]:
    """The manifest with the new sizes and checksums of these files."""
    try:
        value = json.loads(manifest.read_text(encoding="utf-8"))
        files = dict(value["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{manifest} is damaged: {error}",
            hint="remove it, or restore it from where the model came from",
            code="model_unloadable",
        ) from error
    for name, data in contents.items():
        files[name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    return {**value, "files": dict(sorted(files.items()))}


def _text(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _writer(data: bytes) -> Any:
    def fill(stream: BinaryIO) -> None:
        stream.write(data)

    return fill
