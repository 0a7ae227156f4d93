"""A session's pictures: PNG files named by the SHA-256 of their content, whole or not there at all."""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from eligen.tools.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

IMAGE_FIELDS = frozenset({"image", "mask", "reference"})
HASH = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")

Model = TypeVar("Model", bound=BaseModel)


class Pictures:
    """A folder of pictures, each under the hash of its file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, picture: str) -> Path:
        """Return the file of a picture's hash."""
        return self.folder / f"{picture}.png"

    def put(self, image: Image.Image) -> str:
        """Keep a picture and return its hash."""
        buffer = io.BytesIO()
        image.save(buffer, format="PNG")
        return self.put_bytes(buffer.getvalue())

    def put_bytes(self, content: bytes) -> str:
        """Keep a PNG file's content and return its hash; it is on the disk when this returns."""
        picture = hashlib.sha256(content).hexdigest()
        if not self.path(picture).exists():
            write_whole(self.path(picture), content)
        return picture

    def open(self, picture: str) -> Image.Image:
        """Return the picture of a hash; UserError when it is missing or broken."""
        from eligen.tools.imagefiles import open_image

        return open_image(self.path(picture))

    def sweep(self, keep: Iterable[str]) -> list[str]:
        """Delete every file but these pictures; return the names of those that went."""
        kept = {self.path(picture).name for picture in keep}
        gone = sorted(path.name for path in self.folder.iterdir() if path.name not in kept)
        for name in gone:
            (self.folder / name).unlink()
        return gone

    def with_paths(self, value: Model) -> Model:
        """Return a value whose image fields, at any depth, are files instead of hashes."""
        return _changed(value, lambda text: str(self.path(text)) if HASH.fullmatch(text) else text)

    def with_hashes(self, value: Model) -> Model:
        """Return a value whose image fields, at any depth, are hashes instead of files of this folder."""
        return _changed(value, lambda text: path.stem if (path := Path(text)).parent == self.folder else text)


def mentioned(text: str) -> set[str]:
    """Return every hash in a text."""
    return set(HASH.findall(text))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that, killed at any moment, it is there with all of its content or not at all.

    UserError when it cannot be written, as on a full disk.
    """
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def images(value: Any, key: str = "") -> Iterator[str]:
    """Yield the image fields of a JSON value, at any depth."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from images(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from images(item, key)
    elif isinstance(value, str) and key in IMAGE_FIELDS:
        yield value


def _changed(value: Model, change: Callable[[str], str]) -> Model:
    return type(value).model_validate(_walked(value.model_dump(mode="json"), change))


def _walked(value: Any, change: Callable[[str], str], key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _walked(item, change, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_walked(item, change, key) for item in value]
    return change(value) if isinstance(value, str) and key in IMAGE_FIELDS else value
