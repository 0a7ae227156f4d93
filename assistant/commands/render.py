"""`eligen render`: pictures from requests, without a planner."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from eligen.assistant.commands.options import (
    PROFILE_HELP,
    Device,
    LoraFile,
    LoraOption,
    ModelDir,
    OffloadOption,
    QuantizationOption,
    check_writable,
    note,
    parse_loras,
    say,
)
from eligen.assistant.commands.painting import Easel
from eligen.tools.errors import UserError
from eligen.tools.profiles import DEFAULT_PROFILE, get_profile
from eligen.tools.requests import Control


def render(
    source: Annotated[
        Path, typer.Option("--input", help="A .jsonl of requests, or a .json or .png that design wrote.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder for ID.png and ID.json of every request.")],
    control: Annotated[
        Control | None,
        typer.Option("--control", help="none, untrained (no LoRA) or eligen. [default: the request's, else eligen]"),
    ] = None,
    profile: Annotated[str | None, typer.Option("--profile", help=f"{PROFILE_HELP} [default: the request's]")] = None,
    model_dir: ModelDir = None,
    lora_file: LoraFile = None,
    lora: LoraOption = None,
    device: Device = None,
    offload: OffloadOption = None,
    quantization: QuantizationOption = None,
) -> None:
    """Paint the requests of a file.

    Nothing is painted when any of them is malformed.
    """
    from eligen.tools.requestfiles import read_requests

    requests, notices = read_requests(source)
    changes: dict[str, Any] = {}
    if control is not None:
        changes["control"] = control
    if profile is not None:
        changes["profile"] = profile
    requests = [request.model_copy(update=changes) for request in requests]
    names = {request.profile or DEFAULT_PROFILE for request in requests}
    profiles = {name: get_profile(name, model_dir=model_dir, lora_file=lora_file) for name in names}
    if lora:
        folder = next(iter(profiles.values())).folder
        added = parse_loras(lora, folder)
        requests = [request.model_copy(update={"loras": (*request.loras, *added)}) for request in requests]
    paths = [out / f"{request.id}.png" for request in requests]
    _prepare(out, paths)
    for notice in notices:
        note(notice)
    easel = Easel(device=device, offload=offload, quantization=quantization)
    for request, path in zip(requests, paths, strict=True):
        easel.paint(profiles[request.profile or DEFAULT_PROFILE], request, path)
        say(str(path))


def _prepare(folder: Path, paths: list[Path]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}") from error
    for path in paths:
        check_writable(path)
        check_writable(path.with_suffix(".json"))
