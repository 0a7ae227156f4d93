"""What a planner answers."""

from __future__ import annotations

from typing import Literal

from eligen.tools.layout import Layout, Value

Tool = Literal["generate", "inpaint", "style", "transfer"]


class Plan(Value):
    """A planner's answer to one message: the layout to show, or a question, with how the message was read.

    `layout` is None where nothing is to be shown yet; `notices` say what could not be read or done.
    """

    reply: str
    layout: Layout | None = None
    question: str | None = None
    tools: tuple[Tool, ...] = ()
    explanation: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
