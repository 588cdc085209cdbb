"""What is said of a family's sizes is what its own image processor of transformers does."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spider_cli.budget import LEAST
from spider_cli.chat_sizes import Sizes, kept_within, sizes_of
from spider_cli.errors import UsageError
from spider_cli.phi_images import PhiImageProcessor

Size = tuple[int, int]


def qwen(patch: int, least: int = 56 * 56, most: int = 16_777_216) -> Any:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    size = {"shortest_edge": least, "longest_edge": most}
    return Qwen2VLImageProcessorPil(patch_size=patch, merge_size=2, size=size)


def idefics(tile: int = 32, longest: int = 128, *, small: bool = False, **more: Any) -> Any:
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    made = SmolVLMImageProcessorPil if small else Idefics3ImageProcessorPil
    return made(size={"longest_edge": longest}, max_image_size={"longest_edge": tile}, **more)


def internvl(tile: int = 16, most: int = 12) -> Any:
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

    size = {"height": tile, "width": tile}
    return GotOcr2ImageProcessorPil(size=size, max_patches=most, crop_to_patches=True)


def clip(short: int = 56, cut: int | None = 56) -> Any:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    if cut is None:
        return CLIPImageProcessorPil(size={"height": short, "width": short}, do_center_crop=False)
    return CLIPImageProcessorPil(
        size={"shortest_edge": short}, crop_size={"height": cut, "width": cut}
    )


def siglip(side: int = 64) -> Any:
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    return SiglipImageProcessorPil(size={"height": side, "width": side})


def phi(side: int = 112, most: int = 36) -> PhiImageProcessor:
    return PhiImageProcessor(size=side, most=most)


def of(images: Any) -> Any:
    return SimpleNamespace(image_processor=images)


ALL = {
    "qwen2.5-vl": of(qwen(14, 3136, 12_845_056)),
    "qwen3-vl": of(qwen(16, 65_536)),
    "smolvlm": of(idefics(384, 1536)),
    "smolvlm-500m": of(idefics(512, 2048, small=True)),
    "one-frame": of(idefics(512, 2048, do_image_splitting=False)),
    "internvl": of(internvl(448)),
    "got_ocr2": of(internvl(384, most=1)),
    "phi": of(phi(448)),
    "clip": of(clip(336, 336)),
    "siglip": of(siglip(384)),
    "unknown": of(object()),
}
"""At their true sizes; no pixel is moved."""
TRUE = (
    "qwen2.5-vl",
    "qwen3-vl",
    "smolvlm",
    "smolvlm-500m",
    "internvl",
    "phi",
)
"""Those whose views follow the budget."""


def black(size: Size) -> Image.Image:
    return Image.new("RGB", size)


def handed(sizes: Sizes, photo: Size) -> Image.Image:
    return black(sizes.handed(photo))


def budget_from(least: int) -> st.SearchStrategy[int]:
    return st.one_of(st.integers(least, 4 * least), st.integers(least, 20_000_000))


# --- geometry -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
@given(data=st.data())
def test_views_keep_to_the_budget(name: str, data: Any) -> None:
    photo = data.draw(st.tuples(st.integers(1, 12_000), st.integers(1, 12_000)), label="photo")
    least = sizes_of(ALL[name], 100_000_000).least
    most = data.draw(budget_from(max(least, LEAST)), label="budget")
    sizes = sizes_of(ALL[name], most)
    got = sizes.handed(photo)
    assert min(got) >= 1
    assert max(got) <= 200 * min(got)
    largest, *further = sizes.views(photo)
    assert largest.size[0] * largest.size[1] <= most
    for view in (largest, *further):
        x1, y1, x2, y2 = view.box
        assert 0 <= x1 < x2 <= photo[0]
        assert 0 <= y1 < y2 <= photo[1]
        assert min(view.size) >= 1
        if name != "clip":
            assert view.box == (0, 0, *photo)
    for view in further:
        assert view.size[0] * view.size[1] <= largest.size[0] * largest.size[1]


@pytest.mark.parametrize("name", ALL)
def test_too_small_a_budget(name: str) -> None:
    least = sizes_of(ALL[name], 100_000_000).least
    assert sizes_of(ALL[name], least).views((4000, 3000))
    with pytest.raises(UsageError, match=f"--max-pixels {least - 1} is too small") as caught:
        sizes_of(ALL[name], least - 1)
    assert caught.value.code == "budget_too_small"
    assert str(least) in caught.value.hint


@pytest.mark.parametrize("name", TRUE)
def test_more_is_never_less(name: str) -> None:
    """A larger budget shows no photo smaller, and the smallest shows it much smaller."""
    least = sizes_of(ALL[name], 100_000_000).least
    for photo in ((4000, 3000), (640, 480), (600, 3000)):
        areas = []
        for most in (least, 2 * least, 5 * least, 20 * least, 80 * least):
            width, height = sizes_of(ALL[name], most).views(photo)[0].size
            areas.append(width * height)
        assert areas == sorted(areas)
        assert areas[0] < areas[-1]


@pytest.mark.parametrize("name", ALL)
def test_a_processor_is_copied_not_changed(name: str) -> None:
    processor = ALL[name]
    before = dict(vars(processor.image_processor)) if name != "unknown" else {}
    sizes = sizes_of(processor, max(sizes_of(processor, 100_000_000).least, LEAST))
    kept = kept_within(processor, sizes)
    assert (kept is processor) == (not sizes.settings)
    assert before == (dict(vars(processor.image_processor)) if name != "unknown" else {})
    if name in TRUE:
        assert kept is not processor
        again = sizes_of(kept, sizes_of(processor, 100_000_000).least)
        assert kept_within(kept, again) is kept
    assert kept_within(processor, sizes_of(processor, 100_000_000)) is processor


# --- as transformers has it ---------------------------------------------------------------------

PHOTOS = st.tuples(st.integers(1, 400), st.integers(1, 400))


@pytest.mark.parametrize(("patch", "least"), [(14, 3136), (16, 65_536)])
@given(photo=st.tuples(st.integers(1, 3000), st.integers(1, 3000)), more=st.floats(1, 30))
def test_qwen_as_its_own_arithmetic_has_it(
    patch: int, least: int, photo: Size, more: float
) -> None:
    """A photo that is handed over is a fixed point of it; and where no side is a sliver's, the one
    that the photo itself would become."""
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

    most = int(least * more)
    processor = of(qwen(patch, least))
    sizes = sizes_of(processor, most)
    width, height = sizes.handed(photo)
    size = kept_within(processor, sizes).image_processor.size
    edges = {"min_pixels": size["shortest_edge"], "max_pixels": size["longest_edge"]}
    assert smart_resize(height, width, 2 * patch, **edges) == (height, width)
    if max(photo) <= 100 * min(photo):
        own = smart_resize(photo[1], photo[0], 2 * patch, min_pixels=least, max_pixels=most)
        assert own[0] * own[1] > most or own == (height, width)


@settings(max_examples=25)
@given(photo=PHOTOS, most=st.integers(3136, 150_000))
def test_qwen(photo: Size, most: int) -> None:
    processor = of(qwen(14))
    sizes = sizes_of(processor, most)
    images = kept_within(processor, sizes).image_processor
    seen = images(images=[handed(sizes, photo)], return_tensors="np")
    _, rows, columns = seen["image_grid_thw"][0].tolist()
    [view] = sizes.views(photo)
    assert view.size == (14 * columns, 14 * rows)


@pytest.mark.parametrize("patch", [14, 16])
@pytest.mark.parametrize("photo", [(512, 384), (500, 333), (61, 800), (1200, 900), (30, 20)])
def test_within_the_budget_qwen_sees_what_it_saw_without_one(patch: int, photo: Size) -> None:
    """To the last bit: one resize, the processor's own."""
    pixels = np.random.default_rng(0).integers(0, 256, (photo[1], photo[0], 3), np.uint8)
    processor = of(qwen(patch))
    sizes = sizes_of(processor, 1_310_720)
    image = Image.fromarray(pixels)
    ours = image.resize(sizes.handed(photo), Image.Resampling.BICUBIC, reducing_gap=2.0)
    own, got = (
        processor.image_processor(images=[one], return_tensors="np")["pixel_values"]
        for one in (image, ours)
    )
    assert np.array_equal(own, got)


