"""What people use today, on the same photos: other packages' scores and flags, beside a model's.

None of them is needed to run spider: `pip install 'spider-iqa[benchmark]'` brings all but PIQE,
whose package asks for a second OpenCV and is installed without it (`make benchmark` does both).
"""

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from PIL import Image

from spider_cli.errors import UsageError, did_you_mean
from trainer.evaluate.cases import Case
from trainer.evaluate.outcomes import Outcome
from trainer.truth import Pixels

__all__ = ["PEERS", "TITLES", "Peer", "Peers", "peers_named"]

Verdict: TypeAlias = dict[str, Outcome]
"""Column -> what it says of a photo."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One package's judgement of a photo."""

    name: str
    columns: dict[str, str]
    """Name in files -> name in tables, of each of its scores."""
    modules: tuple[str, ...]
    """What must be there to import."""
    install: str
    judge: Callable[[Pixels], Verdict]
    """(height, width, 3) uint8 RGB -> all of its columns: scores, higher is better; flags, the
    names of what is wrong in `Outcome.other`."""
    flags: str = ""
    """The column that says whether anything is wrong; "" for packages that say no such thing."""


def _laplacian(pixels: Pixels) -> Verdict:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return {"laplacian": Outcome(score=float(cv2.Laplacian(grey, cv2.CV_64F).var()))}


def _piqe(pixels: Pixels) -> Verdict:
    # It reads OpenCV's order of colours, and says 0 for the best and 100 for the worst.
    said = _module("pypiqe").piqe(np.ascontiguousarray(pixels[..., ::-1]))
    return {"piqe": Outcome(score=-float(said[0]))}


def _image_quality_ai(pixels: Pixels) -> Verdict:
    report = _module("image_quality_ai").assess(pixels)
    flags = () if report.usable else ("not usable",)
    return {"image_quality_ai": _flagged(float(report.score), flags)}


_CHECKS = ("blurry", "dark", "light")


def _cleanvision(pixels: Pixels) -> Verdict:
    """The three checks as `Imagelab.find_issues` makes them, at its thresholds."""
    pandas = _module("pandas")
    manager = _module("cleanvision.issue_managers.image_property_issue_manager")
    judge = manager.ImagePropertyIssueManager()
    photo = Image.fromarray(pixels)
    scores: dict[str, float] = {}
    flags: list[str] = []
    for check in _CHECKS:
        settings = dict(judge.params[check])
        threshold = settings.pop("threshold")
        made = judge.image_properties[check]
        raw = pandas.DataFrame([made.calculate(photo)])
        found = made.get_scores(raw_scores=raw, issue_type=check, **settings)
        scores[check] = float(found[f"{check}_score"].iloc[0])
        if bool(made.mark_issue(found, check, threshold)[f"is_{check}_issue"].iloc[0]):
            flags.append(check)
    verdict = {f"cleanvision_{check}": Outcome(score=score) for check, score in scores.items()}
    return {**verdict, "cleanvision": _flagged(None, tuple(flags))}


def _flagged(score: float | None, flags: tuple[str, ...]) -> Outcome:
    return Outcome(score=score, clean=not flags, other=flags)


PEERS: dict[str, Peer] = {
    one.name: one
    for one in (
        Peer("laplacian", {"laplacian": "variance of the Laplacian"}, (), "", _laplacian),
        Peer(
            "piqe",
            {"piqe": "PIQE"},
            ("pypiqe",),
            "pip install --no-deps pypiqe",
            _piqe,
        ),
        Peer(
            "image-quality-ai",
            {"image_quality_ai": "image-quality-ai"},
            ("image_quality_ai",),
            "pip install 'spider-iqa[benchmark]'",
            _image_quality_ai,
            flags="image_quality_ai",
        ),
        Peer(
            "cleanvision",
            {
                **{f"cleanvision_{check}": f"CleanVision {check}" for check in _CHECKS},
                "cleanvision": "CleanVision",
            },
            ("cleanvision", "pandas"),
            "pip install 'spider-iqa[benchmark]'",
            _cleanvision,
            flags="cleanvision",
        ),
    )
}
TITLES: dict[str, str] = {
    column: title for peer in PEERS.values() for column, title in peer.columns.items()
}
"""Column of any peer -> its name in tables."""


def peers_named(words: Iterable[str]) -> list[Peer]:
    """Peers by their names, "all" being every one, in the order of PEERS.

    Raises:
        UsageError: there is none of that name (the hint names the nearest), or it is not installed
            (the hint says what installs it).
    """
    asked = [part.strip().lower() for word in words for part in word.split(",") if part.strip()]
    for word in asked:
        if word not in (*PEERS, "all"):
            raise UsageError(
                f"unknown peer {word!r}",
                hint=f"{did_you_mean(word, PEERS)}Peers are {', '.join(PEERS)}, or all.",
                code="unknown_peer",
            )
    chosen = [peer for name, peer in PEERS.items() if name in asked or "all" in asked]
    for peer in chosen:
        for module in peer.modules:
            try:
                _module(module)
            except ImportError as error:
                raise UsageError(
                    f"the peer {peer.name} is not here: {error}",
                    hint=f"{peer.install}, or leave it out with --peers",
                    code="missing_extra",
                ) from error
    return chosen


class Peers:
    """Judges photos as other packages do, each photo once.

    Args:
        chosen: see `peers_named`.
    """

    def __init__(self, chosen: Sequence[Peer]) -> None:
        self.chosen = chosen

    def judge(self, pixels: Pixels, cases: Sequence[Case]) -> dict[str, dict[str, Outcome]]:
        """Case id -> column -> outcome: scores where opinions are asked for, flags where the whole
        photo is to be described.

        A package that fails on a photo says nothing about it, and is wrong.

        Args:
            pixels: (height, width, 3) uint8 RGB.
        """
        found: dict[str, dict[str, Outcome]] = {}
        tasks = {case.task for case in cases}
        for peer in self.chosen:
            if not ("score" in tasks or ("describe" in tasks and peer.flags)):
                continue
            verdict = _verdict(peer, pixels)
            for case in cases:
                own = found.setdefault(case.id, {})
                if case.task == "score":
                    own |= {
                        name: one
                        for name, one in verdict.items()
                        if one.score is not None or not one.ok
                    }
                elif case.task == "describe" and peer.flags:
                    own[peer.flags] = verdict[peer.flags]
        return found


def _verdict(peer: Peer, pixels: Pixels) -> Verdict:
    try:
        return peer.judge(pixels)
    except Exception as error:  # whatever another package may raise
        said = str(error).strip().splitlines()
        reason = f"{type(error).__name__}: {said[0] if said else ''}".rstrip(": ")
        return dict.fromkeys(peer.columns, Outcome("failed", reason))


def _module(name: str) -> Any:
    return importlib.import_module(name)
