"""A run of `spider audit`: each shot is judged, or known from an earlier run, and told at once."""

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from spider_cli.commands.audit_end import Ending
from spider_cli.commands.audit_found import arriving_shots, found_shots
from spider_cli.commands.audit_options import Asked
from spider_cli.commands.audit_plan import AuditPlan, marked
from spider_cli.commands.audit_printing import Lines, Paths, Printer, Records
from spider_cli.commands.options import Common
from spider_cli.commands.progress import Progress
from spider_cli.commands.running import auditor_for, outputs, prepare, tell_failure, tell_loaded
from spider_cli.commands.startup import loading_first
from spider_cli.errors import PhotoError, UsageError
from spider_cli.extras import Waiting
from spider_cli.heap import Heap
from spider_cli.outputs import messages

if TYPE_CHECKING:
    from spider_cli.audit.choosing import Summary
    from spider_cli.audit.entry import Preview
    from spider_cli.audit.judging import Judged
    from spider_cli.audit.rate import Rater
    from spider_cli.audit.spool import Spool
    from spider_cli.audit.state import State
    from spider_cli.auditor import Auditor
    from spider_cli.results import Record
    from spider_cli.shots import Shot

__all__ = ["run_audit", "say_status", "state_file"]


def run_audit(common: Common, asked: Asked, plan: AuditPlan) -> tuple[int, bool]:
    """Look at a shoot.

    Returns:
        How many photos, ratings and copies failed, and whether the gate did.

    Raises:
        UsageError: the run cannot start, or something cannot be written.
        PhotoError: it stopped for want of room.
    """
    from spider_cli.audit.spool import Spool

    prepare(common)
    heap = Heap()
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        printers = _printers(common, asked, plan, stack)
        rater = _rater(asked, stack)
        shots: Iterable[Shot | None]
        if asked.watch:
            waiting, total = Waiting(), None
            shots = arriving_shots(common, plan, waiting, stop)
        else:
            shots, waiting = found_shots(common, plan)
            total = len(shots)
        if waiting and not common.quiet:
            messages.warning(str(waiting))
        auditor = auditor_for(common, jobs=asked.jobs)
        state = _state_or_passing(common, asked, auditor, stack)
        spool = stack.enter_context(Spool())
        if asked.watch:
            from spider_cli.audit.watch import ending

            stack.enter_context(ending(stop))
        running = _Running(common, asked, plan, printers, rater, spool)
        with Progress(total, shown=not common.quiet) as progress:
            if not common.quiet:
                auditor.told = lambda loaded: tell_loaded(loaded, progress, bundled=common.debug)
                for notice in auditor.grounding_notices:
                    messages.warning(notice)
            running.check_room()
            for judged in loading_first(_judged(shots, auditor, state, plan, watch=asked.watch)):
                progress.clear()
                running.take(judged)
                progress.step(known=judged.known)
                heap.give_back()
        if asked.watch and waiting and not common.quiet:
            messages.warning(str(waiting))
        shown = list(running.shots.values())
        end = Ending(common, asked, plan, shown, spool, state)
        running.failed += end.write(printers)
        if not common.quiet:
            end.sum_up(running.fresh, rater, lacking=running.lacking)
        return running.failed, end.gate_failed()


def say_status(common: Common, asked: Asked, plan: AuditPlan) -> None:
    """Print what is kept; where photos are named, how many of them would be judged.

    Raises:
        UsageError: the state cannot be read, or there is no photo.
    """
    import json

    from spider_cli.audit.state_status import status_of

    status = status_of(state_file(asked))
    said, lines = status.to_json(), status.lines()
    if common.paths:
        prepare(common)
        shots, _ = found_shots(common, plan)
        with _state(common, asked, auditor_for(common), read_only=True) as state:
            known, missing = state.to_do(shots)
        said |= {"known": known, "to_do": missing}
        lines.append(f"of {len(shots)} photos named {known} are known, {missing} would be judged")
    for line in [json.dumps(said, ensure_ascii=True)] if common.json else lines:
        typer.echo(line)


def state_file(asked: Asked) -> Path:
    """Where what was judged is kept."""
    from spider_cli.audit.state import default_file

    return default_file() if asked.state is None else Path(asked.state)


# -- before ----------------------------------------------------------------------------------------


def _printers(
    common: Common, asked: Asked, plan: AuditPlan, stack: contextlib.ExitStack
) -> list[Printer]:
    """What stdout and ``--output`` get; a dry run keeps stdout for what it would do."""
    printers: list[Printer] = []
    if plan.listed is None and plan.template is None and not asked.dry_run:
        printers.append(Records(outputs(common, "audit", stack), plan.choice))
    elif common.output is not None:
        from spider_cli.outputs.writers import to_file

        file = stack.enter_context(to_file("audit", common.output, overwrite=common.force))
        printers.append(Records([file], plan.choice))
    if plan.listed is not None:
        printers.append(Paths(plan.listed, plan.choice, null=asked.print0))
    if plan.template is not None:
        printers.append(Lines(plan.template, plan.choice, null=asked.print0))
    return printers


def _rater(asked: Asked, stack: contextlib.ExitStack) -> "Rater | None":
    if not asked.xmp:
        return None
    from spider_cli.commands.audit_ratings import rater_for

    return stack.enter_context(rater_for(asked))


