"""What was measured, as tables for people."""

from collections.abc import Iterator, Sequence

from trainer.evaluate.bins import Bin
from trainer.evaluate.table import Grid
from trainer.evaluate.values import Value
from trainer.grounding_stage.calibration import Calibration
from trainer.grounding_stage.describing import DescribingFigures
from trainer.grounding_stage.figures import RuleFigures
from trainer.grounding_stage.scores import ScoreFigures
from trainer.grounding_stage.words import ClosedSet

__all__ = ["calibration_grids", "describing_grid", "rule_grids", "score_grid", "words_grid"]

_TASKS = {"ground_dao": "DAO-G", "ground_hyd": "HyD-G", "ground_sid": "SiD-G"}


def words_grid(words: Sequence[ClosedSet]) -> Grid:
    """Every closed set in every surface form."""
    rows = [
        [
            ", ".join(f'"{word}"' for word in one.words),
            one.axis,
            ", ".join(str(len(tokens)) or "none" for tokens in one.tokens),
            one.told,
        ]
        for one in words
    ]
    return Grid("Positional words", ["", "axis", "tokens", "told apart by"], rows)


def rule_grids(figures: Sequence[RuleFigures], chosen: str) -> Iterator[Grid]:
    """The rules against the paper's, the tasks, and the temperatures tried.

    Args:
        chosen: name of the rule that was chosen.
    """
    rows = []
    for one in figures:
        against = one.against_paper
        rows.append(
            [
                one.name + (" (chosen)" if one.name == chosen else ""),
                f"{one.temperature:g}",
                f"{one.miou.value:.3f}",
                _interval(one.miou),
                f"{one.held_out.value:.3f}",
                *(
                    ("", "", "")
                    if against is None
                    else (
                        f"{against.difference:+.3f}",
                        f"{against.low:+.3f} to {against.high:+.3f}",
                        "" if against.p is None else f"{against.p:.3f}",
                    )
                ),
            ]
        )
    head = ["", "tau", "mIoU", "95% interval", "held out", "minus paper", "95% of that", "p"]
    yield Grid("Rules, each at its best temperature", head, rows)
    tasks = [task for task in _TASKS if any(task in one.tasks for one in figures)]
    rows = [
        [one.name, *(_both(one.tasks[task]) for task in tasks if task in one.tasks)]
        for one in figures
    ]
    yield Grid("mIoU by task", ["", *(_TASKS[task] for task in tasks)], rows)
    taus = sorted(set.intersection(*(set(one.tried) for one in figures)))
    rows = [[one.name, *(f"{one.tried[tau]:.3f}" for tau in taus)] for one in figures]
    yield Grid("mIoU by temperature", ["", *(f"{tau:g}" for tau in taus)], rows)


def calibration_grids(found: Sequence[Calibration]) -> Iterator[Grid]:
    """The figures, and the bins against the place."""
    rows = [
        [
            f"{_probability(one)} against the {one.truth}",
            f"{one.temperature:g}",
            _both(one.error),
            _both(one.brier),
            _both(one.nll),
        ]
        for one in found
    ]
    head = ["", "tau", "ECE", "Brier", "NLL"]
    yield Grid("Calibration of the words' probabilities (lower is better)", head, rows)
    placed = [one for one in found if one.truth == "place"]
    if not placed:
        return
    body = []
    for index in range(len(placed[0].bins)):
        own = placed[0].bins[index]
        body.append([f"{own.low:.1f}-{own.high:.1f}", *(_bin(one.bins[index]) for one in placed)])
    head = ["", *(f"{_probability(one)}, tau {one.temperature:g}" for one in placed)]
    yield Grid("Reliability: questions, mean probability -> mean place", head, body)


def score_grid(found: ScoreFigures) -> Grid:
    """The score's temperature."""
    rows = [
        ["temperature", f"{found.temperature:g}"],
        ["SRCC", _both(found.srcc)],
        ["PLCC, raw", _both(found.plcc)],
        ["NLL of opinions", _both(found.nll)],
        ["NLL of opinions at temperature 1", _both(found.nll_before)],
    ]
    return Grid(
        f"Scores against opinions, {found.photos:,} photos", ["", "with 95% interval"], rows
    )


def describing_grid(found: DescribingFigures) -> Grid:
    """How readily descriptions say that nothing is wrong."""
    rows = [
        ["bias", f'{found.bias:+.2f} at "{found.opening}"', "0"],
        [
            f"clean called so, of {found.clean:,}",
            _both(found.clean_found),
            _both(found.clean_found_before),
        ],
        [
            f"moderate or severe not called clean, of {found.faulty:,}",
            _both(found.faults_found),
            _both(found.faults_found_before),
        ],
    ]
    return Grid(
        f"Descriptions, {found.recall:.0%} of such faults to be found",
        ["", "with 95% interval", "without bias"],
        rows,
    )


def _probability(one: Calibration) -> str:
    return "P(right)" if one.axis == "horizontal" else "P(bottom)"


def _bin(one: Bin) -> str:
    return f"{one.count}: {one.said:.2f} -> {one.true:.2f}" if one.count else "0"


def _interval(value: Value) -> str:
    return "" if value.low != value.low else f"{value.low:.3f}-{value.high:.3f}"


def _both(value: Value) -> str:
    interval = _interval(value)
    return f"{value.value:.3f} ({interval})" if interval else f"{value.value:.3f}"
