"""The core: look at a photo once, ask it many questions, hand back typed records."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from spider_cli.boxes import BoxSpec
from spider_cli.cores import Cores
from spider_cli.devices import Wanted
from spider_cli.errors import PhotoError, UsageError
from spider_cli.feed import DECODING_THREADS, Fed, Feed, PhotoLike
from spider_cli.jobs import Job, jobs_of, naming
from spider_cli.model_in_use import ModelInUse
from spider_cli.photos import Photo
from spider_cli.regions import region_box
from spider_cli.requests import Request, describing, referring, scoring
from spider_cli.results import (
    Description,
    Failure,
    Record,
    Referral,
    Result,
    WordedGrounding,
    WordedScore,
)
from spider_cli.rules import Rule
from spider_cli.weights.loading import in_memory
from spider_cli.weights.quantizing import Quantize

if TYPE_CHECKING:
    from spider_cli.evidence import Asked
    from spider_cli.lmm import Look, Prepared

__all__ = ["Auditor"]


class Auditor(ModelInUse):
    """Judges photos with one model.

    Args:
        model: a name ("nano", "qwen3-vl-8b", OWNER/NAME of the hub) or a local model folder;
            "default" is what `spider models default` chose. Nothing is downloaded. Or
            "openai:URL#NAME", what a server runs.
        device: "auto", "cpu", "cuda" or "mps".
        dtype: "auto", "float32", "bfloat16" or "float16".
        batch_size: questions answered together; a server gets as many requests at a time.
        max_decode_pixels: larger photos fail with code ``too_large``.
        allow_upload: photos may be sent to a server that is not this machine.
        tuned: the server's model was tuned for spider. (Folders say so themselves.)
        max_pixels: of a photo that the model is shown, width times height; its family's default
            when None (`spider_cli.budget`).
        quantize: "int8" or "int4": the language model's layers take less memory, and answers move a
            little; of no account to nano and to servers.
        device_map: "auto", "balanced", "balanced_low_0" or "sequential": over several CUDA GPUs.
            A model that is too large for one is spread over all of them anyway.
        jobs: threads that decode photos ahead.

    Raises:
        UsageError: no such model, device or dtype; or photos would leave this machine; or
            `max_pixels` show nothing. That a device is not in this machine, or that a family takes
            more pixels, shows when the model is loaded.
    """

    def __init__(
        self,
        model: str = "nano",
        *,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int = 8,
        max_decode_pixels: int = 200_000_000,
        allow_upload: bool = False,
        tuned: bool = False,
        max_pixels: int | None = None,
        quantize: Quantize | None = None,
        device_map: str | None = None,
        jobs: int = DECODING_THREADS,
    ) -> None:
        if batch_size < 1:
            raise UsageError(f"--batch-size must be at least 1, not {batch_size}")
        if jobs < 1:
            raise UsageError(f"--jobs must be at least 1, not {jobs}")
        super().__init__(
            model,
            wanted=Wanted(device, dtype, quantize, device_map),
            at_once=batch_size,
            allow_upload=allow_upload,
            tuned=tuned,
            max_pixels=max_pixels,
        )
        self.batch_size = batch_size
        self.max_decode_pixels = max_decode_pixels
        self.jobs = jobs

    # -- the tasks -----------------------------------------------------------------------------

    def to_describe(self, *, boxes: Sequence[BoxSpec] = (), region: str | None = None) -> Request:
        """See `describe`."""
        if boxes and region is not None:
            raise UsageError("--box and --region exclude each other")
        if region is None:
            return describing(tuple(boxes), None)
        spec = region_box(region)
        if spec is not None:
            return describing((spec,), None)
        if self._source.understands_names():
            return describing((), region)
        raise UsageError(
            f"{self.model} does not know the region {region!r}: it takes positions "
            "(top left, bottom, centre, ...), not names of things",
            hint="give --box x1,y1,x2,y2, or a model that understands names, such as "
            "--model DIR with a folder of Qwen/Qwen3-VL-8B-Instruct or "
            "Qwen/Qwen2.5-VL-7B-Instruct",
            code="region_not_understood",
        )

    def to_score(self) -> Request:
        """See `score`."""
        return scoring()

    def to_refer(self, boxes: Sequence[BoxSpec], *, long: bool = False) -> Request:
        """See `refer`."""
        if not boxes:
            raise UsageError("refer needs at least one --box x1,y1,x2,y2")
        return referring(tuple(boxes), long=long)

    def to_ground(
        self, question: str, *, with_pixels: bool = False, rule: Rule | None = None
    ) -> Request:
        """See `ground`."""
        if not question.strip():
            raise UsageError("the question is empty")
        self._source.check_rule(rule or self.plan.rule)

        def read(job: Job, question: str, asked: "Asked") -> Result:
            from spider_cli.evidence import Unreadable

            grounder = self.grounder(rule=rule)
            try:
                region = grounder.ground(
                    job.photo,
                    asked.look,
                    asked.question,
                    asked.answer,
                    evidence=asked.evidence,
                    with_pixels=with_pixels,
                )
            except Unreadable as why:
                return WordedGrounding(question, asked.answer.text.strip(), str(why))
            return replace(region, question=question)

        def gather(asked: "Sequence[Asked]") -> "list[Asked]":
            return self.grounder(rule=rule).gathered(asked)

        return Request("ground", "ground", lambda job: question, read, gather=gather)

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
        return self._each(photos, self.to_describe(boxes=boxes, region=region))

    def score(self, photos: Iterable[PhotoLike]) -> Iterator[Record]:
        """Task-free scoring: the expectation over five level words at the answer position."""
        return self._each(photos, self.to_score())

    def refer(
        self, photos: Iterable[PhotoLike], boxes: Sequence[BoxSpec], *, long: bool = False
    ) -> Iterator[Record]:
        """Task 4: the distortions inside each box; `long` adds their visual effects.

        Raises:
            UsageError: no box.
        """
        return self._each(photos, self.to_refer(boxes, long=long))

    def ground(
        self,
        photos: Iterable[PhotoLike],
        question: str,
        *,
        with_pixels: bool = False,
        rule: Rule | None = None,
    ) -> Iterator[Record]:
        """Task 3: the region a question asks for, as words and as a mask.

        Args:
            question: see `spider_cli.questions.ground_question`, or any free question.
            with_pixels: keep each photo's pixels on its result, for pictures.
            rule: how words become a mask (`rules.rule_named`); None: the model folder's.

        Raises:
            UsageError: an empty question; a rule that this model cannot go by.
        """
        return self._each(photos, self.to_ground(question, with_pixels=with_pixels, rule=rule))

    def _each(self, photos: Iterable[PhotoLike], request: Request) -> Iterator[Record]:
        for records in self.together(photos, [request]):
            yield from records

    # -- the way of one photo ------------------------------------------------------------------

    def together(
        self,
        photos: Iterable[PhotoLike],
        requests: Sequence[Request],
        *,
        decoded: Callable[[Photo], None] | None = None,
        steady: bool = False,
    ) -> Iterator[list[Record]]:
        """Several tasks in one look at each photo: decoded once, encoded once, its questions
        answered together.

        Args:
            requests: of `to_describe`, `to_score`, `to_refer`, `to_ground`.
            decoded: is called with each photo on the thread that decoded it, before it is judged.
            steady: on a processor, where company saves little, judge each photo by itself: then not
                the last digit of a record depends on which photos were judged beside it, nor on
                how many questions are answered together.

        Returns:
            Of each photo, in order, the records of all requests, in theirs.
        """

        cores: Cores | None = None

        def ready(photo: Photo) -> "Prepared | None":
            if decoded is not None:
                decoded(photo)
            if cores is not None:
                cores.take()
            return self._prepared(photo)

        feed = Feed(
            photos,
            batch_size=self.batch_size,
            max_decode_pixels=self.max_decode_pixels,
            prepare=ready,
            threads=self.jobs,
        )
        # Apart until it is known what runs the model.
        apart = steady and (self.opened() is None or self.on_processor)
        told: set[str] = set()  # what is true of all photos is said once
        feed.at_once = 1 if apart else self.batch_size
        try:
            for batch in feed:
                if any(isinstance(one.photo, Photo) for one in batch):
                    self.open()  # once, and no photo's time
                    if cores is None and self.looks_ahead:
                        cores = Cores(self.jobs)
                    apart = steady and self.on_processor
                    feed.at_once = 1 if apart else self.batch_size
                at_once = len(requests) if apart else self.batch_size
                yield from self._records(batch, requests, told, at_once)
                del batch  # its photos have to go before others may be decoded
        finally:
            if cores is not None:
                cores.give_back()

    def _records(
        self, batch: Sequence[Fed], requests: Sequence[Request], told: set[str], at_once: int
    ) -> Iterator[list[Record]]:
        started = time.monotonic()
        slots: list[_Slot] = []
        with in_memory(self.model):
            looks = iter(self._look(batch))
            for one in batch:
                look = next(looks) if isinstance(one.photo, Photo) else None
                slots += _slots(one, look, requests)
            jobs = [slot for slot in slots if isinstance(slot.job, Job)]
            results = iter(self._judged(jobs, at_once))
        ahead = sum(one.prepared.seconds for one in batch if one.prepared is not None)
        seconds = (time.monotonic() - started + ahead) / max(1, len(slots))
        grouped: dict[int, list[Record]] = {id(one): [] for one in batch}
        for slot in slots:
            outcome = next(results) if isinstance(slot.job, Job) else slot.job
            grouped[id(slot.fed)].append(self._record(slot, outcome, seconds, told))
        yield from grouped.values()

    def _prepared(self, photo: Photo) -> "Prepared | None":
        """On a decoding thread: what the model would do first, once it is there."""
        model, started = self.opened(), time.monotonic()
        if model is None:
            return None
        with in_memory(self.model):
            ready = model.prepare(photo.pixels)
        return replace(ready, seconds=time.monotonic() - started)

    def _look(self, batch: Sequence[Fed]) -> "list[Look]":
        ready = [
            one.photo.pixels if one.prepared is None else one.prepared
            for one in batch
            if isinstance(one.photo, Photo)
        ]
        return self.open().look(ready) if ready else []

    def _judged(self, slots: "Sequence[_Slot]", at_once: int) -> "list[Result | PhotoError]":
        """Results of jobs, in order: answers are asked for together, photo by photo; so are
        scores."""
        results: dict[int, Result | PhotoError] = {}
        for judge, wanted in ((self._answered, True), (self._scored, False)):
            own = [slot for slot in slots if (slot.request.read is not None) == wanted]
            for start in range(0, len(own), at_once):
                part = own[start : start + at_once]
                results |= zip(map(id, part), judge(part), strict=True)
        return [results[id(slot)] for slot in slots]

    def _scored(self, slots: "Sequence[_Slot]") -> "Sequence[Result | PhotoError]":
        return self.scorer.rate([slot.look for slot in slots if slot.look is not None])

    def _answered(self, slots: "Sequence[_Slot]") -> "list[Result | PhotoError]":
        from spider_cli.evidence import Asked
        from spider_cli.lmm import Ask

        asks: list[Ask] = []
        own: list[str] = []
        for slot in slots:
            assert isinstance(slot.job, Job)
            assert slot.look is not None
            own.append(slot.request.question(slot.job))
            asks.append(Ask(slot.look, self.worded(slot.request.task, own[-1])))
        told = [
            answer if isinstance(answer, PhotoError) else Asked(ask.look, ask.question, answer)
            for ask, answer in zip(asks, self.open().ask(asks), strict=True)
        ]
        results: list[Result | PhotoError] = []
        for slot, question, asked in zip(slots, own, _gathered(slots, told), strict=True):
            assert isinstance(slot.job, Job)
            assert slot.request.read is not None
            try:
                if isinstance(asked, PhotoError):
                    raise asked
                results.append(slot.request.read(slot.job, question, asked))
            except PhotoError as error:
                results.append(error)
        return results

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
        slot: "_Slot",
        judgement: Result | PhotoError,
        seconds: float,
        told: set[str],
    ) -> Record:
        source = slot.fed.source
        if isinstance(judgement, PhotoError):
            error = naming(source, judgement) if isinstance(slot.job, Job) else judgement
            outcome: Result | Failure = Failure(error.code, error.message, error.hint)
        else:
            outcome = judgement
        notes = slot.job.notes if isinstance(slot.job, Job) else ()
        return Record(
            command=slot.request.command,
            photo=source.name,
            photo_b64=source.name_b64,
            read_as=slot.job.photo.read_as if isinstance(slot.job, Job) else None,
            model=self.model,
            revision=self.revision,
            seconds=seconds,
            max_pixels=self.max_pixels,
            looked_at=slot.look.views if slot.look is not None else (),
            outcome=outcome,
            untuned=self.untuned,
            quantize=self.quantize,
            notes=(*notes, *self._notes(outcome, told)),
        )


@dataclass(frozen=True, slots=True)
class _Slot:
    """One record to be."""

    fed: Fed
    request: Request
    job: Job | PhotoError
    look: "Look | None"


def _slots(fed: Fed, look: "Look | None", requests: Sequence[Request]) -> Iterator[_Slot]:
    for request in requests:
        if isinstance(fed.photo, PhotoError):
            yield _Slot(fed, request, fed.photo, None)
            continue
        for job in jobs_of(fed.photo, request.specs):
            yield _Slot(fed, request, job, look)


def _gathered(
    slots: Sequence[_Slot], told: "Sequence[Asked | PhotoError]"
) -> "list[Asked | PhotoError]":
    """Answers, after what each request does to its own of them together."""
    found = list(told)
    for request in {id(slot.request): slot.request for slot in slots}.values():
        if request.gather is None:
            continue
        places = [
            (index, asked)
            for index, (slot, asked) in enumerate(zip(slots, told, strict=True))
            if slot.request is request and not isinstance(asked, PhotoError)
        ]
        gathered = request.gather([asked for _, asked in places])
        for (index, _), asked in zip(places, gathered, strict=True):
            found[index] = asked
    return found