@pytest.mark.parametrize("small", [False, True])
@settings(max_examples=25)
@given(photo=PHOTOS, most=st.integers(32 * 32, 30_000))
def test_idefics(small: bool, photo: Size, most: int) -> None:
    processor = of(idefics(small=small))
    sizes = sizes_of(processor, most)
    images = kept_within(processor, sizes).image_processor
    given_ = [[handed(sizes, photo)]]
    seen = images(images=given_, return_tensors="np", return_row_col_info=True)
    [[rows]], [[columns]] = seen["rows"], seen["cols"]
    first, *further = sizes.views(photo)
    assert first.size == (32 * max(1, columns), 32 * max(1, rows))
    assert [view.size for view in further] == [(32, 32)] * (rows > 0)
    assert seen["pixel_values"].shape[1:3] == (rows * columns + 1, 3)
    assert seen["pixel_values"].shape[3:] == (32, 32)


def test_idefics_in_one_frame() -> None:
    processor = of(idefics(do_image_splitting=False))
    sizes = sizes_of(processor, 1024)
    seen = kept_within(processor, sizes).image_processor(
        images=[[handed(sizes, (90, 70))]], return_tensors="np"
    )
    [view] = sizes.views((90, 70))
    assert seen["pixel_values"].shape == (1, 1, 3, *view.size)


