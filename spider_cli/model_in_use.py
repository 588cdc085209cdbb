"""The model that an auditor uses: which it is, what it says of itself, its parts when needed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from spider_cli import questions
from spider_cli.budget import check_budget, default_budget
from spider_cli.devices import Wanted
from spider_cli.errors import UsageError
from spider_cli.grounding_file import Plan
from spider_cli.rules import Rule
from spider_cli.served import ServedModel, is_served
from spider_cli.weights import (
    BUNDLED,
    DEFAULT,
    ModelFolder,
    bundled_segmenter,
    default_name,
    find_model,
)
from spider_cli.weights.machine import memory_text
from spider_cli.weights.quantizing import Quantize

if TYPE_CHECKING:
    from pathlib import Path

    from spider_cli.endpoint_model import EndpointModel, EndpointScorer
    from spider_cli.grounding import Grounder
    from spider_cli.lmm import LanguageModel
    from spider_cli.placing import Placement
    from spider_cli.scoring import LevelReader
    from spider_cli.segmenter import Segmenter
    from spider_cli.zero_shot import Task

__all__ = ["Loaded", "ModelInUse"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Weights that were loaded."""

    name: str
    placement: "Placement"
    seconds: float
    bundled: bool
    """Did they come with spider?"""

    def __str__(self) -> str:
        size = memory_text(self.placement.size)
        return f"{self.name}: {size} loaded in {self.seconds:.1f} s, {self.placement.why}"


