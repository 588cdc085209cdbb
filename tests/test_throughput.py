"""Photos a second and memory, in small; `make prove-throughput` does it at full size."""

import json
import os
import sys
from pathlib import Path

from PIL import Image

from tests.throughput import PEERS, PILLOW, Plan, make_photos, prove, run
from trainer.evaluate.release import SPEED, read_criteria

SMALL = Plan(
    count=20,  # several batches, or a quick machine writes all of them at once
    rounds=1,
    large=(800, 600),
    small=(256, 192),
    commands=(),
    memory={"all": ((1600, 1200), 2)},
)


def originals_of(folder: Path) -> list[Path]:
    kinds = {".jpg", ".jpeg", ".png", ".webp"}
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in kinds)


def test_every_figure_is_measured(photos: Path, tmp_path: Path) -> None:
    """PROVE_ORIGINALS: a folder of large photos; PROVE_OUT: where speed.json goes."""
    given, out = os.environ.get("PROVE_ORIGINALS"), os.environ.get("PROVE_OUT")
    plan = SMALL
    if given:
        count = int(os.environ.get("PROVE_COUNT", "200"))
        plan = Plan(count=count, model=os.environ.get("PROVE_MODEL", "nano"))
    found = prove(originals_of(Path(given) if given else photos), tmp_path, plan, print)
    if out:
        Path(out).mkdir(parents=True, exist_ok=True)
        text = json.dumps(found, indent=1) + "\n"
        (Path(out) / SPEED).write_text(text, encoding="utf-8")
    sections = ("pillow_12mp", "score_12mp", "score_512")
    for name in (*sections, *(f"{name}_12mp" for name in PEERS)):
        assert found[name]["photos_per_second"] > 0
        assert len(found[name]["rounds"]) == plan.rounds
    for name in PEERS:
        ratio = found["score_12mp"][f"over_{name}"]
        theirs = found[f"{name}_12mp"]["photos_per_second"]
        assert abs(ratio * theirs / found["score_12mp"]["photos_per_second"] - 1) < 1e-6
    for one in read_criteria():
        section, _, figure = one.figure.partition(".")
        other = section in ("describe_12mp", "ground_12mp")  # measured as score is
        if one.on == "speed" and not other:
            assert figure in found[section], one.name
    # A process with torch and a model in it has more than this, and no test machine has so much.
    assert 0.1 < found["memory"]["up_to_50mp_gb"] < 100
    assert found["memory"]["error_beyond_limit"] == 1


def test_photos_are_made_alike(photos: Path, tmp_path: Path) -> None:
    originals = originals_of(photos)
    one = make_photos(originals, tmp_path / "one", 4, (120, 90))
    two = make_photos(originals, tmp_path / "two", 4, (120, 90))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    assert len({path.read_bytes() for path in one}) == 4
    with Image.open(one[0]) as image:
        assert image.size == (120, 90)


def test_lines_are_timed_and_children_weighed() -> None:
    code = "import time\nfor i in range(3):\n print(i, flush=True)\n time.sleep(0.4)"
    ran = run([sys.executable, "-c", code])
    assert (len(ran.times), ran.code) == (3, 0)
    assert 0.7 < ran.times[-1] - ran.times[0] < 20
    assert ran.rate(8) == 8 / (ran.times[-1] - ran.times[0])
    fat = "bytearray(b'x' * 150_000_000)"
    child = f"import time; kept = {fat}; time.sleep(1); print('x')"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    assert run([sys.executable, "-c", code]).memory > 150_000_000


def test_pillow_decodes_every_photo(photos: Path) -> None:
    files = originals_of(photos)
    assert len(run([sys.executable, "-c", PILLOW, *files]).lines) == len(files)
