"""A folder of photos with sidecars beside them, rated the way `spider audit --xmp` does."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spider_cli.audit.merging import Policy, Verdict
from spider_cli.audit.ratings import Plan, apply, plan
from spider_cli.audit.sidecar_names import Folders, Naming
from spider_cli.audit.undo import Journal, Run
from spider_cli.audit.xmp_document import open_document, read_values
from spider_cli.audit.xmp_terms import Name, Value

SIDECARS = Path(__file__).parent / "sidecars"
"""In the manner of darktable, Lightroom, digiKam and Capture One. `darktable_export` is darktable
4.2.1's own work: the packet of a photo that it exported, padding included, on one line."""
PROGRAMS = ["darktable", "darktable_export", "lightroom", "digikam", "capture_one"]

GOOD = Verdict(
    score=81.5, reasons=("mild noise in the sky", "tilted"), model="nano", revision="0123abc"
)
"""Five stars by default, and green."""
POOR = Verdict(score=20.0, reasons=("severe blur",), model="nano", revision="0123abc")
"""One star by default, and yellow."""


def sample(program: str) -> bytes:
    """``sample("darktable")``: a sidecar of that program.

    Unrated, but for Capture One's, which has two stars, and darktable's export, which has one.
    """
    return (SIDECARS / f"{program}.xmp").read_bytes()


def values(data: bytes) -> Mapping[Name, Value]:
    """The properties in a sidecar's bytes."""
    return read_values(open_document(data).xml)


@dataclass
class Shoot:
    folder: Path
    journal: Journal
    folders: Folders = field(default_factory=Folders)

    def photos(self, *names: str) -> list[Path]:
        """Files with these names; what is in them, no rating depends on."""
        for name in names:
            (self.folder / name).write_bytes(b"photo " + os.fsencode(name))
        return [self.folder / name for name in names]

    def put(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def plan(
        self,
        photos: list[Path],
        verdict: Verdict = GOOD,
        policy: Policy | None = None,
        naming: Naming = Naming.FOLLOW,
    ) -> Plan:
        return plan(photos, verdict, policy or Policy(), self.folders, naming=naming)

    def rate(
        self,
        photos: list[Path],
        verdict: Verdict = GOOD,
        policy: Policy | None = None,
        naming: Naming = Naming.FOLLOW,
    ) -> Plan:
        """A whole run over one shot."""
        planned = self.plan(photos, verdict, policy, naming)
        apply(planned, Run(self.journal))
        return planned

    def contents(self) -> dict[str, bytes]:
        """Every file of the folder."""
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


def exiftool(program: str, *arguments: str | Path) -> Any:
    """What ``exiftool -json`` says of one file."""
    run = subprocess.run(
        [program, "-json", "-G1", "-a", "-struct", *map(str, arguments)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    (found,) = json.loads(run.stdout)
    return found