def _state(common: Common, asked: Asked, auditor: "Auditor", *, read_only: bool = False) -> "State":
    from spider_cli.audit.state import State
    from spider_cli.audit.state_settings import settings_of
    from spider_cli.served import is_served

    if is_served(auditor.model):
        auditor.open()  # it says which model it has
    return State(
        state_file(asked),
        settings_of(auditor, device=common.device, dtype=common.dtype),
        auditor.revision,
        decoded_to=common.max_decode_pixels,
        fresh=asked.fresh,
        read_only=read_only,
    )


def _state_or_passing(
    common: Common, asked: Asked, auditor: "Auditor", stack: contextlib.ExitStack
) -> "State":
    """The state; where it cannot be had and nobody is to blame, one that ends with the run.

    Raises:
        UsageError: the file that was named is none of ours, or broken.
    """
    import tempfile

    try:
        return stack.enter_context(_state(common, asked, auditor))
    except UsageError as error:
        chosen = asked.state is not None and error.code != "state_locked"
        if chosen or error.code not in ("state_locked", "state_unusable", "state_full"):
            raise
        messages.warning(f"{error.message}: what this audit finds is not kept for the next one")
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="spider-audit-"))
        passing = replace(asked, state=str(Path(folder) / "audit.sqlite"))
        return stack.enter_context(_state(common, passing, auditor))


# -- shot by shot ----------------------------------------------------------------------------------


def _judged(
    shots: "Iterable[Shot | None]",
    auditor: "Auditor",
    state: "State",
    plan: AuditPlan,
    *,
    watch: bool,
) -> "Iterator[Judged]":
    from spider_cli.audit.judging import Judge
    from spider_cli.audit.line import Line
    from spider_cli.outputs.pictures import Pictures

    pictures = None
    if plan.pictures is not None:
        pictures = Pictures(marked(plan.pictures), overwrite=True)
    judge = Judge(
        auditor,
        pictures=pictures,
        previews=plan.shows_pictures,
        amend=state.amend,
        ends=False,
    )

    def keep(shot: "Shot", record: "Record", preview: "Preview | None") -> None:
        state.keep(shot, _without_files(record), preview)

    line = Line(judge, keep)
    if watch:
        coming = (None if shot is None else (shot, state.known(shot)) for shot in shots)
        return line.judged(coming)
    return line.judged(state.each(shot for shot in shots if shot is not None))


def _without_files(record: "Record") -> "Record":
    """The record without the paths of pictures, which are this run's own."""
    from spider_cli.results import Audited, Grounding

    outcome = record.outcome
    if not isinstance(outcome, Audited) or not isinstance(outcome.region, Grounding):
        return record
    return replace(record, outcome=replace(outcome, region=replace(outcome.region, files=None)))


@dataclass
class _Running:
    """What is done about each shot, and remembered of it."""

    common: Common
    asked: Asked
    plan: AuditPlan
    printers: list[Printer]
    rater: "Rater | None"
    spool: "Spool"
    shots: "dict[Path, Summary]" = field(default_factory=dict)
    failed: int = 0
    """Photos, ratings, and pictures for which there was no room."""
    lacking: int = 0
    """Photos without the pictures that were asked for: their disk is full."""
    fresh: int = 0
    """Photos that were judged by this run."""

    def take(self, judged: "Judged") -> None:
        """Tell of one shot, and remember what the end needs."""
        from spider_cli.audit.choosing import summed_up
        from spider_cli.audit.flags import flagged

        record = replace(judged.record, flagged=flagged(judged.record, self.plan.flags))
        self.failed += record.failed
        self.fresh += not (judged.known or record.failed)
        tell_failure(record, quiet=self.common.quiet)
        self._tell_lacking(judged.lacks)
        summary = summed_up(self.spool.add(record), judged.shot, record)
        # Under a watch, one that changed is judged again, and a RAW file that came first was alone.
        self.shots[judged.shot.photo.path] = summary
        if judged.shot.raw is not None:
            self.shots.pop(judged.shot.raw.path, None)
        for printer in () if self.plan.at_the_end else self.printers:
            if printer.streams(summary):
                printer.show(summary, record)
        self._rate(judged.shot, record)
        self.check_room()

    def _tell_lacking(self, why: str) -> None:
        """Once: where one photo's pictures have no room, others' will have none."""
        if why and not self.lacking:
            messages.error(
                why,
                "the audit goes on, and counts photos without pictures; make room, and run the "
                "same again for these",
            )
        self.lacking += bool(why)
        self.failed += bool(why)

    def _rate(self, shot: "Shot", record: "Record") -> None:
        if self.rater is None:
            return
        from spider_cli.commands.audit_ratings import say_rated

        try:
            rated = self.rater.rate(shot, record)
        except PhotoError as error:
            self.failed += 1
            messages.error(error.message, error.hint)
            return
        if rated is not None and self.asked.dry_run:
            say_rated(rated, as_json=self.common.json)

    def check_room(self) -> None:
        """Stop where ``--min-free`` says so.

        Raises:
            PhotoError: a disk has less room.
        """
        least = self.asked.min_free
        if least is not None:
            for folder in self.plan.written_to(state_file(self.asked)):
                _check_room(folder, least)


def _check_room(folder: Path, least: int) -> None:
    import shutil

    nearest = folder.absolute()
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    free = shutil.disk_usage(nearest).free
    if free < least:
        raise PhotoError(
            f"stopped: {folder} has {free / 1e6:,.0f} MB of room left, less than the "
            f"{least / 1e6:,.0f} MB of --min-free",
            hint="make room, and run the same again: what was judged is kept",
            code="no_room",
        )
