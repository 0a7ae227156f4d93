"""The graph's state: the current turn only, in layouts, requests and ids of pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from eligen.assistant.history import START, Picture, Requests, Version
from eligen.assistant.plan import Plan
from eligen.assistant.routing import Step
from eligen.assistant.turns import Verdict
from eligen.tools.layout import Layout, Value

if TYPE_CHECKING:
    from PIL import Image


class Candidate(Value):
    """A picture that a turn may end with, the requests that made it of the version before, and the critic's verdict."""

    picture: Picture
    mask: Picture | None = None
    requests: Requests
    notices: tuple[str, ...] = ()
    verdict: Verdict | None = None


class State(Value):
    """One turn on its way. Nodes are given this value and answer with fields of it as JSON: so are the checkpoints.

    Entities in `locked` may not change. `varied` is a version to be painted once more with `seed`, instead of a plan.
    `upload` is the version that an attached picture makes, before the plan's; `head` and `tip` are where the plan's
    undos and redos led; `layout` is what its edits made of the layout there, None when nothing is to change; `steps`
    are to be painted next, `tools` those that the plan needed; `error` says why nothing can be done.
    """

    text: str
    attachments: tuple[Picture, ...] = ()
    locked: tuple[str, ...] = ()
    varied: int = START
    seed: int = 0
    turn: int = 0
    plan: Plan = Plan(reply="")
    upload: Version | None = None
    head: int = START
    tip: int = START
    error: str = ""
    layout: Layout | None = None
    steps: tuple[Step, ...] = ()
    tools: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class Progress:
    """What is being done, as it goes: `done` of `total` steps, and perhaps a function that foretells the picture."""

    doing: str
    tool: str = ""
    done: int = 0
    total: int = 0
    preview: Callable[[], Image.Image] | None = None

    def __str__(self) -> str:
        return f"{self.doing} {self.done}/{self.total}" if self.total else self.doing


def as_json(**fields: Any) -> dict[str, Any]:
    """Return an update of the state, its values as JSON."""
    return {name: _json(value) for name, value in fields.items()}


def _json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return [_json(item) for item in value] if isinstance(value, tuple | list) else value
