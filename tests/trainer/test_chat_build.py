"""`spider data build` with a model that names regions and rewords answers, from end to end."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from spider_cli.errors import UsageError
from tests.openai_server import Fault, OpenAIServer, Request
from trainer.build.config import BuildConfig
from trainer.build.run import Built, build_data
from trainer.build.stages import processes
from trainer.datasets.schema import row_id
from trainer.datasets.store import open_data
from trainer.labeller import open_labeller
from trainer.regions import choose_finder
from trainer.rewrite import open_rewriter
from trainer.verify.findings import Finding
from trainer.verify.run import verify_data

KEY = "sk-secret-of-the-build"
SPOILT = "The region on the left shows severe everything."


def model(request: Request) -> str:
    """Rewords all answers but one kind, whose places it loses."""
    said = request.last
    if '"label"' in said:
        return '{"label": "the old wall"}'
    names = re.search(r"so far: (\{.*?\})\. Correct", said)
    if names:
        return names[1]
    if "This cannot be used" in said:
        return json.dumps({"answer": SPOILT})
    answer = str(re.findall(r"Its answer so far: (.*)", said)[-1])
    if "least" in answer:
        return json.dumps({"answer": SPOILT})
    name = re.search(r"name what the region shows: (.*)", said)
    if name and name[1] not in answer:
        answer = f"{answer[:-1]}, and this is {name[1]}."
    return json.dumps({"answer": answer.replace(" shows ", " exhibits ")})


def build(photos: Path, out: Path, url: str) -> Built:
    finder, name = choose_finder("superpixels")
    config = BuildConfig(size=5, side=128, seed=4, clean=0, whole=0, other=0, rows=10)
    labeller = open_labeller(url)
    return build_data(
        [photos], out, config, finder=finder, finder_name=name, hands=processes(1),
        labeller=labeller, labeller_name=labeller.name, rewriter=open_rewriter(url),
    )  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_set_that_a_model_worded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIDER_API_KEY", KEY)
    photos, out, again = tmp_path / "photos", tmp_path / "set", tmp_path / "again"
    photos.mkdir()
    for number, picture in enumerate((data.astronaut(), data.coffee(), data.chelsea())):
        Image.fromarray(picture[:250, :300]).save(photos / f"{number}.png")
    with OpenAIServer(model, key=KEY) as server:
        url = f"{server.url}#m"
        assert build(photos, out, url).made
        # The server goes away in the middle; the same command goes on there.
        server.requests.clear()
        server.replies = [model] * 25 + [Fault(400, "out of memory")]
        with pytest.raises(UsageError, match="out of memory"):
            build(photos, again, url)
        server.replies = [model]
        assert build(photos, again, url).made
    made = files(out)
    assert made == files(again)
    assert not [name for name, content in made.items() if KEY.encode() in content]

    wrong: list[Finding] = []
    verify_data(out, workers=1, emit=wrong.append)
    assert wrong == []
    opened = open_data(out)
    assert opened.config["labeller"] == opened.config["rewriter"] == url
    items = [item for split in opened.splits for item in opened.items(split)]
    assert {region.label for item in items for region in item.sample.regions} == {"the old wall"}
    lines = (out / "rejects.jsonl").read_text(encoding="utf-8").splitlines()
    rejects = {reject["id"]: reject for reject in map(json.loads, lines)}
    rows = {row_id(i.id, n): row for i in items for n, row in enumerate(i.rows)}
    least = {name for name, row in rows.items() if "least" in row.answer}
    assert least
    assert set(rejects) == least
    for name, reject in rejects.items():
        assert rows[name].answer == reject["original"]
        assert SPOILT in reject["reply"]
        assert reject["reason"]
    assert any("exhibits" in row.answer for row in rows.values())
    grounded = [row for row in rows.values() if row.region is not None and row.spans]
    assert sum("the old wall" in row.answer for row in grounded) >= len(grounded) - len(rejects)
