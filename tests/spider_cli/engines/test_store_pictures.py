"""Pictures in a store: a place of its own for each photo, and the same share of them each time."""

from pathlib import Path

from spider_cli.engines.found import remote_source
from spider_cli.engines.store_pictures import StorePictures
from spider_cli.sources import Source, find_photos, named_source


def places(*sources: Source, share: float = 1.0) -> list[str]:
    pictures = StorePictures("memory://heat/", share=share)
    plans = [pictures.plan(source) for source in sources]
    return [plan.heatmap for plan in plans if plan is not None]


def test_photos_of_two_folders_with_one_name(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jpg").write_bytes(b"")
    found = find_photos([str(tmp_path / "x"), str(tmp_path / "y")])
    assert places(*found) == [
        f"memory://heat{tmp_path}/{folder}/a.jpg.heatmap.png" for folder in ("x", "y")
    ]
    assert places(named_source("../a.jpg")) == ["memory://heat/a.jpg.heatmap.png"]
    assert places(remote_source("s3://b/w.tar#a.jpg")) == [
        "memory://heat/b/w.tar#a.jpg.heatmap.png"
    ]


def test_a_share_of_them() -> None:
    sources = [remote_source(f"s3://b/{number}.jpg") for number in range(400)]
    tenth = places(*sources, share=0.1)
    assert 20 <= len(tenth) <= 60
    assert tenth == places(*sources, share=0.1)
    assert set(tenth) <= set(places(*sources, share=0.5))
    assert places(*sources, share=0.0) == []
