"""What a user sends: text and pictures, checked and kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eligen.tools.errors import UserError
from eligen.tools.imagefiles import open_image
from eligen.tools.userinput import printable

if TYPE_CHECKING:
    from PIL import Image

    from eligen.assistant.pictures import Pictures

LONGEST = 10_000
MOST_ATTACHMENTS = 8


def checked(text: str, attachments: Sequence[Path]) -> str:
    """Return a message's text without what cannot be shown; UserError when it is empty or too long."""
    said = printable(text)
    if not said and not attachments:
        raise UserError("the message is empty: say what to paint or to change")
    if len(said) > LONGEST:
        raise UserError(f"the message is too long: {len(said)} characters, at most {LONGEST}")
    return said


def kept(pictures: Pictures, attachments: Sequence[Path]) -> list[str]:
    """Return the hashes of attached pictures, copied into a session; UserError for too many and unreadable ones."""
    if len(attachments) > MOST_ATTACHMENTS:
        raise UserError(f"{len(attachments)} pictures are too many for a message: at most {MOST_ATTACHMENTS}")
    images = [open_image(path) for path in attachments]
    return [pictures.put(image.convert(mode)) for image, mode in [(image, _mode(image)) for image in images]]


def _mode(image: Image.Image) -> str:
    """Return the mode that an attached picture is kept in: a mask stays one."""
    if image.has_transparency_data:
        return "RGBA"
    return "L" if image.mode in ("1", "L") else "RGB"
