"""Requests on disk: JSON lines that people write, and the JSON and PNG files that painting leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eligen.tools.errors import UserError
from eligen.tools.imagefiles import open_image
from eligen.tools.layout import Entity, StyleImage
from eligen.tools.profiles import PROFILES
from eligen.tools.requests import GenerateRequest, InpaintRequest, Lora, RepaintRequest, TransferRequest
from eligen.tools.userinput import parse_json, printable, read_json_lines, read_text, validated

PNG_KEY = "eligen"
SPOKEN = ("prompt", "negative_prompt", "background", "style")


def read_requests(path: Path) -> tuple[list[GenerateRequest], list[str]]:
    """Return the requests of a .jsonl, .json or .png file and notices for the user; a line with an image repaints it.

    Names of images, masks, references and LoRAs are relative to the file and come back as absolute paths; a LoRA that
    is no file there keeps its name. Raises UserError that names the line when anything in the file is malformed, an id
    repeats or an image is broken.
    """
    requests: dict[str, GenerateRequest] = {}
    notices: list[str] = []
    for where, value in _values(path):
        clean = without_controls(value)
        if clean != value:
            notices.append(f"{where}: control characters removed")
        request = _request(clean, path.parent, where)
        if request.id in requests:
            raise UserError(f"{where}: id {request.id!r} is that of an earlier line too")
        requests[request.id] = request
    if not requests:
        raise UserError(f"{path} holds no line to render")
    return list(requests.values()), notices


def _request(value: Any, folder: Path, where: str) -> GenerateRequest:
    if isinstance(value, dict) and "id" not in value:
        raise UserError(f"{where}: field 'id' is missing")
    request = validated(_kind(value), value, where)
    if request.profile not in (None, *PROFILES):
        raise UserError(f"{where}: unknown profile {request.profile!r}: known are {', '.join(PROFILES)}")
    files: dict[str, Any] = {
        "entities": with_files(request.entities, folder, where),
        "style_images": with_style_files(request.style_images, folder, where),
        "loras": _with_lora_files(request.loras, folder),
    }
    if isinstance(request, RepaintRequest):
        files["image"] = _file(request.image, folder, where)
    if isinstance(request, InpaintRequest):
        files["mask"] = _file(request.mask, folder, where)
    return request.model_copy(update=files)


def _kind(value: Any) -> type[GenerateRequest]:
    """Return which request a line is: with an image it repaints, and where things have references, transfers them."""
    if not isinstance(value, dict) or "image" not in value:
        return GenerateRequest
    entities = value.get("entities")
    listed = entities if isinstance(entities, list) else []
    referring = any(isinstance(entity, dict) and entity.get("reference") for entity in listed)
    return TransferRequest if referring else InpaintRequest


def read_request(path: Path) -> GenerateRequest:
    """Return the one request of a .json or .png file that painting left behind; UserError as read_requests."""
    requests, _ = read_requests(path)
    return requests[0]


def without_controls(value: Any, key: str = "") -> Any:
    """Return a JSON value whose prompts, at any depth, are printable."""
    if isinstance(value, dict):
        return {name: without_controls(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [without_controls(item, key) for item in value]
    return printable(value) if isinstance(value, str) and key in SPOKEN else value


def with_files(entities: tuple[Entity, ...], folder: Path, where: str) -> tuple[Entity, ...]:
    """Return the entities with their image paths, relative to a folder, made absolute; UserError when one is broken."""
    return tuple(
        entity.model_copy(
            update={"mask": _file(entity.mask, folder, where), "reference": _file(entity.reference, folder, where)}
        )
        for entity in entities
    )


def with_style_files(styles: tuple[StyleImage, ...], folder: Path, where: str) -> tuple[StyleImage, ...]:
    """Return the style images with their paths, relative to a folder, made absolute; UserError when one is broken."""
    return tuple(style.model_copy(update={"image": _file(style.image, folder, where)}) for style in styles)


def _with_lora_files(loras: tuple[Lora, ...], folder: Path) -> tuple[Lora, ...]:
    return tuple(
        lora.model_copy(update={"name": str(file)}) if (file := folder.absolute() / lora.name).is_file() else lora
        for lora in loras
    )


def _file(name: str | None, folder: Path, where: str) -> str | None:
    if name is None:
        return None
    path = folder.absolute() / name
    try:
        open_image(path)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    return str(path)


def _values(path: Path) -> Iterator[tuple[str, Any]]:
    match path.suffix.lower():
        case ".jsonl":
            yield from read_json_lines(path)
        case ".json":
            yield path.name, parse_json(read_text(path), path.name)
        case ".png":
            text = open_image(path).info.get(PNG_KEY)
            if text is None:
                raise UserError(f"{path} carries no layout: it was not painted by this program, or was saved anew")
            yield path.name, parse_json(text, path.name)
        case _:
            raise UserError(f"{path} is neither .jsonl, .json nor .png")
