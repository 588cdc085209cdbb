"""spider ground, the real program: questions, pictures, and what is never written over."""

import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from spider_cli.app import load
from spider_cli.commands.ground import _question
from spider_cli.errors import UsageError
from spider_cli.rules import rule_named

VALID = jsonschema.Draft202012Validator(
    json.loads(files("spider_cli").joinpath("schema/records.schema.json").read_text("utf-8"))
)


def tree(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ({}, {}),
        ({"most": True}, {"extreme": "most"}),
        ({"least": True}, {"extreme": "least"}),
        ({"distortion": "Noise"}, {"family": "noise"}),
        (
            {"least": True, "distortion": "contrast-weaken"},
            {"extreme": "least", "family": "contrast weaken"},
        ),
        ({"order": "blur, noise"}, {"order": ("blur", "noise")}),
        ({"first": "blur"}, {"first": "blur"}),
        ({"last": "noise"}, {"last": "noise"}),
    ],
)
def test_questions(told: dict[str, Any], asked: dict[str, Any]) -> None:
    from spider_cli.questions import ground_question

    assert _question(told) == ground_question(**asked)


def test_a_free_question_is_asked_as_it_is() -> None:
    assert _question({"question": "Where is the sky noisy?"}) == "Where is the sky noisy?"


def test_flags_that_were_turned_off_do_not_clash() -> None:
    """SPIDER_MOST=0 is a variable that says no."""
    assert _question({"most": False, "order": "blur,noise"})
    with pytest.raises(UsageError):
        _question({"most": True, "order": "blur,noise"})


def test_the_pictures_of_a_folder(inside: Any, album: Path, tmp_path: Path) -> None:
    """Over a folder with a corrupt file: exit 3, all others done, the tree mirrored."""
    before = tree(album)
    run = inside("ground", "album", "--most", "--out", "heat/new", cwd=tmp_path)
    assert run.code == 3
    assert len(run.errors) == 1
    assert tree(album) == before
    assert tree(tmp_path / "heat") == {
        f"new/{name}.{kind}.png"
        for name in ("a.jpg", "sub/b.png")
        for kind in ("overlay", "heatmap", "mask")
    }
    records = {record["photo"]: record for record in run.records}
    assert list(records) == ["album/a.jpg", "album/broken.jpg", "album/sub/b.png"]
    for record in records.values():
        VALID.validate(record)
    for name in ("album/a.jpg", "album/sub/b.png"):
        _check_pictures(records[name], tmp_path, _loaded(tmp_path / name).size)

    # Again, one mask taken away: each photo still has pictures there, and nothing changes.
    (tmp_path / "heat/new/a.jpg.mask.png").unlink()
    there = {name: (tmp_path / "heat" / name).read_bytes() for name in tree(tmp_path / "heat")}
    run = inside("ground", "album", "--out", "heat/new", cwd=tmp_path)
    assert run.code == 3
    codes = [record["error"]["code"] for record in run.records]
    assert codes == ["exists", "truncated", "exists"]
    assert tree(tmp_path / "heat") == set(there)
    for name, content in there.items():
        assert (tmp_path / "heat" / name).read_bytes() == content

    # With --force they are written again, the same to the byte.
    run = inside("ground", "album", "--out", "heat/new", "--force", cwd=tmp_path)
    assert [record.get("error", {}).get("code") for record in run.records] == [
        None,
        "truncated",
        None,
    ]
    for name, content in there.items():
        assert (tmp_path / "heat" / name).read_bytes() == content


def _loaded(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        picture.load()
        return picture


def _check_pictures(record: dict[str, Any], root: Path, size: tuple[int, int]) -> None:
    pictures = {kind: _loaded(root / path) for kind, path in record["files"].items()}
    modes = {kind: (picture.mode, picture.size) for kind, picture in pictures.items()}
    assert modes == {"overlay": ("RGB", size), "heatmap": ("L", size), "mask": ("L", size)}
    mask = np.asarray(pictures["mask"])
    assert set(np.unique(mask)) <= {0, 255}
    assert (mask > 0).mean() == pytest.approx(record["area"])
    if record["mask"] is not None:
        assert tuple(record["mask"]["size"]) == mask.shape
        encoded = coco.encode(np.asfortranarray((mask > 0).astype(np.uint8)))
        assert encoded["counts"].decode() == record["mask"]["counts"]


def test_photos_of_one_name_do_not_overwrite_each_other(
    inside: Any, photo: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.jpg").write_bytes(photo.read_bytes())
    paths = (tmp_path / "one" / "x.jpg", tmp_path / "two" / "x.jpg")
    run = inside("ground", *paths, "--out", tmp_path / "heat", "--force")
    assert run.code == 3
    assert "files" in run.records[0]
    assert run.records[1]["error"]["code"] == "same_output"
    assert len(tree(tmp_path / "heat")) == 3


def test_without_out_nothing_is_written(
    audited: Any, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no socket is opened, from the first line to the mask."""
    monkeypatch.chdir(tmp_path)
    before = tree(photo.parent)
    audit = audited("ground", photo, "--question", "Which region is degraded the most?")
    assert audit.run.code == 0
    assert audit.sockets == ()
    assert any(photo.name in path for path in audit.opened)
    [record] = audit.run.records
    VALID.validate(record)
    assert record["files"] is None
    assert tree(photo.parent) == before
    assert tree(tmp_path) == {"audit.log"}


def test_the_help_names_every_question() -> None:
    flags = {flag for option in load("ground").params for flag in option.opts}
    assert {"--most", "--least", "--distortion", "--order", "--first", "--last"} <= flags


def test_a_rule_by_its_name(inside: Any, nano_folder: Path, tmp_path: Path, photos: Path) -> None:
    """What grounding.json says is obeyed; --rule paper is the plain rule all the same."""
    model = Path(shutil.copytree(nano_folder, tmp_path / "model"))
    photo = photos / "coffee.jpg"

    def points(*args: str) -> Any:
        run = inside("ground", photo, "--model", model, "--json", *args)
        assert run.code == 0, run.err
        return run, run.records[0]["point"]

    _, plain = points()
    told = {
        "version": 1,
        "rule": rule_named("thirds").to_json(),
        "temperature": 3.0,
        "rules": {"paper": {"temperature": 1.5}},
        "segmenter": {"name": "segmenter", "revision": "0123456789ab"},
    }
    (model / "grounding.json").write_text(json.dumps(told), encoding="utf-8")
    run, other = points()
    assert other != plain
    assert run.err.count("0123456789ab") == 1  # that the segmenter is another one
    run, forced = points("--rule", "paper", "--quiet")
    assert forced == plain
    assert run.err == ""
    run = inside("ground", photo, "--model", model, "--rule", "papper")
    assert run.code == 2
    assert "did you mean 'paper'?" in run.err
    (model / "grounding.json").write_text('{"version": 99}', encoding="utf-8")
    run = inside("ground", photo, "--model", model)
    assert run.code == 2
    assert run.err.count("\n") == 2  # the error and its hint
    assert "version 99" in run.err
