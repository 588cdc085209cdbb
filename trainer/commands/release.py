"""`spider eval release`: saved results beside the release criteria."""

import json
import sys
from pathlib import Path

__all__ = ["run_release"]


def run_release(
    results: list[Path], criteria: Path | None, out: Path | None, *, as_json: bool, force: bool
) -> None:
    """Print the table of criteria, or its JSON; write both into `out` where it is given.

    Raises:
        UsageError: see `judge_release` and `Release.save`.
    """
    from trainer.evaluate.release import CRITERIA, judge_release
    from trainer.evaluate.table import write

    release = judge_release(results, CRITERIA if criteria is None else criteria)
    if out is not None:
        release.save(out, force=force)
    if as_json:
        print(json.dumps(release.to_json(), ensure_ascii=False, indent=1, allow_nan=False))
    else:
        write(release.grids(), sys.stdout)
