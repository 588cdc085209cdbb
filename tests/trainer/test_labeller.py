"""Names for regions, from a model that is shown them."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from spider_cli.endpoint import Endpoint
from spider_cli.errors import UsageError
from spider_cli.reading import parse_distortions
from tests.openai_server import Fault, OpenAIServer
from trainer.labeller import ChatLabeller, clean_label, open_labeller
from trainer.region_pictures import cut_out, outlined
from trainer.replies import UnfitError
from trainer.truth import BoolMask, Pixels


@pytest.fixture
def photo() -> Pixels:
    return np.full((120, 160, 3), 90, np.uint8)


@pytest.fixture
def mask() -> BoolMask:
    found = np.zeros((120, 160), bool)
    found[20:60, 30:80] = True
    return found


def label(*replies: "str | Fault", photo: Pixels, mask: BoolMask) -> tuple[str, OpenAIServer]:
    with OpenAIServer(*replies) as server:
        labeller = ChatLabeller(Endpoint.parse(f"{server.url}#m", pause=0.01), tries=3)
        return labeller.label(photo, mask), server


def test_a_name(photo: Pixels, mask: BoolMask) -> None:
    found, server = label('{"label": "The Brown Dog."}', photo=photo, mask=mask)
    assert found == "the brown dog"
    (request,) = server.requests
    assert request.body["response_format"]["json_schema"]["schema"]["required"] == ["label"]
    (url,) = request.images
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        shown = np.asarray(image)
    # The photo with the outline on the left, the region cut out beside it.
    assert np.array_equal(shown[:120, :160], outlined(photo, [mask]))
    part = cut_out(photo, mask)
    assert np.array_equal(shown[: part.shape[0], 160:], part)


def test_garbage_then_a_place_then_a_name(photo: Pixels, mask: BoolMask) -> None:
    replies = ("a dog", '{"label": "the dog on the left"}', '<think>{..</think>{"label": "dog"}')
    found, server = label(*replies, photo=photo, mask=mask)
    assert found == "the dog"
    assert len(server.requests) == 3
    assert "not a JSON object" in server.requests[1].last
    assert '"left" says where it is' in server.requests[2].last


@pytest.mark.parametrize(
    "reply", ['{"label": ""}', '{"label": "noise"}', '{"label": 7}', "[]", "", '{"name": "dog"}']
)
def test_nothing_usable_is_no_name(reply: str, photo: Pixels, mask: BoolMask) -> None:
    found, server = label(reply, photo=photo, mask=mask)
    assert found == ""
    assert len(server.requests) == (1 if reply == '{"label": ""}' else 3)


def test_busy_then_a_name(photo: Pixels, mask: BoolMask) -> None:
    found, _ = label(Fault(429), '{"label": "dog"}', photo=photo, mask=mask)
    assert found == "the dog"


def test_no_server_is_no_empty_name(photo: Pixels, mask: BoolMask) -> None:
    with pytest.raises(UsageError, match="answered 400"):
        label(Fault(400, "this model takes no pictures"), photo=photo, mask=mask)


def test_open_labeller() -> None:
    with OpenAIServer(models=["only"]) as server:
        assert open_labeller(server.url).name == f"{server.url}#only"


@pytest.mark.parametrize(
    ("said", "cleaned"),
    [
        ("sky", "the sky"),
        (' "A  Wooden table" ', "the wooden table"),
        ("the woman's hat", "the woman's hat"),
        ("the woman\u2019s hat", "the woman's hat"),
        ("snow-covered roof", "the snow-covered roof"),
        ("bookshelf", "the bookshelf"),
        ("", ""),
        ("  .", ""),
    ],
)
def test_cleaned(said: str, cleaned: str) -> None:
    assert clean_label(said) == cleaned
    assert clean_label(cleaned) == cleaned
    if cleaned:
        # It can stand in an answer without being read.
        read = parse_distortions(f"The region on the top left, {cleaned}, shows mild blur.")
        assert [(one.family, one.severity) for one in read[0]] == [("blur", "mild")]
        assert read[1] == ()


@pytest.mark.parametrize(
    "said",
    [
        *("blurry background", "noisy sky", "the overexposed sky", "pixelated face", "lens flare"),
        *("severe storm", "mild slope", "small dog", "heavy truck", "clean plate", "whole image"),
        *("left hand", "the top of the tower", "upper shelf", "the centre of town", "right shoe"),
        *("region", "the object", "unknown", "something", "the photo", "N/A", "no idea"),
        *("a large brown dog that sits in the grass", "x" * 41, "region 1", "{label}", "\u5929"),
        *("the sky; the sea", "dog\x1b[31m", "<image>"),
    ],
)
def test_no_name(said: str) -> None:
    with pytest.raises(UnfitError):
        clean_label(said)


def test_the_outline_is_drawn_on_a_copy(photo: Pixels, mask: BoolMask) -> None:
    before = photo.copy()
    drawn = outlined(photo, [mask], numbered=True)
    assert np.array_equal(photo, before)
    changed = (drawn != photo).any(axis=2)
    assert changed[20, 30:80].all()
    assert changed[20:60, 30].all()
    assert not changed[80:].any()
    assert changed[30:50, 45:65].any()  # the number


@pytest.mark.parametrize(("y", "x", "side"), [(0, 0, 1), (119, 159, 1), (0, 0, 120)])
def test_any_region_can_be_cut_out(y: int, x: int, side: int) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    mask = np.zeros((120, 160), bool)
    mask[y : y + side, x : x + side] = True
    part = cut_out(photo, mask)
    assert part.dtype == np.uint8
    assert max(part.shape[:2]) == 224
    assert json.dumps(part.shape)
