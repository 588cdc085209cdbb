"""Records of every kind, made by hand."""

import numpy as np
import pytest

from spider_cli.masks import encode_mask
from spider_cli.results import (
    Description,
    Distortion,
    Failure,
    Files,
    Grounding,
    Record,
    Referral,
    Score,
    View,
    WordedGrounding,
    WordedScore,
)

VIEW = View(box=(0, 0, 640, 480), size=(320, 240))
LEVELS = {"excellent": 0.1, "good": 0.6, "fair": 0.2, "poor": 0.1, "bad": 0.0}


def record(command, outcome, **more) -> Record:  # type: ignore[no-untyped-def]
    fields = {"photo": "sub/a.jpg", "model": "nano", "revision": "abc", "seconds": 0.5}
    return Record(**fields | {"looked_at": (VIEW,)} | more, command=command, outcome=outcome)


@pytest.fixture
def records() -> dict[str, Record]:
    """One record of each kind, by name."""
    inside = np.zeros((480, 640), bool)
    inside[100:200, 300:500] = True
    blur, noise = Distortion("blur", "severe"), Distortion("noise", "mild")
    asked = {"question": "Where?", "answer": "The region on the top right."}
    return {
        "describe": record("describe", Description("How?", "Severe blur.", (blur, noise))),
        "boxed": record(
            "describe",
            Description("How?", "Mild noise, flare.", (noise,), ("flare",), (1, 2, 3, 4)),
        ),
        "score": record("score", Score(72.5, "good", LEVELS)),
        "raw": record(
            "score",
            Score(72.5, "good", LEVELS),
            photo="sub/a.nef",
            read_as="embedded preview 640 x 480",
        ),
        "quantized": record("score", Score(72.5, "good", LEVELS), untuned=True, quantize="int4"),
        "worded score": record("score", WordedScore("good", "It is good.", "no logprobs")),
        "worded region": record("ground", WordedGrounding(**asked, worded="no logprobs")),
        "refer": record("refer", Referral("What?", (10, 20, 30, 40), "severe blur", (blur,))),
        "region": record(
            "ground",
            Grounding(
                **asked,
                point=(400.0, 150.5),
                probed=True,
                box=(300, 100, 500, 200),
                area=float(inside.mean()),
                mask=encode_mask(inside),
                whole=False,
                files=Files("h/a.jpg.overlay.png", "h/a.jpg.heatmap.png", "h/a.jpg.mask.png"),
            ),
        ),
        "whole": record(
            "ground",
            Grounding(
                **asked,
                point=None,
                probed=False,
                box=(0, 0, 640, 480),
                area=1.0,
                mask=encode_mask(np.ones((480, 640), bool)),
                whole=True,
            ),
        ),
        "nothing": record(
            "ground",
            Grounding(
                **asked, point=None, probed=False, box=None, area=0.0, mask=None, whole=False
            ),
        ),
        "failed": record(
            "score",
            Failure("truncated", "sub/a.jpg: cut short", "copy it again"),
            looked_at=(),
            photo_b64="c3ViL2EuanBn",
        ),
    }
