"""`openai:URL#name`: a model that a server runs, in the place of a model's folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from spider_cli.addresses import address_of, is_address, leaves_machine
from spider_cli.budget import SERVED
from spider_cli.errors import UsageError

if TYPE_CHECKING:
    from spider_cli.endpoint_model import EndpointModel
    from spider_cli.grounding_file import Plan
    from spider_cli.rules import Rule

__all__ = ["SCHEME", "ServedModel", "is_served"]

SCHEME = "openai:"


def is_served(model: str) -> bool:
    """True for what is meant as a server's model.

    Raises:
        UsageError: it is an address without "openai:" before it.
    """
    if is_address(model):
        raise UsageError(
            "an address is not yet a model: write openai: before it",
            hint="--model openai:http://127.0.0.1:8000/v1#MODEL",
            code="bad_address",
        )
    return model.strip().lower().startswith(SCHEME)


class ServedModel:
    """A server's model, and what `spider_cli.weights.ModelFolder` says of one on disk.

    Args:
        text: "openai:http://127.0.0.1:8000/v1#MODEL".
        allow_upload: photos may leave this machine.
        tuned: it was tuned for spider; servers don't say.

    Raises:
        UsageError: no such address; or it is another machine's, and `allow_upload` is not set.
            Nothing has been sent then.
    """

    def __init__(self, text: str, *, allow_upload: bool = False, tuned: bool = False) -> None:
        base, _, named = text.strip()[len(SCHEME) :].partition("#")
        self.url = address_of(base)
        self._named = named.strip()
        self._tuned = tuned
        self._model: EndpointModel | None = None
        if not allow_upload and leaves_machine(self.url, self._named):
            where = self.url
            if self._in_cloud(self._named):
                where = f"a cloud: {self.url} runs {self._named} there"
            raise UsageError(
                f"photos would leave this machine, for {where}",
                hint="--allow-upload, if they may",
                code="upload_not_allowed",
            )

    @property
    def name(self) -> str:
        """Address and model; without the key."""
        return f"{SCHEME}{self.url}#{self._named}" if self._named else f"{SCHEME}{self.url}"

    @property
    def notices(self) -> tuple[str, ...]:
        """What a user should know before photos are sent."""
        if not leaves_machine(self.url, self._named):
            return ()
        return (f"photos leave this machine: they are sent to {self.url}",)

    @property
    def revision(self) -> str:
        """What the server says that it runs; "unknown" until it has, and where it does not."""
        return "unknown" if self._model is None else self._model.revision

    def open(self, at_once: int, max_pixels: int | None = None) -> "EndpointModel":
        """The model; at the first call its server is asked what it can do.

        Args:
            at_once: requests under way at a time.
            max_pixels: of a photo that is sent; see `EndpointModel`.

        Raises:
            UsageError: it is away, wants another key, or has no such model.
        """
        if self._model is None:
            from spider_cli.endpoint import Endpoint
            from spider_cli.endpoint_model import EndpointModel

            endpoint = Endpoint.parse(self.url, self._named)
            if not self._named and self._in_cloud(endpoint.model):
                raise UsageError(
                    f"{self.url} has {endpoint.model} in a cloud: photos would leave this machine",
                    hint=f"--model '{SCHEME}{self.url}#{endpoint.model}' --allow-upload",
                    code="upload_not_allowed",
                )
            self._named = endpoint.model
            self._model = EndpointModel(endpoint, at_once=at_once, max_pixels=max_pixels)
        return self._model

    @property
    def opened(self) -> "EndpointModel | None":
        """The model of `open`, once it was called."""
        return self._model

    def kind(self) -> str:
        """What stands for its type, which is not known."""
        return SERVED

    def tuned(self) -> bool:
        """It was said to be tuned for spider; else it is taken for a base."""
        return self._tuned

    def score_temperature(self) -> float:
        """Of the level words: 1, nobody measured another."""
        return 1.0

    def understands_names(self) -> bool:
        """Large models know things by name."""
        return True

    def check_rule(self, rule: "Rule") -> None:
        """Can it be grounded by this rule? Before any photo is sent.

        Raises:
            UsageError: no; the rule asks back.
        """
        if rule.mask == "asked":
            from spider_cli.endpoint_errors import not_asked_back

            raise not_asked_back()

    def plan(self) -> "Plan":
        """What grounding goes by: the paper's rule at temperature 1."""
        from spider_cli.grounding_file import Plan

        return Plan()

    def find_segmenter(self, plan: "Plan") -> tuple[Path, tuple[str, ...]]:
        """Masks are made here, by the segmenter that ships."""
        from spider_cli.weights import bundled_segmenter

        return bundled_segmenter(), ()

    def _in_cloud(self, model: str) -> bool:
        """The server is here, but the model is not."""
        return leaves_machine(self.url, model) and not leaves_machine(self.url, "")
