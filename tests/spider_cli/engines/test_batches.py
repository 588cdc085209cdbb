"""From photos to records in two steps: the same records as in one."""

import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from spider_cli.audit.judging import Judge
from spider_cli.auditor import Auditor
from spider_cli.engines.batches import (
    Opened,
    as_one,
    as_they_were,
    decoded,
    judged,
    opened_in,
    table_of,
)
from spider_cli.engines.found import Found, remote_source
from spider_cli.engines.listing import Listing
from spider_cli.engines.trials import Trials
from spider_cli.photos import Photo
from spider_cli.results import Failure, Record
from spider_cli.shots import Shot
from tests.spider_cli.engines.same import alike

MOST = 200_000_000


@pytest.fixture
def trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trials:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Trials("run", "step")


@pytest.fixture
def shoot(tmp_path: Path, scenes: dict[str, Any]) -> Path:
    folder = tmp_path / "shoot"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "EOS R5"
    for name, scene in (("a.jpg", "small"), ("c.png", "odd"), ("d.jpg", "tall")):
        Image.fromarray(scenes[scene]).save(folder / name, exif=exif)
    (folder / "a.NEF").write_bytes(b"is not looked at")
    (folder / "b.jpg").write_bytes((folder / "a.jpg").read_bytes()[:400])
    return folder


def opened(found: Sequence[Found], trials: Trials, **more: Any) -> list[list[Opened]]:
    photos = [((0, at, 0), one) for at, one in enumerate(found)]
    settings = {"max_decode_pixels": MOST, "batch_size": 8, "threads": 2} | more
    return list(decoded(photos, trials=trials, **settings))


@pytest.mark.usefixtures("short_answers")
def test_the_records_of_a_local_run(shoot: Path, nano: Auditor, trials: Trials) -> None:
    found = list(Listing((str(shoot),)).photos())
    local = [one.record.to_json() for one in Judge(nano).judged(one.shot for one in found)]
    there: list[Record] = []
    for batch in opened(found, trials):
        there += judged(Judge(nano), opened_in(table_of(batch)), trials)
    assert [one.outcome.code for one in there if isinstance(one.outcome, Failure)] == ["truncated"]
    for one, other in zip(local, there, strict=True):
        assert alike(one, other.to_json()), (one, other.to_json())
    assert local[0]["raw"] is not None
    assert local[0]["facts"]["camera"] == "Canon EOS R5"


def test_bytes_give_what_files_give(shoot: Path, trials: Trials) -> None:
    for name in ("a.jpg", "c.png"):
        [[file]] = opened(list(Listing((str(shoot / name),)).photos()), trials)
        inside = Found(Shot(remote_source(f"x.tar#{name}")), data=(shoot / name).read_bytes())
        [[one]] = opened([inside], trials)
        assert isinstance(file.photo, Photo) and isinstance(one.photo, Photo)
        assert np.array_equal(file.photo.pixels, one.photo.pixels)
        assert file.facts == one.facts
        assert one.found.data is None  # it does not travel on
    assert not list(trials.folder.parents[2].glob("spider-*.jpg"))


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (Found(Shot(remote_source("s.tar#0")), data=b""), "empty_file"),
        (Found(Shot(remote_source("s.tar#1")), data=b"no photo"), "not_an_image"),
        (Found(Shot(remote_source("memory://b/none.jpg")), url="memory://b/none.jpg"), "not_found"),
        (Found(Shot(remote_source("l.csv#3")), problem=("bad_row", "row 3")), "bad_row"),
    ],
)
def test_what_is_no_photo_is_told(found: Found, code: str, trials: Trials) -> None:
    [[one]] = opened([found], trials)
    [again] = opened_in(table_of([one]))
    for told in (one, again):
        assert getattr(told.photo, "code", None) == code
        assert found.shot.photo.name in str(told.photo) or code == "bad_row"


