"""A model's predictions: every photo looked at once, all of its questions asked in batches."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from spider_cli.auditor import Auditor
from spider_cli.errors import PhotoError, UsageError
from spider_cli.evidence import Asked
from spider_cli.lmm import Answer, Ask, LanguageModel, Look
from spider_cli.photos import Photo
from spider_cli.questions import SCORE_QUESTION
from spider_cli.results import Grounding
from spider_cli.scoring import LevelReader
from spider_cli.zero_shot import Task
from trainer.evaluate.cases import GRADED, Case
from trainer.evaluate.confidence import axes_of, odds_of
from trainer.evaluate.outcomes import Prediction
from trainer.evaluate.shared_segmenter import SharedSegmenter

__all__ = ["FileSystem", "ModelSystem", "Shown", "System", "asked_of", "choice_question"]

_LETTERS = "ABCDEFGH"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo with the questions that will be asked of it."""

    photo: Photo
    cases: tuple[Case, ...]


class System(Protocol):
    """Whatever is measured."""

    def predict(self, shown: Sequence[Shown]) -> Mapping[str, Prediction]:
        """Case id -> prediction, for the photos given; ids may be missing."""


class FileSystem:
    """Predictions that were made elsewhere."""

    def __init__(self, predictions: Mapping[str, Prediction]) -> None:
        self.predictions = predictions

    def predict(self, shown: Sequence[Shown]) -> Mapping[str, Prediction]:
        return self.predictions


class ModelSystem:
    """A model, asked as the commands ask it.

    Args:
        auditor: holds the model; its batch size is how many questions are answered together.
        segmenter: embeds each photo once, for the model and the baselines.
    """

    def __init__(self, auditor: Auditor, segmenter: SharedSegmenter | None) -> None:
        self.auditor = auditor
        self.segmenter = segmenter
        self._levels: LevelReader | None = None

    def predict(self, shown: Sequence[Shown]) -> Mapping[str, Prediction]:
        try:
            return self._predict(shown)
        except UsageError:
            raise
        except (PhotoError, MemoryError, RuntimeError, ValueError) as error:
            if len(shown) > 1:  # which of them was it?
                return {name: p for one in shown for name, p in self.predict([one]).items()}
            said = str(error).strip().splitlines()
            reason = f"{type(error).__name__}: {said[0] if said else ''}".rstrip(": ")
            return {case.id: Prediction(error=reason) for case in shown[0].cases}

    def _predict(self, shown: Sequence[Shown]) -> dict[str, Prediction]:
        model = self.auditor.load()
        looks = model.look([one.photo.pixels for one in shown])
        asked = [
            (case, look, one.photo)
            for one, look in zip(shown, looks, strict=True)
            for case in one.cases
        ]
        found: dict[str, Prediction] = {}
        scores = [(case, look) for case, look, _ in asked if case.task == "score"]
        for part in _parts(scores, self.auditor.batch_size):
            found |= self._scores(model, part)
        choices = [(case, look) for case, look, _ in asked if case.task == "choice"]
        for part in _parts(choices, self.auditor.batch_size):
            found |= _choices(model, part)
        # Answers of like length together: a batch takes as long as its longest answer.
        spoken = sorted(
            ((c, look, photo) for c, look, photo in asked if c.task not in ("score", "choice")),
            key=lambda one: GRADED.index(one[0].task),
        )
        grounder = None
        if self.segmenter is not None:
            segmenter = self.segmenter
            grounder = self.auditor.grounder(lambda: segmenter)
        for batch in _parts(spoken, self.auditor.batch_size):
            asks = [Ask(look, asked_of(self.auditor, case)) for case, look, _ in batch]
            answers = model.ask(asks)
            for (case, look, photo), ask, answer in zip(batch, asks, answers, strict=True):
                said = Asked(look, ask.question, answer)
                if case.grounding and grounder is not None:
                    found[case.id] = _grounded(
                        grounder.ground(photo, look, ask.question, answer),
                        answer,
                        axes_of(model, said, grounder.temperature),
                    )
                else:
                    found[case.id] = Prediction(
                        answer=answer.text.strip(), odds=odds_of(model, said)
                    )
        return found

    def _scores(
        self, model: LanguageModel, part: Sequence[tuple[Case, Look]]
    ) -> dict[str, Prediction]:
        if self._levels is None:
            question = self.auditor.worded("score", SCORE_QUESTION)
            self._levels = model.scorer(self.auditor.temperature("scoring"), question)
        rated = self._levels.rate([look for _, look in part])
        return {
            case.id: Prediction(score=one.score) for (case, _), one in zip(part, rated, strict=True)
        }


def asked_of(auditor: Auditor, case: Case) -> str:
    """A case's question as the commands ask the model: a base gets instructions with it."""
    tasks: dict[str, Task] = {"refer_short": "refer_short", "refer_long": "refer_long"}
    task = tasks.get(case.task, "ground" if case.grounding else "describe")
    return auditor.worded(task, case.question)


def choice_question(case: Case) -> str:
    """A multiple-choice question with its options, as Q-Bench's evaluation asks it."""
    options = [f"{letter}. {text}" for letter, text in zip(_LETTERS, case.options, strict=False)]
    ending = "Answer with the option's letter from the given choices directly."
    return "\n".join([case.question, *options, ending])


def _choices(model: LanguageModel, part: Sequence[tuple[Case, Look]]) -> dict[str, Prediction]:
    """The likeliest letter at the answer's first token, among the letters of the options alone."""
    rows = model.next_logits([Ask(look, choice_question(case)) for case, look in part])
    ids = [model.encode(letter)[0] for letter in _LETTERS]
    if len(set(ids)) < len(_LETTERS):
        raise UsageError(
            f"the tokenizer of {model.folder} cannot tell the letters A to H apart",
            hint="leave the task out: --tasks with all but choice",
            code="model_unfit",
        )
    found = {}
    for (case, _), row in zip(part, rows, strict=True):
        best = max(range(len(case.options)), key=lambda i: float(row[ids[i]]))
        found[case.id] = Prediction(choice=_LETTERS[best])
    return found


def _grounded(grounding: Grounding, answer: Answer, axes: tuple[float, float] | None) -> Prediction:
    return Prediction(
        answer=answer.text.strip(),
        masked=True,
        mask=grounding.mask,
        point=grounding.point,
        whole=grounding.whole,
        probed=grounding.probed,
        axes=axes,
    )


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