class ModelInUse:
    """A folder's model or a server's, loaded at the first use. `Auditor` says what the rest is.

    Args:
        wanted: how it is to run.
        at_once: requests under way at a time, where it is a server's.

    Raises:
        UsageError: see `Auditor`.
    """

    def __init__(
        self,
        model: str,
        *,
        wanted: Wanted,
        at_once: int,
        allow_upload: bool,
        tuned: bool,
        max_pixels: int | None,
    ) -> None:
        if max_pixels is not None:
            check_budget(max_pixels)
        self._name = default_name() if model == DEFAULT else model
        self._source: ModelFolder | ServedModel
        if is_served(self._name):
            self._source = ServedModel(self._name, allow_upload=allow_upload, tuned=tuned)
        else:
            self._source = find_model(self._name)
        self._at_once = at_once
        self._max_pixels = max_pixels
        self._wanted = wanted
        self.told: Callable[[Loaded], None] = lambda loaded: None
        """Is called when weights were loaded."""
        self._language_model: LanguageModel | None = None
        self._segmenter: Segmenter | None = None
        self._score_temperature = self._source.score_temperature()
        self.plan: Plan = self._source.plan()

    @property
    def model(self) -> str:
        """The model as it was named; a server's with its full name, once that is known."""
        return self._source.name if isinstance(self._source, ServedModel) else self._name

    @cached_property
    def max_pixels(self) -> int | None:
        """The budget, asked for or the family's default (`spider_cli.budget`)."""
        return self._max_pixels or default_budget(self._source.kind())

    @property
    def folder(self) -> ModelFolder:
        """The model's folder.

        Raises:
            UsageError: it is behind an address.
        """
        if isinstance(self._source, ServedModel):
            raise UsageError(
                f"{self.model} is behind an address: this needs a model folder",
                hint="--model DIR, or nano",
                code="not_a_folder",
            )
        return self._source

    @property
    def revision(self) -> str:
        """Which weights these are."""
        if isinstance(self._source, ServedModel):
            return self._source.revision
        return self._folder_revision

    @cached_property
    def _folder_revision(self) -> str:
        return self.folder.revision()

    @property
    def notices(self) -> tuple[str, ...]:
        """What a user should know before trusting the answers, or a server with photos."""
        if isinstance(self._source, ServedModel):
            return (*self._passed_over, *self._source.notices, *self._untuned_notice)
        if not self._source.trained():
            told = f"the weights of {self.model} are untrained: its answers mean nothing"
            return (*self._passed_over, told)
        return (*self._passed_over, *self._untuned_notice)

    @property
    def _small(self) -> bool:
        """Is it a nano, which is too small to be quantized or spread?"""
        return isinstance(self._source, ModelFolder) and not self._source.understands_names()

    @property
    def quantize(self) -> Quantize | None:
        """How the language model's layers are kept, where that is asked for and of account."""
        if isinstance(self._source, ServedModel) or self._small:
            return None
        return self._wanted.quantize

    @property
    def _passed_over(self) -> tuple[str, ...]:
        named = {"--quantize": self._wanted.quantize, "--device-map": self._wanted.device_map}
        flags = " and ".join(flag for flag, value in named.items() if value is not None)
        if not flags:
            return ()
        if isinstance(self._source, ServedModel):
            return (f"{flags}: of no account, a server loads its model as it likes",)
        if self._small:
            return (f"{flags}: of no account, {self.model} is small, and runs whole on one device",)
        return ()

    @property
    def _untuned_notice(self) -> tuple[str, ...]:
        if not self.untuned:
            return ()
        return (f"{self.model} was never tuned for spider: it is asked with instructions",)

    @cached_property
    def untuned(self) -> bool:
        """The model is a base: it is asked with instructions (`spider_cli.zero_shot`)."""
        return not self._source.tuned()

    @property
    def grounding_notices(self) -> tuple[str, ...]:
        """What a user should know before trusting the masks."""
        return self._segmenter_found[1]

    @cached_property
    def _segmenter_found(self) -> "tuple[Path, tuple[str, ...]]":
        return self._source.find_segmenter(self.plan)

    def load(self) -> "LanguageModel":
        """The language model, loaded at the first call.

        Raises:
            UsageError: it cannot be loaded, or is behind an address.
        """
        if self._language_model is None:
            started = time.monotonic()
            from spider_cli.lmm import load_language_model
            from spider_cli.placing import place

            folder, wanted = self.folder.path, replace(self._wanted, quantize=self.quantize)
            if self._small:
                wanted = replace(wanted, device_map=None)
            placed = place(folder, wanted, self._name)
            model = load_language_model(
                folder,
                device=placed.device,
                dtype=placed.dtype,
                max_pixels=self.max_pixels,
                quantize=placed.quantize,
                device_map=placed.device_map,
            )
            if self.untuned:
                from spider_cli.zero_shot import LEAD

                model.eyes.lead = LEAD
            self._language_model = model
            bundled = self._name == BUNDLED
            self.told(Loaded(self._name, placed, time.monotonic() - started, bundled))
        return self._language_model

    def open(self) -> "LanguageModel | EndpointModel":
        """The language model of `load`, or the server's."""
        if isinstance(self._source, ServedModel):
            return self._source.open(self._at_once, self.max_pixels)
        return self.load()

    def opened(self) -> "LanguageModel | EndpointModel | None":
        """The model of `open` if it is there already; from any thread."""
        if isinstance(self._source, ServedModel):
            return self._source.opened
        return self._language_model

    @property
    def on_processor(self) -> bool:
        """Is the model loaded, and run by this machine's processor, not by an accelerator?"""
        model = self._language_model
        return model is not None and str(model.model.device) == "cpu"

    @property
    def looks_ahead(self) -> bool:
        """Is the model loaded, and does it see photos on the threads that decode them?"""
        model = self._language_model
        return model is not None and model.eyes.looks_ahead

    def load_segmenter(self) -> "Segmenter":
        """The segmenter that grounding uses, loaded at the first call."""
        if self._segmenter is None:
            started = time.monotonic()
            from spider_cli.placing import place
            from spider_cli.segmenter import load_segmenter

            folder, _ = self._segmenter_found
            name = f"the segmenter {folder}"
            wanted = replace(self._wanted, quantize=None, device_map=None)
            placed = place(folder, wanted, name, alone=True)
            self._segmenter = load_segmenter(folder, device=placed.device, dtype=placed.dtype)
            bundled = folder == bundled_segmenter()
            self.told(Loaded(name, placed, time.monotonic() - started, bundled))
        return self._segmenter

    def grounder(
        self, segmenter: "Callable[[], Segmenter] | None" = None, rule: Rule | None = None
    ) -> "Grounder":
        """What turns answers into masks, as the model's folder says.

        Args:
            segmenter: instead of the model's own.
            rule: instead of the folder's, at the temperature that was measured for it.
        """
        from spider_cli.grounding import Grounder

        chosen, temperature = self.plan.rule, self.temperature("grounding")
        if rule is not None and rule != chosen:
            chosen, temperature = rule, self.plan.with_rule(rule).temperature
        return Grounder(
            self.open(),
            segmenter or self.load_segmenter,
            temperature,
            chosen,
            worded=self.worded,
            batch_size=self._at_once,
        )

    def temperature(self, task: Literal["grounding", "scoring"]) -> float:
        """Temperature of a task's closed sets of words, as the model's folder has it; else 1."""
        return self.plan.temperature if task == "grounding" else self._score_temperature

    def worded(self, task: "Task", question: str) -> str:
        """A question as this model is asked it: a base gets instructions with it."""
        if not self.untuned:
            return question
        from spider_cli.zero_shot import instructed

        return instructed(task, question)

    @cached_property
    def scorer(self) -> "LevelReader | EndpointScorer":
        """What gives photos their scores."""
        question = self.worded("score", questions.SCORE_QUESTION)
        return self.open().scorer(self.temperature("scoring"), question)
