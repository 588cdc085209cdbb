"""The log's curves as a picture."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spider_cli.errors import UsageError
from trainer.tuning.log import RunLog
from trainer.tuning.plot import draw, panels_of, plot_run


def written(run: Path) -> Path:
    log = RunLog(run)
    log.add("start", 0, recipe="small")
    for step in range(1, 41):
        log.add("step", step, loss=4 / step, lr={"language": 1e-4, "vision": 1e-6})
        if step % 10 == 0:
            figures = {"ground.miou": step / 100, "refer_short.accuracy": 0.5, "loss": 1 / step}
            log.add("evaluation", step, figures=figures, best=step <= 30)
    return run


def test_every_kind_of_curve_is_drawn(tmp_path: Path) -> None:
    run = written(tmp_path / "run")
    path = plot_run(run)
    assert path == run / "curves.png"
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels.shape == (4 * 300, 1000, 3)  # loss, rates, two kinds of figure
    blue = (pixels == (0, 0x72, 0xB2)).all(axis=2)
    assert all(blue[300 * panel : 300 * panel + 300].any() for panel in range(4))
    # The loss falls: its curve begins above where it ends.
    inside = blue[40:260, 80:780]
    columns = inside.nonzero()[1]
    left, right = columns.min(), columns.max()
    assert inside[:, left].nonzero()[0].mean() < inside[:, right].nonzero()[0].mean()
    assert [one.name for one in run.iterdir() if one.suffix != ".jsonl"] == ["curves.png"]


def test_the_best_evaluation_is_marked(tmp_path: Path) -> None:
    from trainer.tuning.log import read_log

    loss, rates, ground, refer = panels = panels_of(read_log(written(tmp_path)))
    assert [panel.title for panel in panels] == ["loss", "learning rate", "ground", "refer_short"]
    assert (loss.best, rates.best, ground.best, refer.best) == (30, None, 30, 30)
    assert [curve.name for curve in loss.curves][-1] == "of evaluations"
    assert loss.logarithmic and rates.logarithmic and not ground.logarithmic
    figure = draw(panels, title="small")
    for axes, panel in zip(figure.axes, panels, strict=True):
        _, labels = axes.get_legend_handles_labels()
        assert ("best: 30" in labels) == (panel.best is not None)


def test_panels_hold_what_the_log_says() -> None:
    rows = [
        {"event": "step", "step": 1, "loss": 2.0, "lr": {"vision": 0.1}},
        {"event": "step", "step": 2, "loss": None, "lr": {"vision": 0.2}},
        {"event": "step", "step": 3, "loss": 1.0, "lr": {"vision": 0.3}},
        {"event": "evaluation", "step": 3, "figures": {"score.srcc": 0.4, "score.plcc": None}},
    ]
    loss, rates, score = panels_of(rows)
    assert list(loss.curves[0].points) == [(1, 2.0), (3, 1.0)]
    assert rates.curves[0].points == [(1, 0.1), (2, 0.2), (3, 0.3)]
    assert [curve.name for curve in score.curves] == ["score.srcc"]


def test_no_window_is_opened_for_it(tmp_path: Path) -> None:
    run = written(tmp_path / "run")
    code = (
        "import sys; from pathlib import Path; from trainer.tuning.plot import plot_run\n"
        "plot_run(Path(sys.argv[1])); print('matplotlib.pyplot' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(run)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_one_step_alone_can_be_drawn(tmp_path: Path) -> None:
    RunLog(tmp_path).add("step", 1, loss=2.0, lr={})
    assert plot_run(tmp_path, tmp_path / "other.png").is_file()


def test_without_steps_there_is_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no log"):
        plot_run(tmp_path)
    RunLog(tmp_path / "eyes").add("start", 0)
    with pytest.raises(UsageError, match="holds no log") as raised:
        plot_run(tmp_path)
    assert str(tmp_path / "eyes") in raised.value.hint
    RunLog(tmp_path).add("start", 0)
    with pytest.raises(UsageError, match="no step in its log yet"):
        plot_run(tmp_path)
    RunLog(tmp_path).add("step", 1, loss=2.0, lr={})
    with pytest.raises(UsageError, match="cannot write"):
        plot_run(tmp_path, tmp_path / "nowhere" / "x.png")
