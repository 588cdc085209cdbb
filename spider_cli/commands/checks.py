"""What `spider doctor` looks at, one function a question; none of them changes anything."""

import contextlib
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import spider_cli
from spider_cli.errors import SpiderError
from spider_cli.extras import EXTRAS, installing

__all__ = ["Finding", "findings"]

Status: TypeAlias = Literal["ok", "warning", "problem"]

NEEDED = (
    *("torch", "transformers", "tokenizers", "safetensors", "huggingface_hub"),
    *("numpy", "pillow", "pycocotools", "platformdirs", "typer", "rich"),
)
_HERE = Path(spider_cli.__file__).parent
OPTIONAL = ("torchvision", "accelerate", "peft", "torchao")


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question."""

    name: str
    status: Status
    detail: str
    hint: str = ""

    def to_json(self) -> dict[str, str]:
        return {
            "name": self.name,
            "status": self.status,
            "detail": self.detail,
            "hint": self.hint,
        }


def findings() -> Iterator[Finding]:
    """All answers, each as soon as it is known; the quick ones first."""
    yield Finding("spider", "ok", f"{spider_cli.__version__}, in {_HERE}")
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.platform()}")
    yield from installed()
    yield from formats()
    yield torchvision()
    yield trainer()
    yield cache()
    yield from settings()
    yield bundled_model()
    yield device()


def installed() -> Iterator[Finding]:
    """The versions of what spider stands on."""
    for name in NEEDED:
        version = _version(name)
        if version is None:
            yield Finding(name, "problem", "not installed", "pip install spider-iqa")
        else:
            yield Finding(name, "ok", version)
    for name in OPTIONAL:
        if (version := _version(name)) is not None:
            yield Finding(name, "ok", f"{version} (optional)")


def formats() -> Iterator[Finding]:
    """Which photos spider reads by packages that it can do without."""
    for extra in EXTRAS:
        name, version = f"{extra.photos} photos", _version(extra.package)
        if not extra.installed:
            yield Finding(name, "ok", f"not read; for them: {installing([extra])}")
            continue
        try:
            importlib.import_module(extra.module)
        except Exception as error:  # a broken one raises whatever it likes
            detail = f"{extra.package} does not start: {type(error).__name__}: {error}"
            cure = f"pip install --force-reinstall {extra.package}"
            yield Finding(name, "warning", detail, cure)
        else:
            yield Finding(name, "ok", f"read by {extra.package} {version or '(version unknown)'}")


def torchvision() -> Finding:
    """Does an installed torchvision match torch? Read from their metadata: importing may crash."""
    name = "torchvision matches torch"
    torch, vision = _version("torch"), _version("torchvision")
    if vision is None or torch is None:
        return Finding(name, "ok", "torchvision is not installed, and not needed")
    cure = "pip uninstall torchvision (spider does not need it)"
    wanted = _pinned_torch()
    if wanted is not None and wanted.partition("+")[0] != torch.partition("+")[0]:
        detail = f"torchvision {vision} was made for torch {wanted}, but torch is {torch}"
        return Finding(name, "problem", detail, cure)
    builds = torch.partition("+")[2], vision.partition("+")[2]
    if builds[0] != builds[1]:
        detail = f"torch {torch} and torchvision {vision} are different builds"
        return Finding(name, "problem", detail, cure)
    return Finding(name, "ok", f"torchvision {vision}, torch {torch}")


def trainer() -> Finding:
    """Does the import name `trainer` lead to spider's own package?"""
    name = "import name trainer"
    owners = importlib.metadata.packages_distributions().get("trainer", [])
    others = sorted({owner for owner in owners if owner != "spider-iqa"})
    if others:
        detail = f"the distribution {', '.join(others)} installs a package of that name too"
        return Finding(name, "problem", detail, f"pip uninstall {' '.join(others)}")
    ours = _HERE.parent / "trainer" / "__init__.py"
    try:
        spec = importlib.util.find_spec("trainer")
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return Finding(name, "ok", "not installed; only spider train and eval need it")
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
    if spec.origin and ours.exists() and Path(spec.origin).samefile(ours):
        return Finding(name, "ok", f"spider's own, in {ours.parent}")
    return Finding(
        name,
        "problem",
        f"another package owns it: {', '.join(map(str, places))}",
        "spider train and eval need it; remove or rename the other one",
    )


