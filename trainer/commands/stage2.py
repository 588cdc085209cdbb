"""What `spider train stage2` does with its options: run, print the report, write the files."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from spider_cli.commands.progress import Progress
from spider_cli.outputs import messages
from trainer.evaluate.table import write

if TYPE_CHECKING:
    from trainer.grounding_stage.measured import Measured
    from trainer.stage2 import Settings

__all__ = ["run_stage2"]


def run_stage2(settings: "Settings", *, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Report on stdout; progress, and where the files are, on stderr.

    Raises:
        UsageError: it cannot start, or cannot be written.
    """
    from spider_cli.commands.downloading import or_download
    from trainer.stage2 import Stage2

    stage = or_download(lambda: Stage2(settings, dry=dry_run), quiet=quiet)
    if dry_run:
        if as_json:
            _print({"words": [one.to_json() for one in stage.words], "photos": stage.photos,
                    "questions": len(stage.cases), "rules": [one.name for one in stage.rules],
                    "segmenter": stage.segmenter_name})  # fmt: skip
        else:
            write(stage.grids, sys.stdout)
        return

    @contextlib.contextmanager
    def phase(label: str, total: int) -> Iterator[Callable[[], None]]:
        with Progress(total, shown=not quiet, label=label) as progress:
            yield progress.step

    measured = stage.run(phase)
    written = [str(path) for path in measured.write()]
    if as_json:
        _print({"grounding": measured.grounding(), "scoring": measured.scoring(),
                "describing": measured.describing_settings(), "written": written})  # fmt: skip
    else:
        write(measured.grids, sys.stdout)
    if not quiet:
        _say(measured, written)


def _say(measured: "Measured", written: list[str]) -> None:
    answers = measured.answers
    messages.plain(
        f"{sum(answers[one] for one in ('place', 'whole', 'nothing'))} answers: "
        f"{answers['place']} name a place ({answers['probed']} of them only when probed), "
        f"{answers['whole']} the whole image, {answers['nothing']} none; "
        f"{measured.trials.masks:,} prompts given to the segmenter"
    )
    against = measured.figures[measured.rule.name].against_paper
    if against is not None and against.low <= 0:
        messages.warning(
            f"{measured.rule.name} is not surely better than the paper's rule: held out it is "
            f"{against.difference:+.3f}, of 95% {against.low:+.3f} to {against.high:+.3f}"
        )
    for path in written:
        messages.plain(f"wrote {path}")


def _print(value: dict[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False))
