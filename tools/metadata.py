"""What a picture carries: the request it was painted from, in the PNG itself and in a JSON beside it."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from eligen.tools.errors import UserError
from eligen.tools.requestfiles import PNG_KEY
from eligen.tools.requests import GenerateRequest


def write_picture(image: Image.Image, request: GenerateRequest, path: Path) -> None:
    """Write the picture as PNG with its request inside, the request as JSON beside it, and copies of its masks.

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
    entities = []
    for number, entity in enumerate(request.entities, start=1):
        names = {}
        for role, source in (("mask", entity.mask), ("reference", entity.reference)):
            if source is not None:
                # "@" is in no id, so that no other picture of the folder can have this name.
                names[role] = f"{path.stem}@{role}-{number}{Path(source).suffix}"
                copies[names[role]] = Path(source).read_bytes()
        entities.append(entity.model_copy(update=names))
    for name, content in copies.items():
        path.with_name(name).write_bytes(content)
    return request.model_copy(update={"entities": tuple(entities)})
