"""Of photos that people marked, nothing unmarked is called clean or absent."""

from dataclasses import replace

import numpy as np
from skimage import data

from trainer.annotate import compose
from trainer.answers import questions_and_answers
from trainer.regions import blob_regions
from trainer.truth import Sample


def test_only_what_was_marked_is_spoken_of() -> None:
    photo = np.ascontiguousarray(data.astronaut()[::2, ::2])
    tasks: set[str] = set()
    elsewhere = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        masks = blob_regions((256, 256), rng, 2)
        sample = compose(photo, masks, rng, whole_share=0, clean_share=0)
        elsewhere += sum(not row.truth for row in questions_and_answers(sample, rng))
        for row in questions_and_answers(replace(sample, complete=False), rng):
            assert row.truth, row
            assert "rest" not in row.answer.lower()
            tasks.add(row.task)
    assert tasks >= {"describe", "describe_region", "refer_short", "ground_hyd", "ground_sid"}
    assert elsewhere > 20  # of photos whose every fault is known it is said


def test_of_a_photo_without_marks_nothing_is_known() -> None:
    sample = Sample(data.astronaut(), complete=False)
    assert questions_and_answers(sample, np.random.default_rng(0)) == []
