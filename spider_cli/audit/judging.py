"""A shot judged: scored, described and grounded in one look, with its facts and pictures."""

import errno
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from spider_cli.audit.why import why
from spider_cli.errors import PhotoError, UsageError
from spider_cli.questions import ground_question
from spider_cli.results import (
    Audited,
    Description,
    Failure,
    Grounding,
    Record,
    Result,
    Score,
    WordedGrounding,
    WordedScore,
)
from spider_cli.sources import Source

if TYPE_CHECKING:
    from spider_cli.audit.entry import Preview
    from spider_cli.auditor import Auditor
    from spider_cli.evidence import Asked
    from spider_cli.jobs import Job
    from spider_cli.outputs.pictures import Pictures, Plan
    from spider_cli.photos import Photo
    from spider_cli.requests import Request
    from spider_cli.shot_facts import Facts
    from spider_cli.shots import Shot

__all__ = ["Decoded", "Judge", "Judged", "failed", "named_as"]

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Judged:
    """A shot, and what was found."""

    shot: "Shot"
    record: Record
    """Without arrays: small."""
    preview: "Preview | None" = None
    """Where previews are made, and the photo was judged just now."""
    known: bool = False
    """It was judged by an earlier run."""
    lacks: str = ""
    """Why its pictures are not there, where a full disk took none: what was found stands."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A shot whose photo was decoded elsewhere, with what was read of its file there."""

    shot: "Shot"
    photo: "Photo"
    facts: "Facts"


class Judge:
    """Judges shots by one auditor.

    Args:
        auditor: what looks at them.
        pictures: where the pictures of each photo's worst region go, if anywhere.
        previews: make small pictures for reports.
        amend: is given an earlier run's record that `again` has added something to.
        ends: a full disk under the pictures ends it; else photos go without (`Judged.lacks`).
    """

    def __init__(
        self,
        auditor: "Auditor",
        *,
        pictures: "Pictures | None" = None,
        previews: bool = False,
        amend: "Callable[[Shot, Record], object] | None" = None,
        ends: bool = True,
    ) -> None:
        self.auditor = auditor
        self._ends = ends
        self._amend = amend
        self._pictures = pictures
        self._previews = previews
        self._plans: dict[Source, Plan] = {}
        self._facts: _Laid[Facts] = _Laid()
        self._read: dict[int, Facts] = {}
        self._made: _Laid[Preview] = _Laid()
        self._lacking: _Laid[str] = _Laid()

    def refused(self, shot: "Shot") -> Judged | None:
        """Find a place for the shot's pictures; its failure where they have none.

        To be called before anything else is done about the shot.
        """
        if self._pictures is None or shot.photo in self._plans:
            return None
        try:
            self._plans[shot.photo] = self._pictures.plan(shot.photo)
        except PhotoError as error:
            return Judged(shot, failed(self.auditor, shot, error))
        return None

    def again(self, shot: "Shot", record: Record) -> Judged | None:
        """What an earlier run found, as this one would have; None if it did not do all of it.

        Args:
            record: of the same photo, judged by the same model in the same way.
        """
        named = named_as(shot, self._hashed(shot, record))
        plan = self._plans.get(shot.photo)
        outcome = named.outcome
        if isinstance(outcome, Audited) and isinstance(outcome.region, Grounding):
            files = None
            if plan is not None:
                # Unlike Path.is_file it says of a name that is too long that there is none.
                if not all(os.path.isfile(path) for path in plan):  # noqa: PTH113
                    return None
                files = plan.files
            region = replace(outcome.region, files=files)
            named = replace(named, outcome=replace(outcome, region=region))
        return Judged(shot, named, known=True)

    def _hashed(self, shot: "Shot", record: Record) -> Record:
        """The record with the hash that bursts need, also if imagehash was not there at first."""
        from spider_cli.audit.facts import can_hash, look_of
        from spider_cli.photos import open_photo

        outcome = record.outcome
        if not isinstance(outcome, Audited) or outcome.facts.look is not None or not can_hash():
            return record
        try:
            photo = open_photo(shot.photo, max_decode_pixels=self.auditor.max_decode_pixels)
        except PhotoError:  # it is changing this moment: the next run will tell
            return record
        facts = replace(outcome.facts, look=look_of(photo.pixels))
        hashed = replace(record, outcome=replace(outcome, facts=facts))
        if self._amend is not None:
            self._amend(shot, hashed)
        return hashed

    def judged(self, shots: Iterable["Shot | Decoded"]) -> Generator[Judged, None, None]:
        """Each shot in order, each file decoded once.

        Args:
            shots: read ahead of what is judged, on another thread. What is decoded already must
                bear the shot's own source.

        Raises:
            UsageError: the disk that pictures go to is full, and that ends it.
        """
        in_hand: deque[Shot] = deque()

        def photos() -> "Iterator[Source | Photo]":
            for one in shots:
                if isinstance(one, Decoded):
                    in_hand.append(one.shot)
                    self._read[id(one.photo)] = one.facts
                    yield one.photo
                else:
                    in_hand.append(one)
                    yield one.photo

        requests = [
            self.auditor.to_score(),
            self.auditor.to_describe(),
            self._drawn(
                self.auditor.to_ground(ground_question(extreme="most"), with_pixels=self._draws)
            ),
        ]
        together = self.auditor.together(photos(), requests, decoded=self._decoded, steady=True)
        for records in together:
            shot = in_hand.popleft()
            record = _one(shot, records, self._facts.take(shot.photo))
            preview = self._made.take(shot.photo)
            lacks = self._lacking.take(shot.photo) or ""
            yield Judged(shot, record, None if record.failed else preview, lacks=lacks)

    @property
    def _draws(self) -> bool:
        return self._pictures is not None or self._previews

    def _decoded(self, photo: "Photo") -> None:
        from spider_cli.audit.facts import facts_of

        facts = self._read.pop(id(photo), None)  # the photo is alive: no other has its number
        self._facts.lay(photo.source, facts_of(photo) if facts is None else facts)

    def _drawn(self, request: "Request") -> "Request":
        """The request, its pictures made photo by photo, so that arrays do not pile up."""
        read = request.read
        if not self._draws or read is None:
            return request
        inner: Callable[[Job, str, Asked], Result] = read

        def draw(job: "Job", question: str, asked: "Asked") -> Result:
            region = inner(job, question, asked)
            source = job.photo.source
            if self._previews:
                from spider_cli.audit.report.preview import preview_of_photo

                probability = region.probability if isinstance(region, Grounding) else None
                self._made.lay(source, preview_of_photo(job.photo.pixels, probability))
            if isinstance(region, Grounding) and self._pictures is not None:
                region = self._written(self._pictures, source, region)
            if isinstance(region, Grounding):
                return replace(region, pixels=None, probability=None)
            return region

        return replace(request, read=draw)

    def _written(self, pictures: "Pictures", source: Source, region: Grounding) -> Grounding:
        try:
            return pictures.write(self._plans[source], region)
        except PhotoError as error:
            cause = error.__cause__
            if not isinstance(cause, OSError) or cause.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            if self._ends:
                raise UsageError(
                    f"cannot write into {pictures.folder}: {cause.strerror}",
                    hint="make room, and run the same again: what was judged is kept",
                    code="no_room",
                ) from error
            # Hours of other photos may follow: that is no reason to lose what is found of them.
            self._lacking.lay(source, error.message)
            return region


