"""DeQA-Score: LLaVA-style lists with soft labels; lists to test on; `mos.json` with `split.json`.

`gt_score_norm` and `std_norm` are the score and its spread on 1-5, stretched linearly from the
smallest and largest score of the set; `level_probs` are the probabilities of excellent, good, fair,
poor, bad. Lists to test on have neither conversations nor probabilities.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from spider_cli.errors import UsageError
from trainer.datasets.conversation import Talk, read_conversations
from trainer.datasets.entries import Entry, Scale, Where
from trainer.datasets.fields import Fields, Seen
from trainer.datasets.llava import photos_of, record_id, talk_rows
from trainer.datasets.reader import Highest, Options, Reader, Sniff, file_split, parsed, split_named
from trainer.datasets.records import json_values
from trainer.datasets.scales import on_scale, score_row, std_on_scale

__all__ = ["DEQA"]

_NORM = Scale(1, 5, "gt_score_norm")
_SUM_SLACK = 0.1
_MEAN_SLACK = 0.5
"""How far the probabilities' mean may lie from the score: 0.1 is what their makers allow."""


def _looks(sniff: Sniff) -> bool:
    if sniff.has("image") and (sniff.has("gt_score_norm") or sniff.has("level_probs")):
        return True
    return _is_table(sniff.first)


def _is_table(value: object) -> bool:
    """{photo: {mos, std}, ...}"""
    if not isinstance(value, dict) or not value:
        return False
    first = next(iter(value.values()))
    return isinstance(first, dict) and "mos" in first


def _read(file: Path, options: Options) -> Iterator[Entry]:
    if file.name == "split.json" and (file.parent / "mos.json").is_file():
        return  # read together with mos.json
    first = next(iter(json_values(file)), None)
    if first is not None and _is_table(first[1]):
        yield from _read_table(file, options)
        return
    seen = Seen()
    split = file_split(file)

    def parse(fields: Fields) -> Iterable[Entry]:
        photos = photos_of(fields)
        name = record_id(fields, photos[0])
        scale = options.scale or _NORM
        norm = fields.number("gt_score_norm", text=True)
        mos = on_scale(fields, "gt_score_norm", norm, scale)
        std = None
        if fields.has("std_norm"):
            std = std_on_scale(fields, "std_norm", fields.number("std_norm", text=True), scale)
        probs = _probabilities(fields, norm) if fields.has("level_probs") else ()
        talk = read_conversations(fields) if fields.has("conversations") else Talk()
        seen.add(fields, name, photos)
        notes = (*talk.notes, *(("soft labels (level_probs)",) if probs else ()))
        yield Entry(
            name,
            photos,
            fields.where,
            rows=talk_rows(talk, mos),
            mos=mos,
            mos_std=std,
            scale=scale,
            level_probs=probs,
            split=split,
            notes=notes,
        )

    yield from parsed(json_values(file), parse, options)


def _probabilities(fields: Fields, norm: float) -> tuple[float, ...]:
    probs = fields.numbers("level_probs")
    if len(probs) != 5:
        fields.fail("level_probs", f"has {len(probs)} probabilities, not 5")
    for index, one in enumerate(probs):
        if not -1e-9 <= one <= 1 + _SUM_SLACK:
            fields.fail(f"level_probs[{index}]", f"is {one:g}, no probability")
    if abs(sum(probs) - 1) > _SUM_SLACK:
        fields.fail("level_probs", f"sum to {sum(probs):g}, not to 1")
    mean = sum(level * one for level, one in zip((5, 4, 3, 2, 1), probs, strict=True))
    if abs(mean - norm) > _MEAN_SLACK:
        fields.fail(
            "level_probs",
            f"mean level {mean:.2f} where gt_score_norm is {norm:g}",
            hint="the order is excellent, good, fair, poor, bad",
        )
    return probs


def _read_table(file: Path, options: Options) -> Iterator[Entry]:
    """mos.json, and split.json beside it."""
    splits = _splits(file.with_name("split.json"))
    seen = Seen("the photo's name")

    def rows() -> Iterator[tuple[Where, object]]:
        number = 0
        for _, value in json_values(file):
            if not isinstance(value, dict):
                raise Where(file).error("", "is not one object of photos")
            for photo, scores in value.items():
                number += 1
                yield Where(file, number), {"photo": photo, "scores": scores}

    def every() -> Iterator[float]:
        for where, value in rows():
            try:
                yield Fields(value, where).inside("scores").number("mos", text=True)
            except UsageError:
                continue

    highest = Highest(every)

    def parse(fields: Fields) -> Iterable[Entry]:
        photo = fields.photo("photo")
        scores = Fields(fields.get("scores"), fields.where, photo)
        scale = options.scale_of(photo, file, highest)
        mos = on_scale(scores, "mos", scores.number("mos", text=True), scale)
        std = None
        if scores.has("std") and scale is not None:
            std = std_on_scale(scores, "std", scores.number("std", text=True), scale)
        seen.add(fields, photo, (photo,))
        split = splits.get(PurePosixPath(photo).name, "")
        row = score_row(mos)
        yield Entry(photo, (photo,), fields.where, rows=(row,), mos=mos, mos_std=std, scale=scale,
                    split=split)  # fmt: skip

    yield from parsed(rows(), parse, options)


def _splits(file: Path) -> dict[str, str]:
    """{train: [name, ...], test: [...]} -> name -> split."""
    found: dict[str, str] = {}
    if not file.is_file():
        return found
    for where, value in json_values(file):
        fields = Fields(value, where)
        for key in fields.value:
            split = split_named(key)
            if not split:
                fields.fail(key, "is no split: train, validation or test")
            for index, name in enumerate(fields.texts(key)):
                if found.setdefault(PurePosixPath(name).name, split) != split:
                    fields.fail(f"{key}[{index}]", f"{name} is in {found[PurePosixPath(name).name]}"
                                " too", code="two_splits")  # fmt: skip
    return found


DEQA = Reader(
    "deqa",
    "DeQA-Score: soft labels, test lists, mos.json with split.json",
    _looks,
    _read,
)
