"""TARGET of `spider eval`: a suite, a data set, a list, or results that were saved."""

from collections.abc import Sequence
from pathlib import Path

from spider_cli.errors import UsageError, nearest
from trainer.datasets.entries import Scale
from trainer.datasets.store import CONFIG
from trainer.evaluate.benchmark import Benchmark, of_data_set, of_list, of_lists
from trainer.evaluate.camera import FRAMES, of_camera
from trainer.evaluate.saved import is_results

__all__ = ["SUITES", "kind_of", "open_benchmark"]

SUITES: dict[str, str] = {
    "smoke": "seeded distortions of the photos in --photos",
    "opinion": "scores against the opinions in labels.csv of each --photos",
    "camera": "large frames, clean or with faults that show at 100% only, from --photos",
    "release": "the release criteria, from saved results",
}
"""Suite -> what it measures on."""
_LABELS = "labels.csv"


def kind_of(target: str) -> str:
    """The suite's name, "results" or "data".

    Raises:
        UsageError: no suite and no file is called that.
    """
    if target in SUITES:
        return target
    path = Path(target)
    if is_results(path):
        return "results"
    if path.exists():
        return "data"
    near = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, [*SUITES, *near], cutoff=0.6)
    hint = f"did you mean {path.with_name(close) if close in near else close}? " if close else ""
    suites = ", ".join(f"{name} ({what})" for name, what in SUITES.items())
    raise UsageError(
        f"there is no suite, file or folder {target!r}",
        hint=f"{hint}Suites: {suites}.",
        code="not_found",
    )


def open_benchmark(
    target: str,
    *,
    photos: Sequence[Path] = (),
    split: str | None = None,
    scale: Scale | None = None,
    seed: int = 0,
    size: int | None = None,
) -> Benchmark:
    """The benchmark that a target names.

    Args:
        target: "opinion", "camera", a data set of ours, or a file or folder in an outside format.
        photos: of "opinion", folders with a labels.csv; of "camera", of originals; of
            outside formats, where photos are.
        size: of "camera", frames.

    Raises:
        UsageError: there is none, or something is wrong with it.
    """
    if target == "opinion":
        return _opinion(photos, split, scale, seed)
    if target == "camera":
        if not photos:
            raise UsageError("camera needs --photos DIR", hint="a folder of full-size photos")
        return of_camera(photos, seed=seed, size=FRAMES if size is None else size)
    path = Path(target)
    if (path / CONFIG).is_file():
        if photos:
            raise UsageError(f"{target} holds its own photos", hint="leave --photos out")
        return of_data_set(path, split)
    if len(photos) > 1:
        raise UsageError(
            f"--photos was given {len(photos)} times; {target} has one folder of photos"
        )
    return of_list(path, images=photos[0] if photos else None, split=split, scale=scale, seed=seed)


def _opinion(
    photos: Sequence[Path], split: str | None, scale: Scale | None, seed: int
) -> Benchmark:
    if not photos:
        raise UsageError("opinion needs --photos DIR", hint=f"a folder with {_LABELS}")
    parts = []
    for folder in photos:
        labels = folder / _LABELS
        if not labels.is_file():
            raise UsageError(
                f"{folder} holds no {_LABELS}",
                hint="a table with the columns file and mos; or name your own list as TARGET, "
                f"and {folder} with --photos",
                code="no_records",
            )
        told = scale or Scale(0, 1, f"{_LABELS} of the suite")
        parts.append(of_list(labels, images=folder, split=split, scale=told, seed=seed))
    return of_lists("opinion", parts)
