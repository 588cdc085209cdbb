"""A plan, and what comes of it on disk."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spider_cli.audit.merging import Policy, Verdict
from spider_cli.audit.ratings import apply
from spider_cli.audit.sidecar_names import Naming
from spider_cli.audit.undo import Run
from spider_cli.audit.xmp_terms import LABEL, RATING, REASONS, SCORE, WROTE_RATING
from spider_cli.errors import PhotoError
from tests.spider_cli.audit.shoot import GOOD, POOR, PROGRAMS, Shoot, sample, values


def test_a_plan_writes_nothing(shoot: Shoot) -> None:
    photos = shoot.photos("a.CR2")
    shoot.put("a.xmp", sample("lightroom"))
    before = shoot.contents()
    planned = shoot.plan(photos)
    assert shoot.contents() == before
    assert planned.changed
    assert planned.words() == f"{shoot.folder / 'a.xmp'}: changed: rating 5, label Green"


def test_a_new_sidecar_beside_a_photo_that_stays_as_it_is(shoot: Shoot) -> None:
    photos = shoot.photos("a.CR2")
    before = shoot.contents()
    planned = shoot.rate(photos)
    assert planned.words().endswith("a.xmp: new: rating 5, label Green")
    after = shoot.contents()
    found = values(after.pop("a.xmp"))
    assert after == before
    assert (found[RATING], found[LABEL], found[SCORE]) == ("5", "Green", "81.50")
    assert found[REASONS] == GOOD.reasons


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_same_again_changes_nothing(shoot: Shoot, program: str) -> None:
    photos = shoot.photos("a.CR2")
    shoot.put("a.CR2.xmp", sample(program))
    shoot.rate(photos)
    before, stamp = shoot.contents(), (shoot.folder / "a.CR2.xmp").stat().st_mtime_ns
    planned = shoot.rate(photos)
    assert not planned.changed
    assert ": unchanged: " in planned.words()
    assert shoot.contents() == before
    assert (shoot.folder / "a.CR2.xmp").stat().st_mtime_ns == stamp


def test_a_persons_rating_is_told(shoot: Shoot) -> None:
    photos = shoot.photos("a.CR2")
    shoot.put("a.xmp", sample("capture_one"))
    words = "changed: rating 2 kept (a person's), label Orange kept (a person's)"
    assert shoot.rate(photos).words().endswith(words)
    planned = shoot.rate(photos, policy=Policy(overwrite=True))
    assert planned.words().endswith("changed: rating 2 -> 5, label Orange -> Green")
    (one,) = planned.sidecars
    assert one.to_json() == {
        "sidecar": str(shoot.folder / "a.xmp"),
        "new": False,
        "changed": True,
        "rating": {"before": "2", "after": "5", "kept": None},
        "label": {"before": "Orange", "after": "Green", "kept": None},
    }


def test_both_forms_are_written_and_agree(shoot: Shoot) -> None:
    photos = shoot.photos("a.CR2")
    shoot.put("a.xmp", sample("lightroom"))
    shoot.put("a.CR2.xmp", sample("darktable"))
    shoot.rate(photos)
    found = shoot.contents()
    assert values(found["a.xmp"])[RATING] == values(found["a.CR2.xmp"])[RATING] == "5"


def test_a_persons_rating_in_one_form_stands_for_the_other(shoot: Shoot) -> None:
    photos = shoot.photos("a.CR2")
    shoot.put("a.xmp", sample("lightroom"))
    shoot.put("a.CR2.xmp", sample("darktable").replace(b'xmp:Rating="0"', b'xmp:Rating="3"'))
    planned = shoot.rate(photos)
    assert "a.xmp: changed: rating kept (a person's stands elsewhere)" in planned.words()
    found = shoot.contents()
    assert RATING not in values(found["a.xmp"])
    assert values(found["a.CR2.xmp"])[RATING] == "3"


def test_a_pair_is_rated_once_and_a_rating_of_the_jpeg_stands(shoot: Shoot) -> None:
    photos = shoot.photos("a.CR2", "a.JPG")
    shoot.rate(photos)
    assert sorted(shoot.contents()) == ["a.CR2", "a.JPG", "a.xmp"]
    photos = shoot.photos("b.CR2", "b.JPG")
    jpegs = shoot.put("b.JPG.xmp", sample("capture_one"))
    shoot.rate(photos)
    found = values((shoot.folder / "b.CR2.xmp").read_bytes())
    assert not {RATING, LABEL} & set(found)
    assert jpegs.read_bytes() == sample("capture_one")


def test_the_option_and_upper_case(shoot: Shoot) -> None:
    shoot.rate(shoot.photos("a.jpg"), naming=Naming.FULL)
    shoot.put("b.XMP", sample("lightroom"))
    shoot.rate(shoot.photos("b.jpg"))
    assert sorted(shoot.contents()) == ["a.jpg", "a.jpg.xmp", "b.XMP", "b.jpg"]
    assert values(shoot.contents()["b.XMP"])[RATING] == "5"


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", "sidecar_broken", "is empty"),
        (sample("darktable")[:900], "sidecar_broken", "is not well-formed XML"),
        (b"<!DOCTYPE a>" + sample("lightroom"), "sidecar_hostile", "document type"),
        (b"<a/>", "sidecar_broken", "is no XMP sidecar"),
        (b" " * (16 << 20) + b"  ", "sidecar_too_large", "is larger than 16 MB"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_sidecar_that_cannot_be_trusted_is_left_alone(
    shoot: Shoot, data: bytes, code: str, words: str, overwrite: bool
) -> None:
    photos = shoot.photos("a.CR2")
    path = shoot.put("a.xmp", data)
    with pytest.raises(PhotoError, match=words) as caught:
        shoot.rate(photos, policy=Policy(overwrite=overwrite))
    assert caught.value.code == code
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message
    assert path.read_bytes() == data
    assert shoot.journal.undo() is None


def test_what_is_no_file_is_left_alone(shoot: Shoot) -> None:
    photos = shoot.photos("a.CR2", "b.CR2")
    (shoot.folder / "a.xmp").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(shoot.folder / "b.xmp")
        with pytest.raises(PhotoError, match="is not a file"):
            shoot.rate(photos[1:])
    with pytest.raises(PhotoError, match="is not a file"):
        shoot.rate(photos[:1])


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_stays_a_link(shoot: Shoot, tmp_path: Path) -> None:
    photos = shoot.photos("a.CR2", "b.CR2")
    real = tmp_path / "real.xmp"
    real.write_bytes(sample("lightroom"))
    (shoot.folder / "a.xmp").symlink_to(real)
    shoot.rate(photos[:1])
    assert (shoot.folder / "a.xmp").is_symlink()
    assert values(real.read_bytes())[RATING] == "5"
    (shoot.folder / "b.xmp").symlink_to(tmp_path / "nowhere")
    with pytest.raises(PhotoError, match="cannot read the sidecar") as caught:
        shoot.rate(photos[1:])
    assert caught.value.code == "sidecar_unreadable"


def test_a_link_to_a_photo_harms_no_photo(shoot: Shoot) -> None:
    photos = shoot.photos("a.CR2")
    (shoot.folder / "a.xmp").symlink_to(photos[0])
    with pytest.raises(PhotoError, match="not well-formed"):
        shoot.rate(photos)
    assert photos[0].read_bytes() == b"photo a.CR2"


@pytest.mark.parametrize("there", [True, False])
def test_a_sidecar_that_changed_since_the_plan_is_left_alone(shoot: Shoot, there: bool) -> None:
    photos = shoot.photos("a.CR2")
    if there:
        shoot.put("a.xmp", sample("lightroom"))
    planned = shoot.plan(photos)
    shoot.put("a.xmp", sample("darktable"))
    with pytest.raises(PhotoError, match="changed by another program") as caught:
        apply(planned, Run(shoot.journal))
    assert caught.value.code == "sidecar_changed"
    assert shoot.contents()["a.xmp"] == sample("darktable")
    assert shoot.journal.undo() is None


def test_names_of_every_kind(shoot: Shoot) -> None:
    names = ["-x.jpg", "new\nline.jpg", '"><img src=x>.jpg', "\U0001f600.jpg", "it's.JPG"]
    if os.name != "nt":
        names.append(os.fsdecode(b"\xff\xfe.jpg"))
    for photo in shoot.photos(*names):
        shoot.rate([photo])
        assert values(photo.with_suffix(".xmp").read_bytes())[RATING] == "5"
    undone = 0
    while (back := shoot.journal.undo()) is not None:
        undone += len(back.sidecars)
    assert undone == len(names)
    assert set(shoot.contents()) == set(names)


def test_a_later_run_tells_its_own_rating_from_a_persons(shoot: Shoot) -> None:
    photos = shoot.photos("a.CR2", "b.CR2")
    for photo in photos:
        shoot.rate([photo])
    path = shoot.folder / "b.xmp"
    path.write_bytes(path.read_bytes().replace(b'xmp:Rating="5"', b'xmp:Rating="3"'))
    for photo in photos:
        shoot.rate([photo], POOR)
    mine, persons = (values(shoot.contents()[name]) for name in ("a.xmp", "b.xmp"))
    assert (mine[RATING], persons[RATING]) == ("1", "3")
    assert WROTE_RATING not in persons
    assert persons[SCORE] == "20.00"


def test_reasons_from_a_model_are_any_text(shoot: Shoot) -> None:
    reasons = ("]]></rdf:li><rdf:li>\x00\x1b[31m", "&amp; <b>", "Ω雪\U0001f600")
    shoot.rate(shoot.photos("a.jpg"), Verdict(score=50, reasons=reasons, model="<m>", revision='"'))
    found = values(shoot.contents()["a.xmp"])[REASONS]
    assert found == ("]]></rdf:li><rdf:li>\ufffd\ufffd[31m", *reasons[1:])


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, spider_cli.audit.ratings; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert not loaded & {"torch", "transformers", "numpy", "PIL", "lxml"}
