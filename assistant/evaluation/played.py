"""What a played scenario leaves: every turn with its layout, picture, verdict and cost, as values."""

from __future__ import annotations

from pydantic import Field

from eligen.assistant.history import Picture
from eligen.assistant.pictures import mentioned
from eligen.assistant.turns import Verdict
from eligen.tools.layout import Layout, Value


class Message(Value):
    """What was sent to the assistant and what it said; a question waits for an answer."""

    user: str
    reply: str
    question: str | None = None


class Cost(Value):
    """What a turn took. `forwards` are the passes of the image model, `calls` and `tokens` the language model's."""

    seconds: float = 0.0
    forwards: int = 0
    retries: int = 0
    calls: int = 0
    tokens: int = 0


class PlayedTurn(Value):
    """A scenario's turn as it went: the message, answers to questions, and how things stand after them.

    `picture` and `mask` are hashes; `mask` is where this turn repainted the picture, None where all of it or nothing.
    """

    messages: tuple[Message, ...] = Field(min_length=1)
    layout: Layout | None = None
    tools: tuple[str, ...] = ()
    error: str | None = None
    painted: bool = False
    picture: Picture | None = None
    mask: Picture | None = None
    verdict: Verdict | None = None
    notices: tuple[str, ...] = ()
    cost: Cost = Cost()

    @property
    def said(self) -> str:
        """Everything that the assistant said in this turn."""
        return " ".join(filter(None, (text for one in self.messages for text in (one.reply, one.question))))

    @property
    def pictures(self) -> set[str]:
        """The hashes of all pictures that the turn has or refers to."""
        named = mentioned(self.layout.model_dump_json()) if self.layout else set()
        return named | {name for name in (self.picture, self.mask) if name}


class Played(Value):
    """A scenario played once by one agent. `crash` is the error of an agent that broke, with its traceback.

    `reached` is whether a simulated user got what it wanted, None where there was none.
    """

    turns: tuple[PlayedTurn, ...] = ()
    crash: str | None = None
    reached: bool | None = None

    @property
    def timeless(self) -> Played:
        """The same without seconds, which differ from run to run."""
        turns = tuple(
            turn.model_copy(update={"cost": turn.cost.model_copy(update={"seconds": 0.0})}) for turn in self.turns
        )
        return self.model_copy(update={"turns": turns})
