"""A repository taken out of the hub's cache, with all that spider noted of it."""

import contextlib
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
        blobs = self.storage / "blobs"
        files = blobs.rglob("*") if blobs.is_dir() else self.storage.rglob("*")
        return sum(file.stat().st_size for file in files if file.is_file())

    def run(self) -> None:
        """Remove it. Weights first cease to count as a model, then go.

        Raises:
            UsageError: a file cannot be removed.
        """
        try:
            snapshots = self.storage / "snapshots"
            if snapshots.is_dir():
                self._by_client()
            if self.storage.is_dir():
                shutil.rmtree(self.storage)
            shutil.rmtree(self.storage.parent / ".locks" / self.storage.name, ignore_errors=True)
        except OSError as error:
            raise UsageError(
                f"cannot remove {error.filename or self.storage}: {error.strerror or error}",
                hint="see who owns it; another program may be using it",
                code="cache_unwritable",
            ) from error
        forget(self.repository)

    def _by_client(self) -> None:
        """The hub's client knows what other repositories share with this one."""
        from huggingface_hub import scan_cache_dir
        from huggingface_hub.errors import CacheNotFound

        with contextlib.suppress(CacheNotFound):
            cache = scan_cache_dir(self.storage.parent)
            commits = [
                revision.commit_hash
                for repository in cache.repos
                if repository.repo_path.resolve() == self.storage.resolve()
                for revision in repository.revisions
            ]
            if commits:
                cache.delete_revisions(*commits).execute()
