"""The benchmark: how well a model, or anyone's predictions, do on a data set with known truth.

`smoke` and `composed_pairs` are its first, small form: seeded distortions of any photos.
"""

from trainer.evaluate.composed import composed_pairs
from trainer.evaluate.smoke_suite import Figures, smoke

__all__ = ["Figures", "composed_pairs", "smoke"]
