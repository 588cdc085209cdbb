"""Settings in files: a project's ``spider.toml`` and the user's own (docs/configuration.md).

The command line reads them; `spider_cli.Auditor` does not. Flags beat SPIDER_* variables, those
beat the project's file, that beats the user's, and that beats the defaults.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spider_cli.config.rating_table import Ratings

__all__ = ["ratings"]


def ratings() -> "Ratings":
    """Thresholds and labels of ratings as the files have them, for the working folder.

    Raises:
        UsageError: a file cannot be read, or a value in it cannot be.
    """
    from spider_cli.config.rating_table import read_ratings

    return read_ratings()
