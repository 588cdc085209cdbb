"""The models that have a short name, as their cards said when the list was made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from spider_cli.errors import UsageError, did_you_mean

__all__ = [
    "BUNDLED",
    "CATALOGUE",
    "Entry",
    "Kind",
    "Reference",
    "entry_of",
    "folder_of",
    "reference_to",
    "suggestion",
]

Kind: TypeAlias = Literal["model", "segmenter"]

BUNDLED = "nano"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name. Sizes are about right: `spider models download` asks the hub for the exact one."""

    name: str
    kind: Kind = "model"
    repository: str = ""
    """OWNER/NAME on the hub; "" for what comes with spider."""
    revision: str | None = None
    """Where not the hub's main one."""
    parameters: int
    size: int
    """Bytes of its weights."""
    licence: str
    tuned: bool = False
    """Was it taught spider's tasks? A base model answers from what its makers taught it."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """A model on the hub, as the user named it."""

    name: str
    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.repository + (f" at revision {self.revision}" if self.revision else "")


def _base(name: str, repository: str, billions: float, licence: str, note: str = "") -> Entry:
    """A language model in bfloat16."""
    repository, _, revision = repository.partition("@")
    parameters = round(billions * 1e9)
    return Entry(
        name=name,
        repository=repository,
        revision=revision or None,
        parameters=parameters,
        size=2 * parameters,
        licence=licence,
        note=note,
    )


def _segmenter(name: str, repository: str, millions: float, note: str = "") -> Entry:
    """One of the SAM family, in float32."""
    parameters = round(millions * 1e6)
    return Entry(
        name=name,
        kind="segmenter",
        repository=repository,
        parameters=parameters,
        size=4 * parameters,
        licence="apache-2.0",
        note=note,
    )


_PHI = "what it learned of images is an adapter beside it, vision-lora, which is not applied"
_INTERNVL = (
    "its licence was not read from its card; that of OpenGVLab/InternVL3-8B, of which it is "
    "another form, says apache-2.0. What holds, the download says"
)
_SAM2 = "finds regions for spider data build; spider ground does not take it yet"

CATALOGUE: tuple[Entry, ...] = (
    Entry(name=BUNDLED, parameters=6_680_000, size=13_400_000, licence="other", tuned=True),
    _base("qwen3-vl-8b", "Qwen/Qwen3-VL-8B-Instruct", 8.77, "apache-2.0"),
    _base("qwen3-vl-4b", "Qwen/Qwen3-VL-4B-Instruct", 4.44, "apache-2.0"),
    _base("qwen3-vl-2b", "Qwen/Qwen3-VL-2B-Instruct", 2.13, "apache-2.0"),
    _base("qwen2.5-vl-7b", "Qwen/Qwen2.5-VL-7B-Instruct", 8.29, "apache-2.0"),
    _base("qwen2.5-vl-3b", "Qwen/Qwen2.5-VL-3B-Instruct", 3.75, "qwen-research"),
    _base("phi", "microsoft/Phi-4-multimodal-instruct@refs/pr/70", 4.74, "mit", _PHI),
    _base("internvl3", "OpenGVLab/InternVL3-8B-hf", 7.94, "qwen", _INTERNVL),
    _base("smolvlm", "HuggingFaceTB/SmolVLM-Instruct", 2.25, "apache-2.0"),
    Entry(
        name=BUNDLED,
        kind="segmenter",
        parameters=4_310_000,
        size=8_700_000,
        licence="apache-2.0",
        tuned=True,
    ),
    _segmenter("sam-b", "facebook/sam-vit-base", 93.7),
    _segmenter("sam-l", "facebook/sam-vit-large", 312.3),
    _segmenter("sam-h", "facebook/sam-vit-huge", 641.1),
    _segmenter("sam2-t", "facebook/sam2.1-hiera-tiny", 38.9, _SAM2),
    _segmenter("sam2-s", "facebook/sam2.1-hiera-small", 46.0, _SAM2),
    _segmenter("sam2-b", "facebook/sam2.1-hiera-base-plus", 80.8, _SAM2),
    _segmenter("sam2-l", "facebook/sam2.1-hiera-large", 224.4, _SAM2),
)


def entry_of(name: str, kind: Kind | None = None) -> Entry | None:
    """The entry of that name; of nano, which is both, the model unless `kind` says otherwise."""
    for entry in CATALOGUE:
        if entry.name == name and kind in (None, entry.kind):
            return entry
    return None


def reference_to(name: str, revision: str | None = None) -> Reference | None:
    """What on the hub a name stands for: a short name, OWNER/NAME or OWNER/NAME@REVISION.

    Args:
        revision: instead of the one that the name says.

    Returns:
        None where it is nothing of the hub's, nano among it.

    Raises:
        UsageError: two revisions are named.
    """
    bare, _, named = name.partition("@")
    if named and revision and named != revision:
        raise UsageError(f"two revisions are named, {named!r} and {revision!r}")
    entry = entry_of(bare)
    if entry is not None:
        asked = named or revision or entry.revision
        return Reference(bare, entry.repository, asked) if entry.repository else None
    parts = bare.split("/")
    odd = bare.startswith((".", "~", "-")) or "\\" in bare or "--" in bare
    if odd or len(parts) != 2 or not all(part.strip(".") for part in parts):
        return None
    if not all(c.isalnum() or c in "-_." for part in parts for c in part):
        return None
    return Reference(bare, bare, named or revision)


def folder_of(name: str) -> Path | None:
    """The folder that a name stands for. A short name comes before a folder of the same name, and
    a folder before the hub's OWNER/NAME."""
    path = Path(name).expanduser()
    return path if entry_of(name.partition("@")[0]) is None and path.is_dir() else None


def suggestion(name: str) -> str:
    """ "did you mean 'qwen3-vl-8b'? " where a short name is like it; else ""."""
    return did_you_mean(name.lower(), [entry.name for entry in CATALOGUE], cutoff=0.6)
