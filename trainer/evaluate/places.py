"""Whether a description puts each distortion where it is."""

from collections.abc import Sequence

from trainer.evaluate.cases import Place
from trainer.placed import Placed, placed_distortions

__all__ = ["mentions"]


def mentions(places: Sequence[Place], answer: str) -> tuple[int, int, int, int]:
    """Count a description's placed mentions against the truth.

    A mention is a family of the truth in a clause that says where: by positional words, or that
    it means all of the photo. It is right when a place with that family has every word that is
    said ("the left" is right for the top left).

    Returns:
        Mentions; right ones; families counted once a place; those of them mentioned in their place.
    """
    true = {family for place in places for family in place.families}
    covered: set[tuple[int, str]] = set()
    count = right = 0
    for said in placed_distortions(answer):
        if not (said.whole or said.vertical or said.horizontal):
            continue
        for family in dict.fromkeys(one.family for one in said.distortions):
            if family not in true:
                continue
            count += 1
            fitting = [
                (index, family)
                for index, place in enumerate(places)
                if family in place.families and _fits(said, place)
            ]
            right += bool(fitting)
            covered.update(fitting)
    return count, right, sum(len(place.families) for place in places), len(covered)


def _fits(said: Placed, place: Place) -> bool:
    if place.words is None or said.whole:
        return place.words is None and said.whole
    vertical, horizontal = place.words
    return said.vertical in (None, vertical) and said.horizontal in (None, horizontal)
