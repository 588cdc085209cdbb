"""A repository taken out of the hub's cache, with all that spider noted of it."""

import shutil

from spider_cli.errors import UsageError
from spider_cli.weights.cached import storage_of
from spider_cli.weights.catalogue import Reference
from spider_cli.weights.records import forget

__all__ = ["Removal"]


class Removal:
    """Of all revisions of a repository, and what ended downloads left of it.

    Args:
        wanted: what to remove.
    """

    def __init__(self, wanted: Reference) -> None:
        self.repository = wanted.repository
        self.storage = storage_of(wanted.repository)

    @property
    def there(self) -> bool:
        """Is there anything of it on this machine?"""
        return self.storage.is_dir()

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        files = (file for file in self.storage.rglob("*") if not file.is_symlink())
        return sum(file.stat().st_size for file in files if file.is_file())

    def run(self) -> None:
        """Remove it. It first ceases to count as a model, then its weights go.

        Raises:
            UsageError: a file cannot be removed.
        """
        try:
            for folder in (self.storage / "snapshots", self.storage):
                if folder.is_dir():
                    shutil.rmtree(folder)
            shutil.rmtree(self.storage.parent / ".locks" / self.storage.name, ignore_errors=True)
        except OSError as error:
            raise UsageError(
                f"cannot remove {error.filename or self.storage}: {error.strerror or error}",
                hint="see who owns it; another program may be using it",
                code="cache_unwritable",
            ) from error
        forget(self.repository)
