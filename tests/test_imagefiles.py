"""Pictures from outside: read whole, or refused in one line."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from eligen.tools.errors import UserError
from eligen.tools.imagefiles import MAX_PIXELS, open_image


def encoded(format: str, mode: str = "RGB") -> bytes:
    buffer = BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(buffer, format)
    return buffer.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """Return a PNG whose header claims a size its few bytes of pixels do not hold."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("format", "mode"), [("PNG", "RGB"), ("PNG", "LA"), ("PNG", "P"), ("PNG", "1"), ("JPEG", "L"), ("WEBP", "RGBA")]
)
def test_opens_usual_images(tmp_path: Path, format: str, mode: str) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded(format, mode))
    image = open_image(path)
    assert image.size == (32, 24)
    assert image.convert("RGB").mode == "RGB"


def test_sixteen_bit_grey_keeps_its_range(tmp_path: Path) -> None:
    values = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    image = open_image(tmp_path / "deep.png")
    assert image.mode == "L"
    assert np.asarray(image).tolist() == [[0, 1, 128, 255]]


def test_turns_a_photo_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (32, 24)).save(tmp_path / "photo.jpg", exif=exif)
    assert open_image(tmp_path / "photo.jpg").size == (24, 32)


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("text.png", b"not an image", "not an image"),
        ("empty.png", b"", "not an image"),
        ("cut.png", encoded("PNG")[:200], "truncated"),
        ("cut.jpg", encoded("JPEG")[:-200], "truncated"),
        ("large.png", png_of_size(MAX_PIXELS // 1000 + 1, 1000), "too large"),
        ("bomb.png", png_of_size(60_000, 60_000), "too large"),
        ("lie.png", png_of_size(1000, 1000), "truncated"),
    ],
)
def test_refuses_in_one_line(tmp_path: Path, name: str, data: bytes, line: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=line) as error:
        open_image(tmp_path / name)
    assert "\n" not in str(error.value)
    assert name in str(error.value)


def test_refuses_what_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.png"):
        with pytest.raises(UserError, match="no image at"):
            open_image(path)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(format=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP"]), data=st.data())
def test_any_damage_reads_or_is_a_user_error(tmp_path: Path, format: str, data: st.DataObject) -> None:
    raw = bytearray(encoded(format))
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged"
    path.write_bytes(raw)
    try:
        image = open_image(path)
    except UserError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert image.width * image.height <= MAX_PIXELS
