"""What the page is pieced together from: files of `parts/` as components, pictures as data URLs, colours."""

from __future__ import annotations

import base64
import io
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from PIL import Image

from eligen.assistant.studio.files import open_image

if TYPE_CHECKING:
    import numpy as np

PARTS = Path(__file__).parent / "parts"
ICON = PARTS / "icon.png"
COLOURS = ("#d6336c", "#1c7ed6", "#2b8a3e", "#c2410c", "#7048e8", "#0b7285", "#a61e4d", "#5c7c0f", "#364fc7", "#9c36b5")
LOSSLESS = 512  # pixels: smaller pictures are shown as they are


@cache
def component(name: str) -> Any:
    """Return the component whose html, css and js lie in `parts/` under a name."""
    html, css, js = ((PARTS / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component(f"eligen_{name}", html=html, css=css, js=js)


def styled() -> None:
    """Put the page's own style sheet on it."""
    st.html(f"<style>{(PARTS / 'page.css').read_text(encoding='utf-8')}</style>")


def colour(index: int) -> str:
    """Return the colour of the thing of that number, dark enough for white letters."""
    return COLOURS[index % len(COLOURS)]


@lru_cache(maxsize=256)
def picture_url(file: Path, most: int = 1024) -> str:
    """Return a picture as a data URL with sides of at most so many pixels; the file of a picture never changes."""
    image = open_image(file)
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail((most, most))
    return image_url(image)


def image_url(image: Image.Image) -> str:
    """Return an image as a data URL, small ones without loss."""
    kind = "PNG" if max(image.size) <= LOSSLESS else "WEBP"
    buffer = io.BytesIO()
    image.save(buffer, format=kind, quality=90)
    return data_url(buffer.getvalue(), kind.lower())


def data_url(content: bytes, kind: str = "png") -> str:
    """Return an image file's content as a data URL."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def mask_url(mask: np.ndarray) -> str:
    """Return a shape, bool (H, W), as a data URL of a PNG whose alpha it is."""
    alpha = Image.fromarray(mask).convert("L")
    image = Image.new("LA", alpha.size, 255)
    image.putalpha(alpha)
    return image_url(image.convert("RGBA"))
