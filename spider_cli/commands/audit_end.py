"""What `spider audit` does when all shots are judged: bursts, lists, reports, copies, the gate."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from spider_cli.commands.audit_options import Asked
from spider_cli.commands.audit_plan import AuditPlan
from spider_cli.commands.audit_printing import Printer, print_all
from spider_cli.commands.options import Common
from spider_cli.errors import PhotoError
from spider_cli.outputs import messages

if TYPE_CHECKING:
    from spider_cli.audit.choosing import Summary
    from spider_cli.audit.copying import Copier
    from spider_cli.audit.rate import Rater
    from spider_cli.audit.spool import Spool
    from spider_cli.audit.state import State

__all__ = ["Ending"]


@dataclass(frozen=True)
class Ending:
    """The shots of a run, in the order in which they were judged."""

    common: Common
    asked: Asked
    plan: AuditPlan
    shots: "list[Summary]"
    spool: "Spool"
    state: "State"

    def write(self, printers: Sequence[Printer]) -> int:
        """Print, report and copy what needs all shots; how many copies failed.

        Raises:
            UsageError: something cannot be written.
        """
        from spider_cli.audit.entries import Entries, mark_bursts

        plan, shots = self.plan, self.shots
        if plan.at_the_end or plan.reports or plan.choice.best_of_burst:
            mark_bursts(shots, self.spool)
        for printer in printers if plan.at_the_end else ():
            print_all(printer, Entries(printer.chosen(shots), self.spool, self.state))
        entries = Entries(plan.choice.shown(shots), self.spool, self.state)
        for report in plan.reports:
            report.write(entries, title=self._title())
        return 0 if plan.copier is None else self._copy(plan.copier)

    def _copy(self, copier: "Copier") -> int:
        keepers = self.plan.choice.keepers(self.shots)
        verb, done = ("link", "linked") if copier.link else ("copy", "copied")
        failed = 0
        for one in keepers:
            try:
                planned = copier.plan(one.shot)
                if not self.asked.dry_run:
                    copier.copy(planned, one.shot.photo.name)
            except PhotoError as error:
                failed += 1
                messages.error(error.message, error.hint)
                continue
            for file in planned if self.asked.dry_run else ():
                what = "there already" if file.there else f"would {verb}"
                typer.echo(messages.printable(f"{file.target}: {what}: {file.file}"))
        if not (self.asked.dry_run or self.common.quiet):
            said = f"{len(keepers) - failed} keepers in {copier.folder}"
            messages.plain(f"{said}: {copier.files} files {done}")
        return failed

    def sum_up(self, fresh: int, rater: "Rater | None", *, lacking: int) -> None:
        """Say on stderr how it went.

        Args:
            fresh: photos that were judged by this run.
            lacking: photos whose pictures found no room.
        """
        failed = sum(one.failed for one in self.shots)
        parts = [f"{fresh} judged now", f"{max(0, len(self.shots) - failed - fresh)} known before"]
        parts += [f"{failed} failed"] if failed else []
        parts.append(f"{sum(bool(one.flagged) for one in self.shots)} flagged")
        parts += [f"{lacking} without pictures, for want of room"] if lacking else []
        if rater is not None and not self.asked.dry_run:
            parts.append(f"{rater.written} sidecars written")
        if rater is not None and rater.unnumbered:
            parts.append(f"{rater.unnumbered} without a number, and so without a rating")
        messages.plain(f"{len(self.shots)} photos: {', '.join(parts)}")

    def gate_failed(self) -> bool:
        """Is a photo below ``--fail-under``, or without a number, which has not passed? Says so."""
        under = self.plan.choice.fail_under
        if under is None:
            return False
        judged = [one for one in self.shots if not one.failed]
        below = sum(one.score is not None and one.score < under for one in judged)
        unscored = sum(one.score is None for one in judged)
        if below:
            messages.plain(f"{below} of {len(judged) - unscored} scored below {under:g}")
        if unscored:
            messages.plain(f"{unscored} have no score")
        return below > 0 or unscored > 0

    def _title(self) -> str:
        """What a report is called: the names of what was audited."""
        paths = [os.path.abspath(path) for path in self.common.paths or ()]  # noqa: PTH100
        names = [os.path.basename(path) or path for path in paths]  # noqa: PTH119
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return messages.printable(", ".join(names[:3]) + more)
