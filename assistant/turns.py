"""What a session remembers of a turn besides its version: what was said, what was asked, what the critic saw."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from eligen.assistant.context import Message
from eligen.assistant.history import START, Picture
from eligen.assistant.plan import NamedReference, Question
from eligen.tools.layout import Value


class Finding(Value):
    """What the critic saw of one entity; `score` in 0..1 tells candidates apart that fail alike."""

    id: str
    prompt: str
    present: bool
    placed: bool
    attributes: bool
    score: Annotated[float, Field(ge=0, le=1)]

    @property
    def ok(self) -> bool:
        """Whether the entity is as it was asked for."""
        return self.present and self.placed and self.attributes

    @property
    def problem(self) -> str:
        """What is wrong, in words."""
        name = re.sub(r"^(an?|the)\s+", "", self.prompt.strip(), flags=re.IGNORECASE)
        if not self.present:
            return f"the {name} is missing: I could not fit it"
        return f"the {name} is not where it should be" if not self.placed else f"the {name} does not look as asked"


class Verdict(Value):
    """What the critic saw of a candidate: its entities, and whether all that was to stay did stay."""

    findings: tuple[Finding, ...] = ()
    unchanged: bool = True

    @property
    def ok(self) -> bool:
        """Whether there is nothing to better."""
        return self.unchanged and not self.failed

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The entities that are not as they were asked for."""
        return tuple(finding for finding in self.findings if not finding.ok)

    @property
    def rank(self) -> tuple[bool, int, float]:
        """What the better of two candidates has more of."""
        return self.unchanged, -len(self.failed), sum(finding.score for finding in self.findings)


class Turn(Value):
    """One message and its answer. `version` is the current one after it; `painted` says that the turn made it.

    A turn with a `question` waits for the next message to answer it. `tools` are those that ran, in order,
    `names` the pictures that got a name. `varied` is the version that the turn painted once more with another seed.
    """

    number: Annotated[int, Field(ge=1)]
    user: str
    attachments: tuple[Picture, ...] = ()
    reply: str
    question: Question | None = None
    tools: tuple[str, ...] = ()
    error: str | None = None
    version: Annotated[int, Field(ge=START)] = START
    varied: Annotated[int, Field(ge=START)] = START
    painted: bool = False
    tries: int = 0
    verdict: Verdict | None = None
    explanation: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    names: tuple[NamedReference, ...] = ()

    @property
    def messages(self) -> tuple[Message, Message]:
        """The two messages of the dialogue."""
        answer = spoken(self.reply, self.question)
        return Message(role="user", text=self.user), Message(role="assistant", text=answer)


def spoken(reply: str, question: Question | None) -> str:
    """Return what the assistant says in a turn."""
    return f"{reply} {question.text}".strip() if question else reply
