"""The core: look at a photo once, ask it many questions, hand back typed records."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from spider_cli import questions
from spider_cli.boxes import BoxSpec
from spider_cli.devices import DEVICES, DTYPES
from spider_cli.errors import PhotoError, UsageError
from spider_cli.feed import Feed, PhotoLike
from spider_cli.grounding_file import Plan
from spider_cli.photos import Photo, Source
from spider_cli.regions import region_box
from spider_cli.results import (
    Box,
    Command,
    Description,
    Failure,
    Record,
    Referral,
    Result,
    View,
)
from spider_cli.rules import Rule
from spider_cli.weights import find_model

if TYPE_CHECKING:
    from pathlib import Path

    from spider_cli.grounding import Grounder
    from spider_cli.lmm import Answer, LanguageModel, Look
    from spider_cli.segmenter import Segmenter

__all__ = ["Auditor"]


@dataclass(frozen=True, slots=True)
class _Job:
    """One record to make: a photo, and a box where the command has one."""

    photo: Photo
    box: Box | None
    notes: tuple[str, ...]


Judge = Callable[[list[_Job], "list[Look]"], list["Result | PhotoError"]]


class Auditor:
    """Judges photos with one model.

    Args:
        model: a name ("nano") or a local model folder.
        device: "auto", "cpu", "cuda" or "mps".
        dtype: "auto", "float32", "bfloat16" or "float16".
        batch_size: questions answered together.
        max_pixels: larger photos fail with code ``too_large``.

    Raises:
        UsageError: no such model, device or dtype. That a device is not in this machine shows when
            the model is loaded.
    """

    def __init__(
        self,
        model: str = "nano",
        *,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int = 8,
        max_pixels: int = 200_000_000,
    ) -> None:
        if batch_size < 1:
            raise UsageError(f"--batch-size must be at least 1, not {batch_size}")
        for name, value, known in (("device", device, DEVICES), ("dtype", dtype, DTYPES)):
            if value not in known:
                raise UsageError(f"unknown {name} {value!r}", hint=f"one of {', '.join(known)}")
        self.model = model
        self.folder = find_model(model)
        self.batch_size = batch_size
        self.max_pixels = max_pixels
        self._device, self._dtype = device, dtype
        self._language_model: LanguageModel | None = None
        self._segmenter: Segmenter | None = None
        self._score_temperature = self.folder.score_temperature()
        self.plan: Plan = self.folder.plan()

    # -- what this auditor is ------------------------------------------------------------------

    @cached_property
    def revision(self) -> str:
        """Which weights these are."""
        return self.folder.revision()

    @property
    def notices(self) -> tuple[str, ...]:
        """What a user should know before trusting the answers."""
        if self.folder.trained():
            return ()
        return (f"the weights of {self.model} are untrained: its answers mean nothing",)

    @property
    def grounding_notices(self) -> tuple[str, ...]:
        """What a user should know before trusting the masks."""
        return self._segmenter_found[1]

    @cached_property
    def _segmenter_found(self) -> "tuple[Path, tuple[str, ...]]":
        return self.folder.find_segmenter(self.plan)

    def load(self) -> "LanguageModel":
        """The language model, loaded at the first call."""
        if self._language_model is None:
            from spider_cli.devices import choose_device, choose_dtype
            from spider_cli.lmm import load_language_model

            device, _ = choose_device(self._device)
            dtype, _ = choose_dtype(self._dtype, device)
            self._language_model = load_language_model(self.folder.path, device=device, dtype=dtype)
        return self._language_model

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
        return Grounder(self.load(), segmenter or self.load_segmenter, temperature, chosen)

    def temperature(self, task: Literal["grounding", "scoring"]) -> float:
        """Temperature of a task's closed sets of words, as the model's folder has it; else 1."""
        return self.plan.temperature if task == "grounding" else self._score_temperature

    # -- the tasks -----------------------------------------------------------------------------

    def describe(
        self,
        photos: Iterable[PhotoLike],
        *,
        boxes: Sequence[BoxSpec] = (),
        region: str | None = None,
    ) -> Iterator[Record]:
        """Task 1, the whole photo in words; with boxes or a region task 2, that part alone.

        Args:
            boxes: one record per photo and box.
            region: a phrase ("top left"); nano takes positional phrases only.

        Raises:
            UsageError: both boxes and a region, or a phrase this model cannot place.
        """
        if boxes and region is not None:
            raise UsageError("--box and --region exclude each other")
        specs = list(boxes)
        phrase: str | None = None
        if region is not None:
            spec = region_box(region)
            if spec is not None:
                specs = [spec]
            elif self.folder.understands_names():
                phrase = region
            else:
                raise UsageError(
                    f"{self.model} does not know the region {region!r}: it takes positions "
                    "(top left, bottom, centre, ...), not names of things",
                    hint="give --box x1,y1,x2,y2, or a model that understands names, such as "
                    "--model DIR with a folder of Qwen/Qwen3-VL-8B-Instruct or "
                    "Qwen/Qwen2.5-VL-7B-Instruct",
                    code="region_not_understood",
                )

        def judge(jobs: list[_Job], looks: "list[Look]") -> "list[Result | PhotoError]":
            asked = [self._describe_question(job, phrase) for job in jobs]
            answers = self._ask(looks, asked)
            results: list[Result | PhotoError] = []
            for job, question, answer in zip(jobs, asked, answers, strict=True):
                found, other = questions.parse_distortions(answer.text)
                text = answer.text.strip()
                results.append(Description(question, text, found, other, job.box))
            return results

        return self._run("describe", photos, judge, specs)

    def score(self, photos: Iterable[PhotoLike]) -> Iterator[Record]:
        """Task-free scoring: the expectation over five level words at the answer position."""
        from spider_cli.scoring import LevelReader

        reader: list[LevelReader] = []

        def judge(jobs: list[_Job], looks: "list[Look]") -> "list[Result | PhotoError]":
            from spider_cli.lmm import Ask

            model = self.load()
            if not reader:
                reader.append(LevelReader(model, self.temperature("scoring")))
            asks = [
                Ask(look, questions.SCORE_QUESTION, prefix=questions.SCORE_PREFIX) for look in looks
            ]
            return [reader[0].read(row) for row in model.next_logits(asks)]

        return self._run("score", photos, judge)

    def refer(
        self, photos: Iterable[PhotoLike], boxes: Sequence[BoxSpec], *, long: bool = False
    ) -> Iterator[Record]:
        """Task 4: the distortions inside each box; `long` adds their visual effects.

        Raises:
            UsageError: no box.
        """
        if not boxes:
            raise UsageError("refer needs at least one --box x1,y1,x2,y2")

        def judge(jobs: list[_Job], looks: "list[Look]") -> "list[Result | PhotoError]":
            asked = [questions.refer_question(_box_text(job), long=long) for job in jobs]
            results: list[Result | PhotoError] = []
            for job, question, answer in zip(jobs, asked, self._ask(looks, asked), strict=True):
                found, other = questions.parse_distortions(answer.text)
                assert job.box is not None
                results.append(Referral(question, job.box, answer.text.strip(), found, other))
            return results

        return self._run("refer", photos, judge, list(boxes))

    def ground(
        self,
        photos: Iterable[PhotoLike],
        question: str,
        *,
        with_pixels: bool = False,
        rule: Rule | None = None,
    ) -> Iterator[Record]:
        """Task 3: the region a question asks for, as words, then a point, then a mask.

        Args:
            question: see `spider_cli.questions.ground_question`, or any free question.
            with_pixels: keep each photo's pixels on its result, for pictures.
            rule: how words become a mask (`rules.rule_named`); None: the model folder's.

        Raises:
            UsageError: an empty question.
        """
        if not question.strip():
            raise UsageError("the question is empty")

        def judge(jobs: list[_Job], looks: "list[Look]") -> "list[Result | PhotoError]":
            answers = self._ask(looks, [question] * len(looks))
            grounder = self.grounder(rule=rule)
            return [
                grounder.ground(job.photo, look, question, answer, with_pixels=with_pixels)
                for job, look, answer in zip(jobs, looks, answers, strict=True)
            ]

        return self._run("ground", photos, judge)

    # -- the way of one photo ------------------------------------------------------------------

    def _run(
        self,
        command: Command,
        photos: Iterable[PhotoLike],
        judge: Judge,
        specs: Sequence[BoxSpec] = (),
    ) -> Iterator[Record]:
        """Decode ahead, look once per photo, judge in batches, hand on in order."""
        feed = Feed(photos, batch_size=self.batch_size, max_pixels=self.max_pixels)
        for batch in feed:
            loaded = [photo for _, photo in batch if isinstance(photo, Photo)]
            if loaded:
                self.load()  # once, and no photo's time
            started = time.monotonic()
            looks = self.load().look([photo.pixels for photo in loaded]) if loaded else []
            look_of = {id(photo): look for photo, look in zip(loaded, looks, strict=True)}
            slots: list[tuple[Source, _Job | PhotoError, Look | None]] = []
            for source, photo in batch:
                if isinstance(photo, PhotoError):
                    slots.append((source, photo, None))
                    continue
                for job in _jobs(photo, specs):
                    slots.append((source, job, look_of[id(photo)]))
            jobs = [(job, look) for _, job, look in slots if isinstance(job, _Job) and look]
            results: list[Result | PhotoError] = []
            for start in range(0, len(jobs), self.batch_size):
                part = jobs[start : start + self.batch_size]
                results += judge([job for job, _ in part], [look for _, look in part])
            seconds = (time.monotonic() - started) / max(1, len(slots))
            told = iter(results)
            for source, slot, look in slots:
                outcome = next(told) if isinstance(slot, _Job) and look else slot
                notes = slot.notes if isinstance(slot, _Job) else ()
                yield self._record(command, source, outcome, look, seconds, notes)

    def _record(
        self,
        command: Command,
        source: Source,
        outcome: Any,
        look: "Look | None",
        seconds: float,
        notes: tuple[str, ...],
    ) -> Record:
        views: tuple[View, ...] = look.views if look is not None else ()
        if isinstance(outcome, PhotoError):
            outcome = Failure(outcome.code, outcome.message, outcome.hint)
        return Record(
            command=command,
            photo=source.name,
            model=self.model,
            revision=self.revision,
            seconds=seconds,
            looked_at=views,
            outcome=outcome,
            photo_b64=source.name_b64,
            notes=notes,
        )

    def _describe_question(self, job: _Job, phrase: str | None) -> str:
        if phrase is not None:
            return questions.describe_region_question(phrase)
        if job.box is not None:
            return questions.describe_region_question(_box_text(job))
        return questions.describe_question()

    def _ask(self, looks: "list[Look]", asked: Sequence[str]) -> "list[Answer]":
        from spider_cli.lmm import Ask

        asks: list[Ask] = [Ask(look, question) for look, question in zip(looks, asked, strict=True)]
        return self.load().ask(asks)


def _box_text(job: _Job) -> str:
    assert job.box is not None
    return questions.box_phrase(job.box, job.photo.width, job.photo.height)


def _jobs(photo: Photo, specs: Sequence[BoxSpec]) -> Iterator[_Job | PhotoError]:
    """The records one photo needs: itself, or one per box."""
    if not specs:
        yield _Job(photo, None, photo.notes)
        return
    for index, spec in enumerate(specs):
        notes = photo.notes if index == 0 else ()
        try:
            box, clipped = spec.resolve(photo.width, photo.height)
        except PhotoError as error:
            yield PhotoError(
                f"{photo.source.name}: {error.message}", hint=error.hint, code=error.code
            )
            continue
        if clipped:
            said = ",".join(map(str, box))
            notes = (*notes, f"{photo.source.name}: box clipped to the photo: {said}")
        yield _Job(photo, box, notes)
