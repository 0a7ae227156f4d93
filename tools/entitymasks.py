"""Where entities are painted: their masks from files, or filled boxes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from eligen.tools import masks
from eligen.tools.imagefiles import open_image
from eligen.tools.layout import Entity


def entity_masks(entities: Sequence[Entity], width: int, height: int) -> tuple[list[Image.Image], list[str]]:
    """Return each entity's mask (its file of any size and mode, else its box filled) and notices about odd ones.

    Raises UserError for files that cannot be read.
    """
    found = [_mask(entity, width, height) for entity in entities]
    notices = [
        line for entity, mask in zip(entities, found, strict=True) for line in _oddities(entity, mask, width, height)
    ]
    for index in masks.vanished(found, height, width):
        entity = entities[index]
        size = "is empty" if _is_empty(found[index]) else "is too small for the model's grid of 16 pixels"
        notices.append(f"{entity.prompt!r} will not be placed: its {'mask' if entity.mask else 'box'} {size}")
    return found, notices


def _mask(entity: Entity, width: int, height: int) -> Image.Image:
    if entity.mask is None:
        return masks.box_mask(entity.box, height, width)
    return open_image(Path(entity.mask))


def _oddities(entity: Entity, mask: Image.Image, width: int, height: int) -> list[str]:
    lines = []
    if mask.size != (width, height):
        lines.append(f"the mask of {entity.prompt!r} is {mask.width}x{mask.height}: resized to {width}x{height}")
    if mask.mode not in ("L", "1"):
        lines.append(f"the mask of {entity.prompt!r} has mode {mask.mode}: read by its brightness where it is opaque")
    return lines


def _is_empty(mask: Image.Image) -> bool:
    return masks.as_rgb(mask).getbbox() is None
