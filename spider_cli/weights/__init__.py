"""Models by name: the bundled nano, or any local folder, of a model or an adapter."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_cli.errors import UsageError
from spider_cli.weights.adapter import CONFIG, adapter_in

if TYPE_CHECKING:
    from spider_cli.grounding_file import Plan

__all__ = ["BUNDLED", "ModelFolder", "bundled_segmenter", "cache_folder", "find_model"]

BUNDLED = "nano"


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model on disk: the ecosystem's files, and beside them spider's settings.

    ``scoring.json`` holds the score's temperature, ``grounding.json`` what text-to-point obeys;
    ``segmenter/`` a SAM-family model where the folder brings its own. An adapter's folder has its
    settings itself; what the model is, its base says.
    """

    path: Path

    def score_temperature(self) -> float:
        """That of the level words, of ``scoring.json``; 1 where the folder has none.

        Raises:
            UsageError: the file is not a JSON object, or the temperature not above 0.
        """
        file = self.path / "scoring.json"
        value = _read_object(file) if file.is_file() else {}
        temperature = value.get("temperature", 1.0)
        if not isinstance(temperature, int | float) or not temperature > 0:
            raise UsageError(
                f"{file}: temperature must be a number above 0, not {temperature!r}",
                hint="restore the file from where the model came from",
                code="model_unloadable",
            )
        return float(temperature)

    def plan(self) -> "Plan":
        """What grounding goes by; the paper's rule at temperature 1 where the folder says nothing.

        Raises:
            UsageError: grounding.json is damaged, or of a later version.
        """
        from spider_cli.grounding_file import GROUNDING, read_plan

        file = self.path / GROUNDING
        return read_plan(_read_object(file) if file.is_file() else {}, file)

    def segmenter(self) -> Path:
        """The segmenter's folder: the model's own, else the bundled one."""
        own = self.path / "segmenter"
        return own if own.is_dir() else bundled_segmenter()

    def find_segmenter(self, plan: "Plan") -> tuple[Path, tuple[str, ...]]:
        """The segmenter that a plan was measured with, else `segmenter`; and what a user should
        know of it: that it is another one, or changed since."""
        from spider_cli.grounding_file import BESIDE, GROUNDING
        from spider_cli.weights.revision import revision_of

        recorded, usual = plan.segmenter, self.segmenter()
        if recorded is None:
            return usual, ()
        known = {BUNDLED: bundled_segmenter(), BESIDE: self.path / BESIDE}
        folder = known.get(recorded.name, self.path / Path(recorded.name).expanduser())
        if not (folder / "config.json").is_file():
            told = f"the segmenter that {GROUNDING} names, {recorded.name}, is not here"
            return usual, (f"{told}: masks come from {usual}",)
        revision = revision_of(folder)
        if revision == recorded.revision:
            return folder, ()
        told = f"the segmenter {folder} is of revision {revision}"
        return folder, (f"{told}; {GROUNDING} was measured with {recorded.revision}",)

    @property
    def base(self) -> Path:
        """The folder with the model's config.json: an adapter's base, else the folder itself.

        Raises:
            UsageError: the base is not here.
        """
        adapter = adapter_in(self.path)
        return self.path if adapter is None else adapter.base

    def trained(self) -> bool:
        """False when the folder says of itself that nothing taught it yet."""
        return bool(_read_object(self.base / "config.json").get("trained", True))

    def understands_names(self) -> bool:
        """True when the model knows things by name; nano knows positions only."""
        return _read_object(self.base / "config.json").get("model_type") != "spider_nano"

    def revision(self) -> str:
        """See `spider_cli.weights.revision.revision_of`."""
        from spider_cli.weights.revision import revision_of

        return revision_of(self.path)


def find_model(name: str) -> ModelFolder:
    """The folder of a model.

    Raises:
        UsageError: nothing of that name is here, or it is an adapter that cannot be used, such as
            one whose base is not here.
    """
    path = _bundled() if name == BUNDLED else Path(name).expanduser()
    if adapter_in(path) is None and not (path / "config.json").is_file():
        if name == BUNDLED:
            raise UsageError(
                f"the bundled model is missing from {path}",
                hint="install spider-iqa again; `spider doctor` checks the installation",
                code="model_missing",
            )
        raise UsageError(
            f"no model {name!r}: it is neither a name that spider knows (nano) nor a folder with a "
            f"config.json or {CONFIG}",
            hint=_instead(path),
            code="model_missing",
        )
    return ModelFolder(path)


def _instead(path: Path) -> str:
    for file in ("config.json", CONFIG):
        if (path / "model" / file).is_file():
            return f"that is a training run: --model {path / 'model'}"
    return "use --model nano, or --model DIR with a folder of an image-text-to-text model"


def cache_folder() -> Path:
    """Where downloads and state live: ``SPIDER_CACHE``, else the platform's cache folder."""
    import platformdirs

    named = os.environ.get("SPIDER_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("spider", appauthor=False))


def bundled_segmenter() -> Path:
    """The folder of the segmenter that ships."""
    return _bundled() / "segmenter"


def _bundled() -> Path:
    return Path(__file__).parent / "nano"


def _read_object(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"cannot read {file}: {error}",
            hint="restore the file from where the model came from",
            code="model_unloadable",
        ) from error
    if not isinstance(value, dict):
        raise UsageError(f"{file} is not a JSON object", code="model_unloadable")
    return value
