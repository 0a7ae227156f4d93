"""What a picture carries: the request it was painted from, in the PNG itself and in a JSON beside it."""

from __future__ import annotations

import json
from pathlib import Path

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

    def copied(value: GenerateRequest | Entity, roles: tuple[str, ...], number: str = "") -> dict[str, str]:
        names = {}
        for role in roles:
            source = getattr(value, role)
            if source is not None:
                # "@" is in no id, so that no other picture of the folder can have this name.
                names[role] = f"{path.stem}@{role}{number}{Path(source).suffix}"
                copies[names[role]] = Path(source).read_bytes()
        return names

    entities = tuple(
        entity.model_copy(update=copied(entity, ("mask", "reference"), f"-{number}"))
        for number, entity in enumerate(request.entities, start=1)
    )
    own = copied(request, ("image",)) if isinstance(request, RepaintRequest) else {}
    own |= copied(request, ("mask",)) if isinstance(request, InpaintRequest) else {}
    for name, content in copies.items():
        path.with_name(name).write_bytes(content)
    return request.model_copy(update={"entities": entities, **own})
