"""Truth -> questions and answers of the four tasks.

Sentence shapes vary, the usual one most of the time, so that a model learns language and a small
one still learns. Whatever the shape, every distortion stands there with its severity and its noun,
and reading the answer back (`spider_cli.reading`) gives the truth. Wherever an answer names a
region's place it says "the <vertical> <horizontal>", both words always, and a span records the
value each word stands for, so that it can be taught as a soft target.
"""

import numpy as np

from trainer.boxes import BoxFinder
from trainer.describing import describe
from trainer.grounding_answers import MIN_GAP, grounding_rows
from trainer.local_answers import local_rows
from trainer.rows import QA, Span, Task
from trainer.truth import Sample
from trainer.wording import Wording

__all__ = ["MIN_GAP", "QA", "Span", "Task", "questions_and_answers"]


def questions_and_answers(sample: Sample, rng: np.random.Generator) -> list[QA]:
    """All the tasks' questions this sample has a fair answer to, worded at random.

    All is drawn afresh from `rng`: call again for other wordings, boxes and absent families.

    Args:
        sample: the photo with its truth. Regions have at least one distortion each.
        rng: where every choice comes from.
    """
    if sample.clean and not sample.complete:
        return []
    finder = BoxFinder(
        sample.pixels.shape[:2],
        [region.mask for region in sample.regions],
        whole=bool(sample.whole),
    )
    wording = Wording(sample, rng)
    return [describe(wording), *local_rows(wording, finder), *grounding_rows(sample, rng)]
