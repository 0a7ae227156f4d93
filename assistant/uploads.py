"""Pictures that users attach to be edited: the size they get, and the version that one makes."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from eligen.assistant.caption import summary
from eligen.assistant.edits import apply
from eligen.assistant.history import History, Version
from eligen.assistant.plan import Compose
from eligen.tools.layout import Layout

if TYPE_CHECKING:
    from PIL import Image

UNIT, LEAST, MOST = 16, 64, 2048  # what the sides of a picture are multiples of, and their limits


def size_for(width: int, height: int, pixels: int) -> tuple[int, int]:
    """Return the (width, height) that a picture of some size is edited at: its own where that can be painted.

    Else it keeps its proportions, as far as sides that are multiples of UNIT allow, with at most about `pixels`.
    """
    scale = max(min(1.0, sqrt(pixels / (width * height))), LEAST / min(width, height))
    longest = min(max(pixels // LEAST, LEAST), MOST) // UNIT * UNIT
    across, down = (min(round(side * scale / UNIT) * UNIT, longest) for side in (width, height))
    return across, down


def fitted(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return an RGB picture of that size: scaled, then cut alike on both sides; what shines through becomes white."""
    from PIL import Image as images
    from PIL import ImageOps

    if image.has_transparency_data:
        image = images.alpha_composite(images.new("RGBA", image.size, "white"), image.convert("RGBA"))
    image = image.convert("RGB")
    return image if image.size == size else ImageOps.fit(image, size, images.Resampling.LANCZOS)


def uploaded(layout: Layout, picture: str, history: History, reply: str) -> Version:
    """Return the version that a picture (by content hash) of this layout makes, whatever the version before it."""
    edit = Compose(layout=layout)
    new = apply(None, [edit], taken=history.ids)
    return Version(id=history.next_id, parent=history.head, layout=new, picture=picture, edits=(edit,), reply=reply)


def told(layout: Layout, given: tuple[int, int], size: tuple[int, int]) -> str:
    """Say what is seen in a picture and, where its size had to change, which it has now."""
    seen = f"I see {summary(layout) or 'nothing in the picture that I know'}."
    if given == size:
        return seen
    return f"{seen} The picture is {given[0]}x{given[1]}: here it is {size[0]}x{size[1]}."
