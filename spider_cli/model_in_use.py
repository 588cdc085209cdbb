"""The model that an auditor uses: which it is, what it says of itself, its parts when needed."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from spider_cli import questions
from spider_cli.devices import DEVICES, DTYPES
from spider_cli.errors import UsageError
from spider_cli.grounding_file import Plan
from spider_cli.rules import Rule
from spider_cli.served import ServedModel, is_served
from spider_cli.weights import DEFAULT, ModelFolder, default_name, find_model

if TYPE_CHECKING:
    from pathlib import Path

    from spider_cli.endpoint_model import EndpointModel, EndpointScorer
    from spider_cli.grounding import Grounder
    from spider_cli.lmm import LanguageModel
    from spider_cli.scoring import LevelReader
    from spider_cli.segmenter import Segmenter
    from spider_cli.zero_shot import Task

__all__ = ["ModelInUse"]


class ModelInUse:
    """A folder's model or a server's, loaded at the first use. `Auditor` says what the rest is.

    Args:
        at_once: requests under way at a time, where it is a server's.

    Raises:
        UsageError: see `Auditor`.
    """

    def __init__(
        self,
        model: str,
        *,
        device: str,
        dtype: str,
        at_once: int,
        allow_upload: bool,
        tuned: bool,
    ) -> None:
        for name, value, known in (("device", device, DEVICES), ("dtype", dtype, DTYPES)):
            if value not in known:
                raise UsageError(f"unknown {name} {value!r}", hint=f"one of {', '.join(known)}")
        self._name = default_name() if model == DEFAULT else model
        self._source: ModelFolder | ServedModel
        if is_served(self._name):
            self._source = ServedModel(self._name, allow_upload=allow_upload, tuned=tuned)
        else:
            self._source = find_model(self._name)
        self._at_once = at_once
        self._device, self._dtype = device, dtype
        self._language_model: LanguageModel | None = None
        self._segmenter: Segmenter | None = None
        self._score_temperature = self._source.score_temperature()
        self.plan: Plan = self._source.plan()

    @property
    def model(self) -> str:
        """The model as it was named; a server's with its full name, once that is known."""
        return self._source.name if isinstance(self._source, ServedModel) else self._name

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
            return (*self._source.notices, *self._untuned_notice)
        if not self._source.trained():
            return (f"the weights of {self.model} are untrained: its answers mean nothing",)
        return self._untuned_notice

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
            from spider_cli.devices import choose_device, choose_dtype
            from spider_cli.lmm import load_language_model

            device, _ = choose_device(self._device)
            dtype, _ = choose_dtype(self._dtype, device)
            self._language_model = load_language_model(self.folder.path, device=device, dtype=dtype)
        return self._language_model

    def open(self) -> "LanguageModel | EndpointModel":
        """The language model of `load`, or the server's."""
        if isinstance(self._source, ServedModel):
            return self._source.open(self._at_once)
        return self.load()

    def load_segmenter(self) -> "Segmenter":
        """The segmenter that grounding uses, loaded at the first call."""
        if self._segmenter is None:
            from spider_cli.devices import choose_device, choose_dtype
            from spider_cli.segmenter import load_segmenter

            device, _ = choose_device(self._device)
            dtype, _ = choose_dtype(self._dtype, device)
            folder, _ = self._segmenter_found
            self._segmenter = load_segmenter(folder, device=device, dtype=dtype)
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
        return Grounder(self.open(), segmenter or self.load_segmenter, temperature, chosen)

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
