"""The core: look at a photo once, ask it many questions, hand back typed records."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from spider_cli import questions
from spider_cli.boxes import BoxSpec
from spider_cli.errors import PhotoError, UsageError
from spider_cli.feed import Feed, PhotoLike
from spider_cli.jobs import Job, box_text, jobs_of, naming
from spider_cli.model_in_use import ModelInUse
from spider_cli.photos import Photo, Source
from spider_cli.regions import region_box
from spider_cli.results import (
    Command,
    Description,
    Failure,
    Record,
    Referral,
    Result,
    View,
    WordedGrounding,
    WordedScore,
)
from spider_cli.rules import Rule

if TYPE_CHECKING:
    from spider_cli.evidence import Asked
    from spider_cli.lmm import Look
    from spider_cli.zero_shot import Task

__all__ = ["Auditor"]


Judge = Callable[[list[Job], "list[Look]"], list["Result | PhotoError"]]
Read = Callable[[Job, str, "Asked"], Result]
"""A job, its question in spider's words, and the question as it was put with the answer."""


class Auditor(ModelInUse):
    """Judges photos with one model.

    Args:
        model: a name ("nano", "qwen3-vl-8b", OWNER/NAME of the hub) or a local model folder;
            "default" is what `spider models default` chose. Nothing is downloaded. Or
            "openai:URL#NAME", what a server runs.
        device: "auto", "cpu", "cuda" or "mps".
        dtype: "auto", "float32", "bfloat16" or "float16".
        batch_size: questions answered together; a server gets as many requests at a time.
        max_pixels: larger photos fail with code ``too_large``.
        allow_upload: photos may be sent to a server that is not this machine.
        tuned: the server's model was tuned for spider. (Folders say so themselves.)

    Raises:
        UsageError: no such model, device or dtype; or photos would leave this machine. That a
            device is not in this machine shows when the model is loaded.
    """

    def __init__(
        self,
        model: str = "nano",
        *,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int = 8,
        max_pixels: int = 200_000_000,
        allow_upload: bool = False,
        tuned: bool = False,
    ) -> None:
        if batch_size < 1:
            raise UsageError(f"--batch-size must be at least 1, not {batch_size}")
        super().__init__(
            model,
            device=device,
            dtype=dtype,
            at_once=batch_size,
            allow_upload=allow_upload,
            tuned=tuned,
        )
        self.batch_size = batch_size
        self.max_pixels = max_pixels

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
            elif self._source.understands_names():
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

        def question(job: Job) -> str:
            if phrase is None and job.box is None:
                return questions.describe_question()
            return questions.describe_region_question(phrase or box_text(job))

        def read(job: Job, question: str, asked: "Asked") -> Result:
            from spider_cli.reading import parse_distortions

            found, other = parse_distortions(asked.answer.text)
            return Description(question, asked.answer.text.strip(), found, other, job.box)

        return self._run("describe", photos, self._asking("describe", question, read), specs)

    def score(self, photos: Iterable[PhotoLike]) -> Iterator[Record]:
        """Task-free scoring: the expectation over five level words at the answer position."""

        def judge(jobs: list[Job], looks: "list[Look]") -> "list[Result | PhotoError]":
            return list(self.scorer.rate(looks))

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
        task: Task = "refer_long" if long else "refer_short"

        def question(job: Job) -> str:
            return questions.refer_question(box_text(job), long=long)

        def read(job: Job, question: str, asked: "Asked") -> Result:
            from spider_cli.reading import parse_distortions

            found, other = parse_distortions(asked.answer.text)
            assert job.box is not None
            return Referral(question, job.box, asked.answer.text.strip(), found, other)

        return self._run("refer", photos, self._asking(task, question, read), list(boxes))

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

        def read(job: Job, question: str, asked: "Asked") -> Result:
            from spider_cli.evidence import Unreadable

            grounder = self.grounder(rule=rule)
            try:
                region = grounder.ground(
                    job.photo, asked.look, asked.question, asked.answer, with_pixels=with_pixels
                )
            except Unreadable as why:
                return WordedGrounding(question, asked.answer.text.strip(), str(why))
            return replace(region, question=question)

        return self._run("ground", photos, self._asking("ground", lambda job: question, read))

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
        told: set[str] = set()  # what is true of all photos is said once
        for batch in feed:
            loaded = [photo for _, photo in batch if isinstance(photo, Photo)]
            if loaded:
                self.open()  # once, and no photo's time
            started = time.monotonic()
            looks = self.open().look([photo.pixels for photo in loaded]) if loaded else []
            look_of = {id(photo): look for photo, look in zip(loaded, looks, strict=True)}
            slots: list[tuple[Source, Job | PhotoError, Look | None]] = []
            for source, photo in batch:
                if isinstance(photo, PhotoError):
                    slots.append((source, photo, None))
                    continue
                for job in jobs_of(photo, specs):
                    slots.append((source, job, look_of[id(photo)]))
            jobs = [(job, look) for _, job, look in slots if isinstance(job, Job) and look]
            results: list[Result | PhotoError] = []
            for start in range(0, len(jobs), self.batch_size):
                part = jobs[start : start + self.batch_size]
                judged = judge([job for job, _ in part], [look for _, look in part])
                for (job, _), one in zip(part, judged, strict=True):
                    source = job.photo.source
                    results.append(naming(source, one) if isinstance(one, PhotoError) else one)
            seconds = (time.monotonic() - started) / max(1, len(slots))
            found = iter(results)
            for source, slot, look in slots:
                notes = slot.notes if isinstance(slot, Job) else ()
                judgement = next(found) if isinstance(slot, Job) else slot
                outcome = (
                    Failure(judgement.code, judgement.message, judgement.hint)
                    if isinstance(judgement, PhotoError)
                    else judgement
                )
                notes = (*notes, *self._notes(outcome, told))
                yield self._record(command, source, outcome, look, seconds, notes)

    def _asking(self, task: "Task", question: Callable[[Job], str], read: Read) -> Judge:
        """What asks each job its question, and reads the answers; what fails is its error."""

        def judge(jobs: list[Job], looks: "list[Look]") -> "list[Result | PhotoError]":
            from spider_cli.evidence import Asked
            from spider_cli.lmm import Ask

            own = [question(job) for job in jobs]
            asks = [Ask(look, self.worded(task, one)) for look, one in zip(looks, own, strict=True)]
            results: list[Result | PhotoError] = []
            answers = self.open().ask(asks)
            for job, one, ask, answer in zip(jobs, own, asks, answers, strict=True):
                try:
                    if isinstance(answer, PhotoError):
                        raise answer
                    results.append(read(job, one, Asked(ask.look, ask.question, answer)))
                except PhotoError as error:
                    results.append(error)
            return results

        return judge

    def _notes(self, outcome: Result | Failure, told: set[str]) -> Iterator[str]:
        """What is worth a warning about a result.

        Args:
            told: of the run; what is said here once for all photos is added.
        """
        if isinstance(outcome, WordedGrounding | WordedScore) and outcome.worded not in told:
            told.add(outcome.worded)
            yield f"{outcome.worded}: there are words alone"
        if not self.untuned or not isinstance(outcome, Description | Referral):
            return
        from spider_cli.reading import says_nothing

        if not (outcome.distortions or outcome.other or says_nothing(outcome.answer)):
            yield (
                "the answer names no distortion that spider can read, nor says that there is none"
            )

    def _record(
        self,
        command: Command,
        source: Source,
        outcome: Result | Failure,
        look: "Look | None",
        seconds: float,
        notes: tuple[str, ...],
    ) -> Record:
        views: tuple[View, ...] = look.views if look is not None else ()
        return Record(
            command=command,
            photo=source.name,
            model=self.model,
            revision=self.revision,
            seconds=seconds,
            looked_at=views,
            outcome=outcome,
            photo_b64=source.name_b64,
            untuned=self.untuned,
            notes=notes,
        )
