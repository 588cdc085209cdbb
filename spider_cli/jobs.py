"""The records that one photo needs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spider_cli.boxes import BoxSpec
from spider_cli.errors import PhotoError
from spider_cli.photos import Photo, Source
from spider_cli.questions import box_phrase
from spider_cli.results import Box

__all__ = ["Job", "box_text", "jobs_of", "naming"]


@dataclass(frozen=True, slots=True)
class Job:
    """One record to make: a photo, and a box where the command has one."""

    photo: Photo
    box: Box | None
    notes: tuple[str, ...]


def box_text(job: Job) -> str:
    """The job's box as questions spell it."""
    assert job.box is not None
    return box_phrase(job.box, job.photo.width, job.photo.height)


def jobs_of(photo: Photo, specs: Sequence[BoxSpec]) -> Iterator[Job | PhotoError]:
    """The records one photo needs: itself, or one per box."""
    if not specs:
        yield Job(photo, None, photo.notes)
        return
    for index, spec in enumerate(specs):
        notes = photo.notes if index == 0 else ()
        try:
            box, clipped = spec.resolve(photo.width, photo.height)
        except PhotoError as error:
            yield naming(photo.source, error)
            continue
        if clipped:
            said = ",".join(map(str, box))
            notes = (*notes, f"{photo.source.name}: box clipped to the photo: {said}")
        yield Job(photo, box, notes)


def naming(source: Source, error: PhotoError) -> PhotoError:
    """The error of what knows no photo, a box or a server, with the photo's name before it."""
    return PhotoError(f"{source.name}: {error.message}", hint=error.hint, code=error.code)
