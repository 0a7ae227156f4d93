"""Opening pictures that others made: whatever is wrong with a file is said in one line."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

from PIL import Image, ImageOps

from eligen.tools.errors import UserError

MAX_PIXELS = 64_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
_DEEP_GREY = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)


def open_image(path: Path) -> Image.Image:
    """Return the picture in a file, fully read, upright, in its own mode (16-bit grey becomes 8-bit).

    Raises UserError when it is missing, broken, cut short, of an unknown format, or larger than MAX_PIXELS.
    """
    try:
        exists = path.is_file()
    except OSError as error:
        raise UserError(f"cannot read {str(path)[:80]!r}: {error.strerror}") from error
    if not exists:
        raise UserError(f"no image at {path}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about odd metadata and sizes
        return _eight_bits(_read(path))


def _read(path: Path) -> Image.Image:
    try:
        image = Image.open(path, formats=FORMATS)
    except Image.DecompressionBombError:
        raise UserError(_too_large(path)) from None
    except _BROKEN as error:
        raise UserError(f"{path} is not an image that can be read ({', '.join(FORMATS)})") from error
    with image:
        if image.width * image.height > MAX_PIXELS:
            raise UserError(_too_large(path))
        try:
            image.load()
            return ImageOps.exif_transpose(image)
        except _BROKEN as error:
            raise UserError(f"{path} is a broken or truncated {image.format} image") from error


def _too_large(path: Path) -> str:
    return f"{path} is too large an image: at most {MAX_PIXELS // 10**6} million pixels"


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP_GREY:
        return image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
    return image
