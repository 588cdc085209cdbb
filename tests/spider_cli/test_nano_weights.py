"""The weights that ship: nothing in them but the model, and answers from pixels alone."""

import hashlib
import io
import json
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from safetensors import safe_open

from spider_cli.auditor import Auditor
from spider_cli.boxes import BoxSpec
from spider_cli.lmm import Ask, Look
from spider_cli.photos import named_source, open_photo
from spider_cli.questions import (
    SCORE_PREFIX,
    SCORE_QUESTION,
    box_phrase,
    describe_question,
    ground_question,
    refer_question,
)
from spider_cli.results import Record
from spider_cli.rules import PAPER, rule_named
from spider_cli.vocabulary import HORIZONTAL, LEVELS, VERTICAL
from spider_cli.weights import BUNDLED, find_model
from spider_cli.weights.revision import revision_of

MOST = 40_000_000
"""Bytes of all weight files together: 40 decimal MB."""
BOX = BoxSpec.parse("0.5,0.5,1.0,1.0")
QUESTION = ground_question(extreme="most")


@pytest.fixture(scope="module")
def folder() -> Path:
    return find_model(BUNDLED).path


@pytest.fixture(scope="module")
def shipped() -> Auditor:
    auditor = Auditor(device="cpu")
    auditor.load()
    return auditor


@pytest.fixture(scope="module")
def looks(shipped: Auditor, photos: Path) -> dict[str, Look]:
    names = ("coffee.jpg", "chelsea.jpg", "rocket.jpg")
    pixels = [open_photo(named_source(str(photos / name))).pixels for name in names]
    return dict(zip(names, shipped.load().look(pixels), strict=True))


def names_and_sizes(file: Path) -> dict[str, tuple[int, ...]]:
    with safe_open(file, framework="pt") as tensors:
        return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118


# --- what is in the folder ----------------------------------------------------------------------


def test_it_is_trained(folder: Path, shipped: Auditor) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["trained"] is True
    assert shipped.notices == ()


def test_all_weights_together_are_small(folder: Path) -> None:
    files = list(folder.rglob("*.safetensors"))
    assert len(files) == 2
    assert sum(file.stat().st_size for file in files) <= MOST
    others = [p for p in folder.rglob("*") if p.is_file() and p not in files]
    assert sum(file.stat().st_size for file in others) < 2_000_000


def test_weights_are_in_half_precision(folder: Path) -> None:
    for file in folder.rglob("*.safetensors"):
        with safe_open(file, framework="pt") as tensors:
            kinds = {tensors.get_slice(name).get_dtype() for name in tensors.keys()}  # noqa: SIM118
        assert kinds == {"F16"}


def test_every_tensor_is_the_models(folder: Path, shipped: Auditor) -> None:
    """No auxiliary head, nothing unused: deleting what is not the model deletes nothing."""
    model = shipped.load().model
    stored = names_and_sizes(folder / "model.safetensors")
    tied = set(model.all_tied_weights_keys)
    assert {n: tuple(t.shape) for n, t in model.state_dict().items() if n not in tied} == stored
    parts = {name.partition(".")[0] for name in stored}
    assert parts == {"vision_encoder", "projector", "language_model"}


def test_every_tensor_of_the_segmenter_is_the_segmenters(folder: Path, shipped: Auditor) -> None:
    model = shipped.load_segmenter().model
    stored = names_and_sizes(folder / "segmenter" / "model.safetensors")
    tied = set(model.all_tied_weights_keys)
    assert {n: tuple(t.shape) for n, t in model.state_dict().items() if n not in tied} == stored


def test_words_come_from_the_language_models_own_head(shipped: Auditor) -> None:
    """Over the whole vocabulary, tied to what words are read with."""
    model = shipped.load().model
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    assert head.weight is embedding.weight
    assert head.weight.shape[0] == len(shipped.load().eyes.tokenizer)
    assert head.bias is None


def test_the_words_of_the_task_are_single_tokens(shipped: Auditor) -> None:
    model = shipped.load()
    for word in (*HORIZONTAL, *VERTICAL, *LEVELS):
        [token] = model.encode(f" {word}")
        assert model.eyes.tokenizer.decode([token]) == f" {word}"


