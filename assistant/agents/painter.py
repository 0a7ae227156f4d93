"""The painter's node: runs a turn's steps one after the other and keeps what comes out as a candidate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from langgraph.config import get_stream_writer
from PIL import ImageChops

from eligen.assistant.pictures import Pictures
from eligen.assistant.routing import Step
from eligen.assistant.state import Candidate, State, as_json
from eligen.tools.errors import ToolError
from eligen.tools.requests import GenerateRequest, RepaintRequest

if TYPE_CHECKING:
    from eligen.tools.generation import OnStep, Painted, Painter
    from eligen.tools.profiles import Profile


class Paints(Protocol):
    """Anything that paints requests whose image fields are files."""

    def paint(self, request: GenerateRequest, *, on_step: OnStep | None = None) -> Painted:
        """Return the request's picture; ToolError when it cannot be done, UserError when nothing can be painted."""
        ...


class LazyPainter:
    """Paints with a profile's models; PyTorch is imported and the models are loaded with the first picture."""

    def __init__(self, *, profile: Profile, **hardware: Any) -> None:
        self._options = {"profile": profile, **hardware}

    @cached_property
    def painter(self) -> Painter:
        """The painter itself."""
        from eligen.tools.generation import Painter

        return Painter(**self._options)

    def paint(self, request: GenerateRequest, *, on_step: OnStep | None = None) -> Painted:
        """Return the request's picture, as `Painter.paint` does."""
        return self.painter.paint(request, on_step=on_step)


@dataclass(frozen=True)
class PainterAgent:
    """Paints a turn's steps, each on the picture of the one before, and tells every step of the denoising."""

    painter: Paints
    pictures: Pictures

    def __call__(self, state: State) -> dict[str, Any]:
        try:
            candidate = self._painted(state.steps, state.candidates)
        except ToolError as error:
            return as_json(error=str(error), steps=())
        return as_json(candidates=(*state.candidates, candidate), steps=())

    def _painted(self, steps: tuple[Step, ...], earlier: tuple[Candidate, ...]) -> Candidate:
        made = None
        for step in steps:
            request = step.request
            if isinstance(request, RepaintRequest):
                if made is None:
                    made = next((one for one in earlier if one.picture == request.image), None)
                else:
                    request = request.model_copy(update={"image": made.picture})
            painted = self.painter.paint(self.pictures.with_paths(request), on_step=followed(step.tool))
            made = self._kept(painted, made)
        assert made is not None, "a turn that paints has steps"
        return made

    def _kept(self, painted: Painted, before: Candidate | None) -> Candidate:
        """Return what was painted as a candidate that goes on from another one, where there is one."""
        request, mask = self.pictures.with_hashes(painted.request), None
        if painted.mask is not None and before is None:
            mask = self.pictures.put(painted.mask)
        elif painted.mask is not None and before is not None and before.mask is not None:
            mask = self.pictures.put(ImageChops.lighter(painted.mask, self.pictures.open(before.mask)))
        return Candidate(
            picture=self.pictures.put(painted.image),
            mask=mask,
            requests=(*(before.requests if before else ()), request),
            notices=tuple(dict.fromkeys((*(before.notices if before else ()), *painted.notices))),
        )


def followed(tool: str) -> OnStep:
    """Return a callback that streams a tool's progress, with a function that foretells the picture."""
    write = get_stream_writer()

    def on_step(done: int, total: int, preview: Callable[[], Any]) -> None:
        write({"doing": "painting", "tool": tool, "done": done, "total": total, "preview": preview})

    return on_step
