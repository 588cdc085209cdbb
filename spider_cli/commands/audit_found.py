"""The shots that `spider audit` is to look at."""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from spider_cli.commands.audit_plan import AuditPlan
from spider_cli.commands.options import Common
from spider_cli.commands.running import photos_found
from spider_cli.errors import UsageError
from spider_cli.extras import RAW, Waiting

if TYPE_CHECKING:
    from spider_cli.shots import Shot

__all__ = ["arriving_shots", "found_shots"]


def found_shots(common: Common, plan: AuditPlan) -> "tuple[list[Shot], Waiting]":
    """The shots that are named, each once, and the photos that wait for an extra.

    RAW files pair with their JPEG whether or not spider could decode them: it looks at the JPEG.

    Raises:
        UsageError: there is no photo.
    """
    from spider_cli.shots import shots

    waiting = Waiting()
    named = common.paths or ()
    sources = list(plan.outside(photos_found(common, waiting), named))
    if not sources:
        raise UsageError(
            "no photo found but those that audits wrote themselves",
            hint="name the folder of the photos",
            code="no_photos",
        )
    raws = [one for one in waiting.photos if one.path.suffix.lower() in RAW.suffixes]
    passed_over = list(plan.outside(raws, named))
    mine = {source.path for source in sources}
    found = [shot for shot in shots([*sources, *passed_over]) if shot.photo.path in mine]
    return found, waiting.without(shot.raw for shot in found if shot.raw is not None)


def arriving_shots(
    common: Common, plan: AuditPlan, waiting: Waiting, stop: threading.Event
) -> "Iterator[Shot | None]":
    """The shots that are in the folders, and those that come; None while none does.

    Args:
        waiting: takes note of the photos that wait for an extra.
        stop: ends it.

    Raises:
        UsageError: at the first ``next``, where there is no folder to watch.
    """
    from spider_cli.audit.arriving import arriving
    from spider_cli.audit.watch import watch

    named = common.paths or ()
    come = watch(named, recursive=common.recursive, waiting=waiting, stop=stop)
    ours = (shot for shot in come if any(plan.outside([shot.photo], named)))
    return arriving(ours, stop)