@settings(max_examples=25)
@given(photo=PHOTOS, most=st.integers(256, 20_000))
def test_internvl(photo: Size, most: int) -> None:
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import (
        get_optimal_tiled_canvas,
    )

    processor = of(internvl())
    sizes = sizes_of(processor, most)
    images = kept_within(processor, sizes).image_processor
    image = handed(sizes, photo)
    columns, rows = get_optimal_tiled_canvas(image.size[::-1], (16, 16), 1, images.max_patches)
    seen = images(images=[image], return_tensors="np")
    first, *further = sizes.views(photo)
    assert first.size == (16 * columns, 16 * rows)
    assert [view.size for view in further] == [(16, 16)] * (columns * rows > 1)
    assert seen["num_patches"].tolist() == [columns * rows + len(further)]


@settings(max_examples=25)
@given(photo=PHOTOS, most=st.integers(112 * 112, 500_000))
def test_phi(photo: Size, most: int) -> None:
    """Of a black photo, what is not black was filled up."""
    processor = of(phi())
    sizes = sizes_of(processor, most)
    images = kept_within(processor, sizes).image_processor
    seen = images(images=[handed(sizes, photo)], return_tensors="pt")
    whole, small = sizes.views(photo)
    grid = seen["image_sizes"][0].tolist()
    assert grid == [-(-side // 112) * 112 for side in reversed(whole.size)]
    crops = seen["image_pixel_values"][0, 1:, 0]
    assert len(crops) == grid[0] * grid[1] // 112**2
    assert int((crops < 0).sum()) == whole.size[0] * whole.size[1]
    overview = seen["image_pixel_values"][0, 0, 0] < 0
    for found, said in zip((overview.any(0).sum(), overview.any(1).sum()), small.size, strict=True):
        assert abs(int(found) - said) <= 1


@settings(max_examples=25)
@given(photo=st.tuples(st.integers(30, 400), st.integers(30, 400)))
def test_the_middle_that_clip_sees(photo: Size) -> None:
    """A ramp tells where a picture was cut."""
    x, y = np.meshgrid(np.arange(photo[0]) / photo[0], np.arange(photo[1]) / photo[1])
    image = Image.fromarray((np.dstack([x, y, x]) * 255).astype(np.uint8))
    sizes = sizes_of(of(clip()), 1_310_720)
    options = {"do_normalize": False, "return_tensors": "np"}
    seen = clip()(images=[image.resize(sizes.handed(photo))], **options)["pixel_values"][0]
    [view] = sizes.views(photo)
    x1, y1, x2, y2 = view.box
    assert view.size == seen.shape[1:]
    shares = [seen[0, :, 0], seen[1, 0, :], seen[0, :, -1], seen[1, -1, :]]
    edges = (x1 / photo[0], y1 / photo[1], x2 / photo[0], y2 / photo[1])
    for share, edge in zip(shares, edges, strict=True):
        assert float(np.mean(share)) == pytest.approx(edge, abs=0.06)


@pytest.mark.parametrize("images", [siglip(56), clip(56, None)])
def test_one_size_for_all(images: Any) -> None:
    for photo in ((30, 20), (700, 90)):
        sizes = sizes_of(of(images), 60_000)
        seen = images(images=[handed(sizes, photo)], return_tensors="np")["pixel_values"]
        [view] = sizes.views(photo)
        assert view.box == (0, 0, *photo)
        assert view.size == seen.shape[2:] == (56, 56)
