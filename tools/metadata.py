"""What a picture carries: the request it was painted from, in the PNG itself and in a JSON beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from eligen.tools.errors import UserError
from eligen.tools.layout import Entity
from eligen.tools.requestfiles import PNG_KEY
from eligen.tools.requests import GenerateRequest, InpaintRequest, RepaintRequest


def write_picture(image: Image.Image, request: GenerateRequest, path: Path) -> None:
    """Write the picture as PNG with its request inside, the request as JSON beside it, and copies of images it names.

    Rendering from either file paints the same picture again. Raises UserError when a file cannot be written.
    """
    try:
        carried = _with_copies(request, path)
        info = PngInfo()
        info.add_itxt(PNG_KEY, carried.model_dump_json(exclude_none=True))
        image.save(path, format="PNG", pnginfo=info)
        text = json.dumps(carried.model_dump(mode="json", exclude_none=True), indent=2, ensure_ascii=False)
        path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def _with_copies(request: GenerateRequest, path: Path) -> GenerateRequest:
    copies: dict[str, bytes] = {}

    def copied(source: str | None, role: str) -> str | None:
        if source is None:
            return None
        # "@" is in no id, so that no other picture of the folder can have this name.
        name = f"{path.stem}@{role}{Path(source).suffix}"
        copies[name] = Path(source).read_bytes()
        return name

    def of_entity(entity: Entity, number: int) -> Entity:
        return entity.model_copy(
            update={role: copied(getattr(entity, role), f"{role}-{number}") for role in ("mask", "reference")}
        )

    own: dict[str, Any] = {
        "entities": tuple(of_entity(entity, number) for number, entity in enumerate(request.entities, start=1)),
        "style_images": tuple(
            style.model_copy(update={"image": copied(style.image, f"style-{number}")})
            for number, style in enumerate(request.style_images, start=1)
        ),
    }
    if isinstance(request, RepaintRequest):
        own["image"] = copied(request.image, "image")
    if isinstance(request, InpaintRequest):
        own["mask"] = copied(request.mask, "mask")
    for name, content in copies.items():
        path.with_name(name).write_bytes(content)
    return request.model_copy(update=own)
