"""An audit whose judge is cheap: run as a program, so that it can be killed.

    python -m tests.spider_cli.audit.fake_audit STATE FOLDER LOG PACE [GATE [MOST]]

Writes a line to LOG for every shot: "judged NAME" or "known NAME". Judges a batch at a time after
reading ahead, as the real one does; PACE seconds for each. Begins when there is a file GATE. With
MOST no file may grow beyond so many bytes: a full disk.
"""

import sys
import time
from pathlib import Path

from spider_cli.audit.state import State
from spider_cli.shots import Shot
from spider_cli.sources import find_photos
from tests.spider_cli.audit.judged import PREVIEW, SETTINGS, found, judged

IN_HAND = 4


def main(file: str, folder: str, log: str, pace: str, gate: str = "", most: str = "") -> None:
    with State(Path(file), SETTINGS, "1f2e") as state, Path(log).open("a", buffering=1) as lines:
        while gate and not Path(gate).exists():
            time.sleep(0.002)
        if most:
            import resource  # of POSIX alone

            resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), int(most)))
        batch: list[Shot] = []

        def judge() -> None:
            time.sleep(float(pace) * len(batch))
            for one in batch:
                state.keep(one, judged(one), PREVIEW)
                lines.write(f"judged {one.photo.path.name}\n")
            batch.clear()

        for item in state.each(found(*(one.path for one in find_photos([folder])))):
            if item is None:  # other runs wait for what is in hand
                judge()
                continue
            one, record = item
            if record is not None:
                assert record == judged(one)
                lines.write(f"known {one.photo.path.name}\n")
                continue
            batch.append(one)
            if len(batch) == IN_HAND:
                judge()
        judge()
        print(f"{state.not_kept} not kept")


if __name__ == "__main__":
    main(*sys.argv[1:])
