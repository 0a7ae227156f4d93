"""The node for pictures that users attach to be changed: one becomes a version, what is seen in it its layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from langgraph.config import get_stream_writer
from langgraph.types import Command

from eligen.assistant.agents.critic import Eye
from eligen.assistant.routing import Settings
from eligen.assistant.state import State, as_json
from eligen.assistant.store import Store
from eligen.assistant.uploads import fitted, size_for, told, uploaded
from eligen.tools.errors import ModelOutputError
from eligen.tools.layout import Layout

if TYPE_CHECKING:
    from PIL import Image

UNKNOWN = Layout(prompt="a picture")


@dataclass(frozen=True)
class UploadAgent:
    """Makes the first attachment the picture that the plan is about; without an eye nothing in it is known."""

    eye: Eye | None
    store: Store
    settings: Settings

    def __call__(self, state: State) -> Command[Literal["planner"]]:
        get_stream_writer()({"doing": "looking"})
        given = self.store.pictures.open(state.attachments[0])
        image = fitted(given, size_for(*given.size, self.settings.width * self.settings.height))
        layout = self._layout(image)
        picture = self.store.pictures.put(image)
        upload = uploaded(layout, picture, self.store.history, told(layout, given.size, image.size))
        return Command(goto="planner", update=as_json(upload=upload))

    def _layout(self, image: Image.Image) -> Layout:
        try:
            return self.eye.ground(image) if self.eye else UNKNOWN
        except ModelOutputError:
            return UNKNOWN
