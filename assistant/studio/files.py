"""What can be taken away of a session's current version, as files' contents."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from eligen.assistant.cutouts import cut_out, taken_apart
from eligen.assistant.history import Version
from eligen.assistant.layers import open_raster
from eligen.assistant.studio.desk import Desk
from eligen.tools.errors import UserError
from eligen.tools.imagefiles import open_image
from eligen.tools.metadata import write_picture
from eligen.tools.requests import GenerateRequest, RepaintRequest

if TYPE_CHECKING:
    from PIL import Image


def picture_file(desk: Desk) -> bytes:
    """Return the picture as PNG with its request inside."""
    return _written(desk, ".png")


def layout_file(desk: Desk) -> bytes:
    """Return the layout as a line of `eligen render`."""
    return _written(desk, ".json")


def layers_file(desk: Desk) -> bytes:
    """Return the picture as OpenRaster: the background and each thing cut out by its true shape."""
    image, version = current(desk)
    entities = version.layout.entities
    return open_raster(taken_apart(image, entities, desk.engine.finder.shapes(image, entities)))


def cut_out_file(desk: Desk, entity_id: str) -> bytes:
    """Return one thing cut out by its true shape, as PNG; UserError when it is not in the picture."""
    image, version = current(desk)
    entity = next((one for one in version.layout.entities if one.id == entity_id), None)
    if entity is None:
        raise UserError("that is not in the picture any more")
    layer = cut_out(image, desk.engine.finder.shapes(image, [entity])[entity_id], entity.prompt)
    assert layer is not None, "a thing without a shape has its box"
    buffer = io.BytesIO()
    layer.image.save(buffer, format="PNG")
    return buffer.getvalue()


def session_file(desk: Desk) -> bytes:
    """Return the whole session as .zip; UserError when there is none."""
    with tempfile.TemporaryDirectory() as folder, desk.held() as session:
        if session is None:
            raise UserError("there is no picture yet")
        path = Path(folder) / "session.zip"
        session.export(path)
        return path.read_bytes()


def current(desk: Desk) -> tuple[Image.Image, Version]:
    """Return the current picture and its version; UserError when there is none."""
    version, picture = desk.history.current, desk.picture
    if version is None or picture is None:
        raise UserError("there is no picture yet")
    return open_image(picture), version


def request_for(version: Version, desk: Desk) -> GenerateRequest:
    """Return what paints a version's layout: the request that did, or after edits one for the picture as a whole.

    It stands by itself, so what names other files is left out.
    """
    last = version.requests[-1] if version.requests else None
    if last is not None and not isinstance(last, RepaintRequest) and last.layout == version.layout:
        request = last
    else:
        shown = {name: value for name, value in version.layout if name != "schema_version"}
        with desk.held() as session:
            assert session is not None, "a version has a session"
            request = GenerateRequest(**shown | dict(session.settings))
    alone = tuple(entity.model_copy(update={"mask": None, "reference": None}) for entity in request.entities)
    return request.model_copy(update={"entities": alone, "style_images": (), "id": f"version-{version.id}"})


def _written(desk: Desk, suffix: str) -> bytes:
    image, version = current(desk)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        write_picture(image, request_for(version, desk), path)
        return path.with_suffix(suffix).read_bytes()