def test_the_settings_are_there(folder: Path) -> None:
    model = find_model(BUNDLED)
    assert {"scoring.json", "grounding.json"} <= {path.name for path in folder.iterdir()}
    assert model.score_temperature() > 0
    assert model.plan().temperature > 0
    assert model.plan().rule == rule_named("mask-asked")
    assert PAPER.name in model.plan().temperatures
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert len(card) > 500  # the model card


def test_the_manifest_matches_the_files(folder: Path) -> None:
    manifest = json.loads((folder / "MANIFEST.json").read_text(encoding="utf-8"))["files"]
    there = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file() and path.name != "MANIFEST.json"
    }
    assert set(manifest) == set(there)
    for name, path in there.items():
        data = path.read_bytes()
        assert manifest[name]["size"] == len(data), name
        assert manifest[name]["sha256"] == hashlib.sha256(data).hexdigest(), name


def test_the_revision_changes_with_any_file(nano_folder: Path, tmp_path: Path) -> None:
    first = revision_of(nano_folder)
    assert first == revision_of(nano_folder)
    assert len(first) == 12
    copy = Path(shutil.copytree(nano_folder, tmp_path / "copy"))
    assert revision_of(copy) == first  # wherever it lies
    seen = {first}
    for name in (
        "model.safetensors",
        "segmenter/model.safetensors",
        "config.json",
        "tokenizer.json",
        "scoring.json",
        "segmenter/preprocessor_config.json",
    ):
        file = copy / name
        data = bytearray(file.read_bytes())
        data[len(data) // 2 if len(data) < 1_000_000 else -10] ^= 1
        file.write_bytes(data)
        seen.add(revision_of(copy))
    assert len(seen) == 7


def test_a_hub_snapshot_is_its_commit(tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshots" / "0123456789abcdef"
    snapshot.mkdir(parents=True)
    assert revision_of(snapshot) == "0123456789abcdef"


# --- answers come from the image tokens ---------------------------------------------------------


def test_another_photos_tokens_give_its_answer(shipped: Auditor, looks: dict[str, Look]) -> None:
    """Everything else stays the first photo's."""
    model = shipped.load()
    one, other = looks["coffee.jpg"], looks["chelsea.jpg"]
    fed = replace(one, payload=replace(one.payload, tokens=other.payload.tokens))
    for question in (describe_question(), QUESTION):
        own, others, mixed = model.ask([Ask(look, question) for look in (one, other, fed)])
        assert mixed.token_ids == others.token_ids
        np.testing.assert_allclose(mixed.logits, others.logits, atol=1e-4)
        assert mixed.text != own.text
    rated = [Ask(look, SCORE_QUESTION, prefix=SCORE_PREFIX) for look in (one, other, fed)]
    own_row, others_row, mixed_row = model.next_logits(rated)
    np.testing.assert_allclose(mixed_row, others_row, atol=1e-4)
    assert np.abs(mixed_row - own_row).max() > 0.1


def test_a_boxs_tokens_decide_about_the_box(shipped: Auditor, looks: dict[str, Look]) -> None:
    """The demo photo has noise at the bottom right and nowhere else."""
    model = shipped.load()
    look = looks["coffee.jpg"]
    width, height = look.size
    boxes = ((0, 0, width // 3, height // 3), (width * 5 // 8, height * 5 // 8, width, height))
    asked = [refer_question(box_phrase(box, width, height), long=False) for box in boxes]
    clean, noisy = (answer.text for answer in model.ask([Ask(look, text) for text in asked]))
    assert clean != noisy
    assert "noise" in noisy
    assert "noise" not in clean


def test_the_demo_is_described_truly(shipped: Auditor, photos: Path) -> None:
    [record] = shipped.describe([photos / "coffee.jpg"])
    found = record.outcome
    assert "noise" in [d.family for d in found.distortions]
    [record] = shipped.ground([photos / "coffee.jpg"], QUESTION)
    assert record.outcome.point is not None
    x, y = record.outcome.point
    assert x > 300
    assert y > 200


def test_batched_answers_are_the_single_ones(shipped: Auditor, photos: Path) -> None:
    paths = [photos / name for name in ("coffee.jpg", "chelsea.jpg", "rocket.jpg")]
    single = Auditor(device="cpu", batch_size=1)
    single._language_model, single._segmenter = shipped.load(), shipped.load_segmenter()
    for one, other in zip(shipped.score(paths), single.score(paths), strict=True):
        assert one.outcome.levels == pytest.approx(other.outcome.levels, abs=1e-4)
    for one, other in zip(shipped.describe(paths), single.describe(paths), strict=True):
        assert one.outcome == other.outcome
    for one, other in zip(
        shipped.ground(paths, QUESTION), single.ground(paths, QUESTION), strict=True
    ):
        assert one.outcome.answer == other.outcome.answer
        if one.outcome.point is not None:
            assert one.outcome.point == pytest.approx(other.outcome.point, abs=0.1)


# --- nothing but the pixels ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def disguises(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> list[Path]:
    """One picture: plain; named otherwise; with EXIF, text and bytes that lie; as other formats."""
    folder = tmp_path_factory.mktemp("disguises")
    with Image.open(photos / "coffee.jpg") as image:
        picture = image.convert("RGB").resize((300, 200))
    plain = folder / "a.png"
    picture.save(plain)
    named = folder / "top left severe blur level 5 mos 0.1.png"
    shutil.copy(plain, named)
    (folder / "excellent").mkdir()
    moved = folder / "excellent" / "noise_5.jpg"  # nor does the extension count
    shutil.copy(plain, moved)
    exif = Image.Exif()
    exif[0x010E] = "blur, severe, top left"  # ImageDescription
    exif[0x0131] = "Distorter 5.0"  # Software
    exif[0x9C9B] = "bad quality".encode("utf-16-le")  # XPTitle
    exif[0x4746] = 1  # Rating
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "compression compression compression")
    text.add_itxt("XML:com.adobe.xmp", "<xmp:Rating>-1</xmp:Rating>")
    labelled = folder / "labelled.png"
    picture.save(labelled, exif=exif, pnginfo=text, dpi=(1, 1), compress_level=0)
    longer = folder / "longer.png"
    longer.write_bytes(plain.read_bytes() + b"\0" * 100_000)
    tiff, bmp, webp = (folder / f"a.{kind}" for kind in ("tif", "bmp", "webp"))
    picture.save(tiff, compression="tiff_lzw", description="severe noise")
    picture.save(bmp)
    picture.save(webp, lossless=True, exif=exif)
    found = [plain, named, moved, labelled, longer, tiff, bmp, webp]
    assert len({path.stat().st_size for path in found}) > 4
    return found


def said(records: Iterable[Record]) -> list[dict[str, Any]]:
    """All but what may differ: whose it is and how long it took."""
    found = []
    for record in records:
        assert not record.failed
        told = record.to_json()
        for name in ("photo", "seconds"):
            del told[name]
        found.append(told)
    return found


def test_only_the_pixels_count(shipped: Auditor, disguises: list[Path]) -> None:
    # One at a time: neighbours in a batch may change the last digits.
    auditor = Auditor(device="cpu", batch_size=1)
    auditor._language_model, auditor._segmenter = shipped.load(), shipped.load_segmenter()
    for records in (
        said(auditor.score(disguises)),
        said(auditor.describe(disguises)),
        said(auditor.refer(disguises, [BOX], long=True)),
        said(auditor.ground(disguises, QUESTION)),
    ):
        assert len(records) == len(disguises)
        assert all(record == records[0] for record in records)


def test_an_array_is_the_same_photo(shipped: Auditor, disguises: list[Path]) -> None:
    with Image.open(disguises[0]) as image:
        pixels = np.asarray(image)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    given = [disguises[0], pixels, Image.open(buffer)]
    one, *others = (said(shipped.score([photo])) for photo in given)
    assert all(other == one for other in others)
