"""What a planner may know when a message comes: the dialogue, the layouts so far, the picture."""

from __future__ import annotations

from typing import Literal, Protocol

from eligen.assistant.plan import NamedReference, Plan, Question
from eligen.tools.layout import Layout, Value


class Message(Value):
    """One message of the dialogue."""

    role: Literal["user", "assistant"]
    text: str


class Context(Value):
    """The state of a session before a message.

    `layouts` are the versions from the first to the current one along the current branch (empty before the first
    picture); `taken` are the ids of all versions, branches too, which nothing new gets; `question` is what was asked
    last and is still open; `picture` and `attachments` are image files; `references` are those that earlier messages
    gave a name, the latest last.
    """

    layouts: tuple[Layout, ...] = ()
    taken: frozenset[str] = frozenset()
    dialogue: tuple[Message, ...] = ()
    question: Question | None = None
    picture: str | None = None
    attachments: tuple[str, ...] = ()
    references: tuple[NamedReference, ...] = ()

    @property
    def layout(self) -> Layout | None:
        """The current layout."""
        return self.layouts[-1] if self.layouts else None


class Planner(Protocol):
    """Anything that plans: pure in its arguments, but for what a language model does."""

    def plan(self, text: str, context: Context) -> Plan:
        """Return the plan for a message; UserError when the message cannot be used at all (empty)."""
        ...