class _Laid(Generic[Item]):
    """What was made of photos on one thread, laid down for another; of a photo that is in hand
    twice, as a watch may have it, in turn."""

    def __init__(self) -> None:
        self._items: dict[Source, deque[Item]] = {}
        self._lock = threading.Lock()

    def lay(self, source: Source, item: Item) -> None:
        with self._lock:
            self._items.setdefault(source, deque()).append(item)

    def take(self, source: Source) -> Item | None:
        """None where there is none."""
        with self._lock:
            items = self._items.get(source)
            if items is None:
                return None
            if len(items) == 1:
                del self._items[source]
            return items.popleft()


def failed(auditor: "Auditor", shot: "Shot", error: PhotoError) -> Record:
    """The record of a shot that was not looked at."""
    record = Record(
        command="audit",
        photo=shot.photo.name,
        model=auditor.model,
        revision=auditor.revision,
        seconds=0.0,
        max_pixels=auditor.max_pixels,
        looked_at=(),
        outcome=Failure(error.code, error.message, error.hint),
        untuned=auditor.untuned,
        quantize=auditor.quantize,
    )
    return named_as(shot, record)


def named_as(shot: "Shot", record: Record) -> Record:
    """The record with the names by which this run knows the shot."""
    raw = shot.raw
    return replace(
        record,
        photo=shot.photo.name,
        photo_b64=shot.photo.name_b64,
        raw=None if raw is None else raw.name,
        raw_b64=None if raw is None else raw.name_b64,
    )


def _one(shot: "Shot", records: list[Record], facts: "Facts | None") -> Record:
    """One record of the three; it has failed where one of them has."""
    scored, described, grounded = records
    notes = tuple(dict.fromkeys(note for one in records for note in one.notes))
    whole = replace(
        named_as(shot, scored),
        command="audit",
        seconds=sum(one.seconds for one in records) if scored.looked_at else 0.0,
        notes=notes,
    )
    for one in records:
        if isinstance(one.outcome, Failure):
            return replace(whole, outcome=one.outcome)
    score, description, region = scored.outcome, described.outcome, grounded.outcome
    assert isinstance(score, Score | WordedScore)
    assert isinstance(description, Description)
    assert isinstance(region, Grounding | WordedGrounding)
    assert facts is not None
    reason = why(score.level, description.answer)
    return replace(whole, outcome=Audited(score, description, region, reason, facts))
