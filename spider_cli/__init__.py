"""spider: what is wrong with a photo, where, and how badly.

>>> from spider_cli import Auditor
>>> for record in Auditor().score(["photo.jpg"]):
...     print(record.to_json())

Nothing heavy is imported here: ``Auditor`` is resolved on first use.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from spider_cli.auditor import Auditor

__all__ = ["Auditor", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "Auditor":
        from spider_cli.auditor import Auditor

        return Auditor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
