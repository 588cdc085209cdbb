"""Models by name: the bundled nano, or any local folder."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider_cli.errors import UsageError

__all__ = ["BUNDLED", "ModelFolder", "cache_folder", "find_model"]

BUNDLED = "nano"


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model on disk: the ecosystem's files, and beside them spider's settings.

    ``scoring.json`` holds the score's temperature, ``grounding.json`` what text-to-point obeys;
    ``segmenter/`` a SAM-family model where the folder brings its own.
    """

    path: Path

    def settings(self) -> dict[str, dict[str, Any]]:
        """``scoring`` and ``grounding``, empty where the folder has none.

        Raises:
            UsageError: a settings file is not a JSON object, or a temperature not above 0.
        """
        found: dict[str, dict[str, Any]] = {}
        for name in ("scoring", "grounding"):
            file = self.path / f"{name}.json"
            value = _read_object(file) if file.is_file() else {}
            temperature = value.get("temperature", 1.0)
            if not isinstance(temperature, int | float) or not temperature > 0:
                raise UsageError(
                    f"{file}: temperature must be a number above 0, not {temperature!r}",
                    hint="restore the file from where the model came from",
                    code="model_unloadable",
                )
            found[name] = value
        return found

    def segmenter(self) -> Path:
        """The segmenter's folder: the model's own, else the bundled one."""
        own = self.path / "segmenter"
        return own if own.is_dir() else _bundled() / "segmenter"

    def trained(self) -> bool:
        """False when the folder says of itself that nothing taught it yet."""
        return bool(_read_object(self.path / "config.json").get("trained", True))

    def understands_names(self) -> bool:
        """True when the model knows things by name; nano knows positions only."""
        return _read_object(self.path / "config.json").get("model_type") != "spider_nano"

    def revision(self) -> str:
        """See `spider_cli.weights.revision.revision_of`."""
        from spider_cli.weights.revision import revision_of

        return revision_of(self.path)


def find_model(name: str) -> ModelFolder:
    """The folder of a model.

    Raises:
        UsageError: nothing of that name is here.
    """
    path = _bundled() if name == BUNDLED else Path(name).expanduser()
    if not (path / "config.json").is_file():
        if name == BUNDLED:
            raise UsageError(
                f"the bundled model is missing from {path}",
                hint="install spider-iqa again; `spider doctor` checks the installation",
                code="model_missing",
            )
        raise UsageError(
            f"no model {name!r}: it is neither a name that spider knows (nano) nor a folder with a "
            "config.json",
            hint="use --model nano, or --model DIR with a folder of an image-text-to-text model",
            code="model_missing",
        )
    return ModelFolder(path)


def cache_folder() -> Path:
    """Where downloads and state live: ``SPIDER_CACHE``, else the platform's cache folder."""
    import platformdirs

    named = os.environ.get("SPIDER_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("spider", appauthor=False))


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
