"""What stands between a session and the agent under test: it counts, and dictates what is not the agent's to decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from eligen.assistant.chat_models.base import ChatMessage, ChatModel, OnToken, Schema
from eligen.assistant.context import Context, Planner
from eligen.assistant.plan import Compose, Plan
from eligen.tools.layout import Layout
from eligen.tools.requests import Control, GenerateRequest

if TYPE_CHECKING:
    from PIL import Image

    from eligen.assistant.agents.painter import Paints
    from eligen.tools.generation import OnStep, Painted


class Dictated:
    """A planner that is not asked where a scenario gives the layout itself."""

    def __init__(self, planner: Planner) -> None:
        self.planner = planner
        self.layout: Layout | None = None

    def plan(self, text: str, context: Context) -> Plan:
        """Return the plan of the scenario's layout, else the planner's."""
        if self.layout is not None:
            return Plan(reply="", edits=(Compose(layout=self.layout),))
        return self.planner.plan(text, context)


class MeteredPainter:
    """A painter under one kind of entity control that counts the passes through the model that denoises."""

    def __init__(self, painter: Paints, control: Control) -> None:
        self.painter, self.control = painter, control
        self.forwards = 0

    def paint(self, request: GenerateRequest, *, on_step: OnStep | None = None) -> Painted:
        """Paint as the painter does."""
        steps = 0

        def count(done: int, total: int, preview: Callable[[], Image.Image]) -> None:
            nonlocal steps
            steps = done
            if on_step is not None:
                on_step(done, total, preview)

        painted = self.painter.paint(request.model_copy(update={"control": self.control}), on_step=count)
        self.forwards += steps * (2 if (painted.request.true_cfg or 0) > 1 else 1)
        return painted


class MeteredModel:
    """A language model whose answers and their pieces are counted."""

    def __init__(self, model: ChatModel) -> None:
        self.model = model
        self.calls = self.tokens = 0

    @property
    def vision(self) -> bool:
        """Whether it takes images."""
        return self.model.vision

    def reply(
        self, messages: Sequence[ChatMessage], *, schema: Schema | None = None, on_token: OnToken | None = None
    ) -> str:
        """Answer as the model does."""
        self.calls += 1

        def count(piece: str) -> None:
            self.tokens += 1
            if on_token is not None:
                on_token(piece)

        return self.model.reply(messages, schema=schema, on_token=count)


@dataclass(frozen=True, eq=False)
class Blank:
    """An empty picture, in the form that painters answer with."""

    image: Image.Image
    request: GenerateRequest
    notices: tuple[str, ...] = ()
    mask: Image.Image | None = None


class BlankPainter:
    """Paints nothing, for scenarios about planning alone."""

    def paint(self, request: GenerateRequest, *, on_step: Any = None) -> Painted:
        """Return an empty picture."""
        from PIL import Image

        return cast("Painted", Blank(Image.new("L", (request.width, request.height)), request))
