"""Pictures in layers as OpenRaster files, which Krita, GIMP, MyPaint and others open."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from xml.etree import ElementTree

from PIL import Image

from eligen.assistant.cutouts import Layer

THUMBNAIL = 256


def open_raster(layers: Sequence[Layer]) -> bytes:
    """Return the content of an .ora file with these layers, from back to front; the first is as large as the canvas.

    After the OpenRaster 0.0.6 baseline: stack.xml lists the layers from front to back.
    """
    width, height = layers[0].image.size
    root = ElementTree.Element("image", version="0.0.6", w=str(width), h=str(height), xres="72", yres="72")
    stack = ElementTree.SubElement(root, "stack")
    merged = Image.new("RGBA", (width, height))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("mimetype", "image/openraster", zipfile.ZIP_STORED)
        for number, layer in enumerate(layers):
            name = f"data/layer{number}.png"
            target.writestr(name, _png(layer.image))
            merged.alpha_composite(layer.image, (layer.x, layer.y))
            described = {"name": layer.name, "src": name, "x": str(layer.x), "y": str(layer.y)}
            stack.insert(0, ElementTree.Element("layer", described | {"opacity": "1.0", "visibility": "visible"}))
        target.writestr("stack.xml", ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True))
        target.writestr("mergedimage.png", _png(merged))
        merged.thumbnail((THUMBNAIL, THUMBNAIL))
        target.writestr("Thumbnails/thumbnail.png", _png(merged))
    return buffer.getvalue()


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
