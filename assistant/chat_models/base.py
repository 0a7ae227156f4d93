"""What a planner or a critic asks: any model that answers messages with text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from PIL import Image

Schema = dict[str, Any]
OnToken = Callable[[str], None]


@dataclass(frozen=True)
class ChatMessage:
    """One message to a model; its images come before its text."""

    role: Literal["system", "user", "assistant"]
    text: str
    images: tuple[Image.Image, ...] = ()


class ChatModel(Protocol):
    """A language model; `vision` is whether it takes images, as far as is known."""

    @property
    def vision(self) -> bool: ...

    def reply(
        self, messages: Sequence[ChatMessage], *, schema: Schema | None = None, on_token: OnToken | None = None
    ) -> str:
        """Return the model's answer, passing its pieces to `on_token` as they come.

        With a JSON `schema` the answer is held to it where the model can be; check it all the same. Raises
        ModelOutputError for an answer that broke off, UserError when the model cannot be asked at all.
        """
        ...
