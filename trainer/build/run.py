"""`spider data build` from top to bottom: survey, split, plan, make, label, choose, rewrite, write.

Every stage keeps its results in the staging file as they come, and skips those that are there; so a
build that was stopped, however rudely, goes on where it was. What is written at the end depends on
the photos, the settings and the libraries alone, not on the workers or the stops.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spider_cli import __version__
from spider_cli.errors import UsageError
from trainer.build.config import BuildConfig
from trainer.build.plan import PhotoPlan, deal, plan_photos
from trainer.build.realise import Workshop, reference_id
from trainer.build.stages import Hands, Making, Referring, Stage, Surveying
from trainer.build.staging import Staging
from trainer.build.survey import Given, find_given
from trainer.build.tally import Tally, shares_of
from trainer.build.write import Progress, Rewriter, RowWriter, label_regions
from trainer.datasets.card import data_card
from trainer.datasets.schema import SCHEMA
from trainer.datasets.store import CHECKSUMS, CONFIG, full_disk, write_data
from trainer.regions import RegionFinder
from trainer.splits import assign_splits, look_alikes

if TYPE_CHECKING:
    from trainer.labeller import Labeller

__all__ = ["Built", "build_data"]

LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "scikit-image", "scipy", "pyarrow")
"""Whose releases the bytes depend on."""

OURS = """\
Made by spider from photos that are pristine as far as anyone knows, with distortions put in by
program. It follows the task formulation of IQA-Spider (ICML 2026) but is **not** IQA-Spider-33K,
the authors' data set, which is unpublished: photos, distortions, wording and answers are spider's
own."""


@dataclass(frozen=True, slots=True)
class Built:
    """What came of a build."""

    folder: Path
    photos: dict[str, int]
    """Split -> photos."""
    questions: int
    shares: list[dict[str, Any]]
    rejected: int
    """Photos given that could not be used, photos that could not be made, answers not rewritten."""
    unusable: int
    """Of these, photos given that could not be used."""
    made: bool
    """False when the folder held this very data set already."""


def build_data(
    photos: Iterable[Path],
    out: Path,
    config: BuildConfig,
    *,
    finder: RegionFinder,
    finder_name: str,
    hands: Hands,
    labeller: "Labeller | None" = None,
    labeller_name: str = "",
    rewriter: Rewriter | None = None,
    force: bool = False,
    progress: Progress = lambda stage, done, total: None,
) -> Built:
    """Build a data set.

    Args:
        photos: folders of pristine photos.
        out: the data set's folder.
        finder: where regions come from; `finder_name` says which, for the config.
        hands: who works, on this machine or others; the bytes do not depend on it.
        labeller: names regions that have no label.
        rewriter: rewords the answers.
        force: replace another data set, or throw away another unfinished build.
        progress: told of every finished task.

    Raises:
        UsageError: no photos, the folder holds something else, no room on the disk.
    """
    given = find_given(photos)
    facts = {
        "schema": SCHEMA,
        "config": asdict(config),
        "regions": finder_name,
        "labeller": labeller_name,
        "rewriter": rewriter.name if rewriter else "",
        "libraries": {name: version(name) for name in LIBRARIES} | {"spider": __version__},
    }
    print_of = hashlib.sha256(
        json.dumps([facts, [[g.name, g.size, *g.beside] for g in given]], sort_keys=True).encode()
    ).hexdigest()
    finished = _finished(out, print_of, force=force)
    if finished is not None:
        return finished
    out.mkdir(parents=True, exist_ok=True)
    with full_disk(out), Staging(out, print_of, fresh=force) as staging:
        surveying = Surveying(given, finder)
        _staged(staging, "survey", surveying, range(len(given)), hands, progress)
        survey = dict(staging.notes("survey"))
        usable = [number for number in sorted(survey) if "hash" in survey[number]]
        if not usable:
            raise UsageError(
                f"none of the {len(given)} photos can be used: {survey[0]['reason']}",
                code="no_photos",
            )
        alike = look_alikes([int(survey[number]["hash"], 16) for number in usable])
        names = _group_names(alike, [given[number].name for number in usable])
        splits, whole_sources = assign_splits(
            alike,
            [given[number].source for number in usable],
            config.splits,
            np.random.default_rng([config.seed, 5]),
        )
        plans = _plans(config, usable, splits)
        groups = dict(zip(usable, names, strict=True))
        shop = Workshop(
            config, tuple(given), tuple(groups.get(i, "") for i in range(len(given))), finder
        )
        tasks: dict[int, PhotoPlan] = {plan.index: plan for plan in plans}
        _staged(staging, "photos", Making(shop, tasks), list(tasks), hands, progress)
        used = sorted({note["photo"] for _, note in staging.notes("photos") if "photo" in note})
        _staged(staging, "references", Referring(shop), used, hands, progress)
        if labeller is not None:
            label_regions(staging, labeller, config, sorted(tasks), progress)
        tally = Tally()
        writer = RowWriter(staging, config, plans, tally, rewriter, progress)

        def finish() -> tuple[dict[str, Any], str]:
            shares = shares_of(tally, config, writer.shares)
            settings = facts | {
                "fingerprint": print_of,
                "photos_given": len(given),
                "photos_usable": len(usable),
                "sources_whole": whole_sources,
                "photos": dict(tally.photos),
                "questions": sum(tally.subtasks.values()),
                "scenes": dict(sorted(tally.scenes.items())),
                "shares": shares,
                "rejected": len(rejects),
                "unusable": len(given) - len(usable),
            }
            return settings, data_card(
                title="A data set of distorted photos, regions, questions and answers",
                splits=tally.photos,
                references=True,
                made_by=f"spider data build PHOTOS --out DIR --size {config.size} "
                f"--seed {config.seed}",
                origin=OURS,
                shares=shares,
            )

        rejects: list[dict[str, Any]] = [
            {"photo": given[number].name, "code": note["code"], "reason": note["reason"]}
            for number, note in survey.items()
            if "reason" in note
        ]
        rejects += [
            {"id": f"{number:06d}", "code": "not_made", "reason": note["reason"]}
            for number, note in staging.notes("photos")
            if "reason" in note
        ]
        writer.rejects = rejects
        write_data(
            out,
            {split: writer.rows(split) for split in dict.fromkeys(plan.split for plan in plans)},
            references=(_reference_row(staging, given, number) for number in used),
            rejects=rejects,
            finish=finish,
        )
    # Only now: a kill before this line finds all results where they were.
    staging.remove()
    built = _finished(out, print_of, force=False)
    assert built is not None, out
    return Built(**{**asdict(built), "made": True})


def _finished(out: Path, print_of: str, *, force: bool) -> Built | None:
    """The data set in the folder, if it is this one.

    Raises:
        UsageError: it is another one, or something else, and nobody asked for it to be replaced.
    """
    try:
        config = json.loads((out / CONFIG).read_text(encoding="utf-8"))
        done = (out / CHECKSUMS).is_file()
    except (OSError, ValueError):
        config, done = None, False
    if done and isinstance(config, dict) and config.get("fingerprint") == print_of and not force:
        return Built(
            folder=out,
            photos=config["photos"],
            questions=config["questions"],
            shares=config["shares"],
            rejected=config["rejected"],
            unusable=config["unusable"],
            made=False,
        )
    if done and not force:
        raise UsageError(
            f"{out} holds another data set",
            hint="give --force to replace it, or another --out",
            code="exists",
        )
    ours = {".building.sqlite", "data", "references", CONFIG, CHECKSUMS, "README.md"}
    if not force and out.is_dir():
        foreign = [path.name for path in out.iterdir() if not _ours(path.name, ours)]
        if foreign:
            raise UsageError(
                f"{out} is not empty: it holds {sorted(foreign)[0]}",
                hint="give an empty or new folder as --out, or --force",
                code="exists",
            )
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is not a folder", code="exists")
    return None


def _ours(name: str, known: set[str]) -> bool:
    return name in known or name == "rejects.jsonl" or name.startswith(".")


def _staged(
    staging: Staging,
    name: str,
    stage: Stage,
    numbers: Sequence[int],
    hands: Hands,
    progress: Progress,
) -> None:
    """Do a stage's numbers that are not done yet, and keep each as it comes."""
    done = staging.done(name)
    left = [number for number in numbers if number not in done]
    count = len(numbers) - len(left)
    for number, (note, data) in hands(stage, left):
        staging.put(name, number, note, data)
        count += 1
        progress(name, count, len(numbers))


def _plans(config: BuildConfig, usable: list[int], splits: list[str]) -> list[PhotoPlan]:
    """What to make, split by split; a split without photos gets nothing to make."""
    present = {name: share for name, share in config.splits.items() if name in splits}
    dealt = deal(present, config.size, np.random.default_rng([config.seed, 9]))
    plans: list[PhotoPlan] = []
    for split in present:
        photos = [number for number, name in zip(usable, splits, strict=True) if name == split]
        count = dealt.count(split)
        if count:
            plans += plan_photos(config, split, count, photos, len(plans))
    return plans


def _reference_row(staging: Staging, given: list[Given], number: int) -> dict[str, Any]:
    data = staging.data("references", number)
    assert data is not None, number
    return {
        "id": reference_id(number),
        "image": {"bytes": data, "path": None},
        "source": given[number].name,
    }


def _group_names(alike: Any, names: list[str]) -> list[str]:
    """Each photo's group of look-alikes, named after its first photo."""
    first: dict[int, str] = {}
    return [first.setdefault(int(group), name) for group, name in zip(alike, names, strict=True)]
