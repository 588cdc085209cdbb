"""Models by name: the bundled nano, short names, folders of models and adapters, the hub's."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_cli.errors import UsageError
from spider_cli.weights.adapter import CONFIG, adapter_in
from spider_cli.weights.cached import NotDownloadedError, cached, find_cached
from spider_cli.weights.card import is_tuned
from spider_cli.weights.catalogue import (
    BUNDLED,
    Reference,
    entry_of,
    folder_of,
    reference_to,
    suggestion,
)
from spider_cli.weights.places import DEFAULT, cache_folder, default_name
from spider_cli.weights.records import read_record

if TYPE_CHECKING:
    from spider_cli.grounding_file import Plan
    from spider_cli.rules import Rule

__all__ = [
    "BUNDLED",
    "DEFAULT",
    "ModelFolder",
    "NotDownloadedError",
    "bundled_segmenter",
    "cache_folder",
    "default_name",
    "find_model",
    "find_segmenter",
    "hub_reference",
]


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model on disk: the ecosystem's files, and beside them spider's settings.

    ``scoring.json`` holds the score's temperature, ``grounding.json`` what text-to-point obeys;
    ``describing.json`` tells where a bias in ``generation_config.json`` came from; ``segmenter/``
    is a SAM-family model where the folder brings its own. An adapter's folder has its settings
    itself; what the model is, its base says.
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
            wanted = reference_to(recorded.name)
            folder = (cached(wanted.repository, wanted.revision) if wanted else None) or folder
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

    def tuned(self) -> bool:
        """True when it was taught spider's questions: nano, or what training wrote
        (`spider_cli.weights.card.is_tuned`). Anything else is a base."""
        return not self.understands_names() or is_tuned(self.path)

    def kind(self) -> str:
        """The ``model_type`` of its config.json."""
        return str(_read_object(self.base / "config.json").get("model_type"))

    def understands_names(self) -> bool:
        """True when the model knows things by name; nano knows positions only."""
        return self.kind() != "spider_nano"

    def check_rule(self, rule: "Rule") -> None:
        """Can it be grounded by this rule? By any."""

    def revision(self) -> str:
        """See `spider_cli.weights.revision.revision_of`."""
        from spider_cli.weights.revision import revision_of

        return revision_of(self.path)


def find_model(name: str) -> ModelFolder:
    """The folder of a model.

    Args:
        name: a short name (`spider_cli.weights.catalogue`), "default", a folder of a model or an
            adapter, or OWNER/NAME of the hub, maybe with @REVISION. A short name comes before a
            folder of the same name, a folder before the hub.

    Raises:
        NotDownloadedError: it is the hub's, and not on this machine.
        UsageError: nothing of that name is here, or it is an adapter that cannot be used, such as
            one whose base is not here.
    """
    if name == DEFAULT:
        name = default_name()
    if name == BUNDLED:
        return ModelFolder(_bundled_model())
    entry = entry_of(name.partition("@")[0])
    if entry is not None and entry.kind == "segmenter":
        raise UsageError(
            f"{name} is a segmenter: it makes masks, and answers no questions",
            hint=f"spider data build --segmenter {name} finds regions with it; for --model see "
            "spider models list",
            code="not_image_text",
        )
    path = folder_of(name)
    if path is not None:
        _no_unended_download(path, name)
        if adapter_in(path) is not None or (path / "config.json").is_file():
            return ModelFolder(path)
    wanted = reference_to(name) if path is None else None
    if wanted is None:
        raise UsageError(
            f"no model {name!r}: it is neither a name that spider knows (spider models list), nor "
            f"a folder with a config.json or {CONFIG}, nor a repository OWNER/NAME of the hub",
            hint=_instead(name),
            code="model_missing",
        )
    found = find_cached(wanted)
    adapter_in(found)  # an adapter whose base is not here is said now
    return ModelFolder(found)


def find_segmenter(name: str) -> Path:
    """The folder of a segmenter of the SAM family.

    Args:
        name: a short name, a folder (a model's, with its segmenter inside, too), or OWNER/NAME.

    Raises:
        NotDownloadedError: it is the hub's, and not on this machine.
        UsageError: there is none of that name.
    """
    if name == BUNDLED:
        return bundled_segmenter()
    path, entry = folder_of(name), entry_of(name.partition("@")[0])
    if path is not None:
        _no_unended_download(path, name)
        for place in (path / "segmenter", path):
            if (place / "config.json").is_file():
                return place
    other = path is not None or (entry is not None and entry.kind != "segmenter")
    wanted = None if other else reference_to(name)
    if wanted is None:
        raise UsageError(
            f"no segmenter {name!r}: it is neither a name that spider knows nor a folder with a "
            "config.json",
            hint=f"{suggestion(name)}name nano, or another of spider models list, or a folder with "
            "a model of the SAM family",
            code="model_missing",
        )
    return find_cached(wanted)


def hub_reference(name: str, revision: str | None = None) -> Reference:
    """What on the hub a name stands for, be it on this machine or not.

    Raises:
        UsageError: it is nothing of the hub's, or two revisions are named.
    """
    wanted = reference_to(name, revision) if folder_of(name) is None else None
    if wanted is not None:
        return wanted
    if name != BUNDLED:
        find_model(name)  # says what is wrong with the name, if there is nothing of it
    what = "comes with spider" if name == BUNDLED else "is a folder of yours"
    raise UsageError(f"{name} {what}, and is not the hub's", hint="see spider models list")


def _no_unended_download(path: Path, name: str) -> None:
    """A folder that `spider models download --dir` has begun to fill is no model yet.

    Raises:
        NotDownloadedError: it is one.
    """
    record = read_record(path)
    if record is not None and (not record.whole or record.absent()):
        raise NotDownloadedError(
            f"{name} is there only in part: its download has not ended well",
            hint=f"spider models download {record.repository} --revision {record.commit} "
            f"--dir {path}",
            wanted=Reference(name, record.repository, record.commit),
            folder=path,
        )


def _instead(name: str) -> str:
    path = Path(name).expanduser()
    for file in ("config.json", CONFIG):
        if (path / "model" / file).is_file():
            return f"that is a training run: --model {path / 'model'}"
    return (
        f"{suggestion(name)}use --model nano, or one of spider models list, or --model DIR with "
        "a folder of an image-text-to-text model"
    )


def _bundled_model() -> Path:
    """The folder of the model that ships.

    Raises:
        UsageError: it is not there.
    """
    if not (_bundled() / "config.json").is_file():
        raise UsageError(
            f"the bundled model is missing from {_bundled()}",
            hint="install spider-iqa again; `spider doctor` checks the installation",
            code="model_missing",
        )
    return _bundled()


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