def cache() -> Finding:
    """Where downloads go, and whether they can."""
    from spider_cli.outputs.files import writable
    from spider_cli.weights import cache_folder

    folder = cache_folder()
    why = "SPIDER_CACHE says so" if os.environ.get("SPIDER_CACHE") else "the system's usual place"
    try:
        writable(folder)
    except OSError as error:
        detail = f"{folder} ({why}) cannot be written: {error.strerror or error}"
        return Finding("cache", "problem", detail, "set SPIDER_CACHE to a folder of yours")
    there = "" if folder.exists() else ", not made yet"
    return Finding("cache", "ok", f"{folder} ({why}{there})")


def settings() -> Iterator[Finding]:
    """Which files of settings count in this folder, whether they can be used, and what in them is
    not taken."""
    from spider_cli.config.files import passed_over, places, read, switched_off, user_file
    from spider_cli.config.known import leaves, names
    from spider_cli.config.settings import check, ignored

    if switched_off():
        yield Finding("settings", "ok", "no file is read: SPIDER_NO_CONFIG says so")
        return
    for path in passed_over():
        detail = f"{path} is not read: it belongs to neither you nor who owns this folder"
        yield Finding("settings", "warning", detail, "where it is yours, make it so: chown")
    found = places()
    for layer, path in found:
        name = f"settings, {layer}'s"
        try:
            file = read(layer, path)
            check(file)
        except SpiderError as error:
            yield Finding(name, "problem", error.message, error.hint)
            continue
        commands = (command for one in names() for command in leaves(one))
        refused = dict.fromkeys(str(one) for two in commands for one in ignored([file], two))
        for line in refused:
            yield Finding(name, "warning", line)
        if not refused:
            yield Finding(name, "ok", f"{path} (spider config show lists what it sets)")
    if not found:
        yield Finding("settings", "ok", f"no spider.toml here or above, and no {user_file()}")


def bundled_model() -> Finding:
    """Are the bundled model's files those that were shipped?"""
    from spider_cli.weights import BUNDLED, find_model
    from spider_cli.weights.checking import MANIFEST, amiss, manifest_of

    name = f"bundled model {BUNDLED}"
    cure = "install spider-iqa again"
    try:
        folder = find_model(BUNDLED).path
        files = manifest_of(folder)
    except SpiderError as error:
        return Finding(name, "problem", error.message, error.hint)
    except (OSError, ValueError) as error:
        return Finding(name, "problem", f"its {error}", cure)
    if files is None:
        return Finding(name, "problem", f"its {MANIFEST} is missing", cure)
    faults = [f"{file} {fault}" for file, fault in amiss(folder, files).items()]
    if faults:
        return Finding(name, "problem", "; ".join(faults), cure)
    size = sum(facts.size for facts in files.values()) / 1e6
    return Finding(name, "ok", f"whole: {len(files)} files, {size:.1f} MB, in {folder}")


def device() -> Finding:
    """Which device a run would choose, and why."""
    try:
        import torch

        from spider_cli.devices import choose_device, choose_dtype

        chosen, why = choose_device("auto")
        dtype, why_dtype = choose_dtype("auto", chosen)
    except SpiderError as error:
        return Finding("device", "problem", error.message, error.hint)
    except Exception as error:  # a broken torch raises whatever it likes
        detail = f"torch does not start: {type(error).__name__}: {error}"
        return Finding("device", "problem", detail, "install torch again")
    detail = f"{chosen} ({why}), {str(dtype).removeprefix('torch.')} ({why_dtype})"
    if chosen == "cpu" and torch.version.cuda is not None:
        return Finding(
            "device",
            "warning",
            f"{detail}; torch {torch.__version__} is a CUDA build, gigabytes for nothing here",
            "install torch from https://download.pytorch.org/whl/cpu; torchvision may have "
            "pulled this one in",
        )
    return Finding("device", "ok", f"{detail}; {torch.get_num_threads()} threads")


def _version(distribution: str) -> str | None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(distribution)
    return None


def _pinned_torch() -> str | None:
    """The torch that torchvision's metadata insists on."""
    for requirement in importlib.metadata.requires("torchvision") or ():
        found = re.match(r"torch\s*\(?\s*==\s*([\w.+]+)", requirement)
        if found:
            return found[1]
    return None
