"""`spider train segmenter`: nano's segmenter from its recipe."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from spider_cli.errors import UsageError
from trainer.new_nano import new_segmenter
from trainer.package import save_segmenter
from trainer.segment import SegmentConfig, segment_stage
from trainer.sources import LabelledPhoto, near_duplicates, read_collection
from trainer.tuning.tables import build

__all__ = ["SegmenterRecipe", "load_recipe", "train_segmenter"]

_PREFIX = "vision_encoder."


@dataclass(frozen=True, slots=True)
class SegmenterRecipe(SegmentConfig):
    """What the stage does, and the folders of photos it learns from."""

    pristine: tuple[str, ...] = ()
    """Distorted in regions, which the points must find."""
    regions: tuple[str, ...] = ()
    """With human region maps."""
    held_out: tuple[str, ...] = ()
    """Never trained on; look-alikes of these are dropped."""


def load_recipe(path: Path | None = None) -> SegmenterRecipe:
    """A recipe; the shipped one when no path is given.

    Raises:
        UsageError: it is no TOML, or a key is unknown or of a wrong type.
    """
    file = path or Path(__file__).parent / "recipes" / "segmenter" / "nano.toml"
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: {error}", code="bad_recipe") from error
    return build(SegmenterRecipe, table, file=str(file))


def train_segmenter(photos: Path, encoder: Path, out: Path, recipe: SegmenterRecipe) -> Path:
    """Teach a new segmenter; its folder is ``out/segmenter``.

    Args:
        photos: holds the collections that the recipe names.
        encoder: a nano whose encoder it starts from.

    Raises:
        UsageError: there are no pristine photos, or `encoder` is no nano.
    """
    pristine, regions = _photos(photos, recipe)
    start = _encoder_of(encoder)
    surroundings = any(".around." in name for name in start)
    segmenter = new_segmenter(seed=recipe.seed, surroundings=surroundings)
    segmenter.vision_encoder.encoder.load_state_dict(start)
    segment_stage(segmenter, pristine, regions, out, recipe)
    save_segmenter(segmenter, out / "segmenter")
    return out / "segmenter"


def _photos(
    photos: Path, recipe: SegmenterRecipe
) -> tuple[list[LabelledPhoto], list[LabelledPhoto]]:
    pristine = read_collection(photos / name for name in recipe.pristine)
    if not pristine:
        raise UsageError(
            f"no photos in {', '.join(str(photos / name) for name in recipe.pristine)}",
            hint="--photos names the folder that holds the recipe's collections",
            code="no_photos",
        )
    regions = read_collection(photos / name for name in recipe.regions)
    held_out = [one.path for one in read_collection(photos / name for name in recipe.held_out)]
    alike = near_duplicates([one.path for one in pristine + regions], held_out)
    return (
        [one for one in pristine if one.path not in alike],
        [one for one in regions if one.path not in alike],
    )


def _encoder_of(folder: Path) -> dict[str, Tensor]:
    try:
        weights = load_file(folder / "model.safetensors")
    except OSError as error:
        raise UsageError(
            f"no model in {folder}: {error}",
            hint="name a folder of `spider train stage1 nano`",
            code="model_missing",
        ) from error
    found = {
        name.removeprefix(_PREFIX): tensor.float()
        for name, tensor in weights.items()
        if name.startswith(_PREFIX)
    }
    if not found:
        raise UsageError(f"{folder} is no nano", code="model_unfit")
    return found