def test_a_batch_travels_as_one_row_and_is_not_copied(shoot: Path, trials: Trials) -> None:
    tables = [table_of(batch) for batch in opened(list(Listing((str(shoot),)).photos()), trials)]
    tables.append(table_of(opened([Found(Shot(remote_source("0")), data=b"")], trials)[0]))
    together = pa.concat_tables([as_one(table) for table in tables])
    assert together.num_rows == len(tables)
    again = list(as_they_were(together))
    for one, other in zip(tables, again, strict=True):
        assert one.equals(other)
    assert list(as_they_were(together.combine_chunks())) == again  # columns that do not start at 0
    assert list(as_they_were(together.slice(1))) == again[1:]
    [*_, pixels] = tables[0].column("pixels").chunk(0).buffers()
    [*_, seen] = again[0].column("pixels").chunk(0).buffers()
    assert pixels.size
    assert seen.address == pixels.address, "the pixels were copied"


def test_batches_are_bounded(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    def photo(number: int, side: int) -> Found:
        stream = io.BytesIO()
        Image.new("L", (side, side)).save(stream, "PNG")
        return Found(Shot(remote_source(f"{number}.png")), data=stream.getvalue())

    monkeypatch.setattr("spider_cli.engines.batches._BATCH_PIXELS", 7000)
    found = [photo(number, side) for number, side in enumerate([40, 40, 40, 80, 80, 40])]
    batches = opened(found, trials, batch_size=3)
    assert [len(batch) for batch in batches] == [3, 1, 1, 1]
    assert [one.place[1] for batch in batches for one in batch] == list(range(6))


def test_a_model_that_fails_for_one_photo(
    nano: Auditor, shoot: Path, trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = nano.open().look

    def failing(photos: Any) -> Any:
        looks = look(photos)
        if any(one.views[0].box[3] == 260 for one in looks):  # the tall one
            raise RuntimeError("a kernel\nfailed")
        return looks

    monkeypatch.setattr(nano.open(), "look", failing)
    monkeypatch.setattr("spider_cli.lmm.MAX_NEW_TOKENS", 4)
    [batch] = opened(list(Listing((str(shoot),)).photos()), trials)
    records = judged(Judge(nano), batch, trials)
    codes = [getattr(one.outcome, "code", None) for one in records]
    assert codes == [None, "truncated", None, "failed"]
    assert isinstance(records[3].outcome, Failure)
    assert records[3].outcome.message.endswith("d.jpg: the model failed: a kernel")


# A decoder that does not survive one photo, in a process that is started again, as actors are.
DEADLY = """
import os, sys
from spider_cli.engines import batches
from spider_cli.engines.listing import Listing
from spider_cli.engines.trials import Trials
from spider_cli.photos import open_photo
def opening(source, **more):
    if source.name.endswith("c.png"):
        os._exit(9)
    return open_photo(source, **more)
batches.open_photo = opening
photos = [((0, at, 0), one) for at, one in enumerate(Listing((sys.argv[1],)).photos())]
for batch in batches.decoded(photos, max_decode_pixels=10**8, batch_size=1, threads=2,
                             trials=Trials("run", "decode")):
    told = [(one.found.shot.photo.path.name, getattr(one.photo, "code", "")) for one in batch]
    print(told, flush=True)
"""


def test_a_photo_that_ends_its_decoder_is_an_error_and_the_others_are_not(
    shoot: Path, tmp_path: Path
) -> None:
    run = [sys.executable, "-c", DEADLY, str(shoot)]
    env = os.environ | {"TMPDIR": str(tmp_path)}
    codes, said = [], []
    for _ in range(4):
        done = subprocess.run(run, env=env, capture_output=True, text=True)
        codes.append(done.returncode)
        said.append(done.stdout)
    assert codes == [9, 9, 9, 0], done.stderr
    # What was handed on before is so again, in the same batches: an engine keeps the first of each.
    told = [("a.jpg", ""), ("b.jpg", "truncated"), ("c.png", "deadly"), ("d.jpg", "")]
    lines = [f"{[one]}\n" for one in told]
    assert said == [lines[0]] * 3 + ["".join(lines)]
