"""`eligen design`: a sentence, its layout, its picture."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
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
    PlannerOption,
    PresetOption,
    QuantizationOption,
    check_writable,
    note,
    parse_loras,
    parse_preset,
    parse_size,
    say,
    spoken,
)
from eligen.assistant.commands.painting import Easel
from eligen.assistant.commands.planners import asked_for, get_planner
from eligen.assistant.context import Context
from eligen.tools.errors import UserError
from eligen.tools.layout import Layout, StyleImage
from eligen.tools.profiles import DEFAULT_PROFILE, get_profile
from eligen.tools.requests import GenerateRequest
from eligen.tools.userinput import parse_json, read_text, validated

MAX_PICTURES = 64


def design(
    prompt: Annotated[str, typer.Argument(help="What to paint, in one sentence.", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", help="The picture, FILE.png; FILE.layout.png and FILE.json lie beside it.")
    ],
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, metavar="N", help="[default: random, and printed]")
    ] = None,
    size: Annotated[str | None, typer.Option("--size", metavar="WxH", help="[default: the profile's]")] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, max=200, metavar="N", help="[default: the profile's]")
    ] = None,
    n: Annotated[
        int,
        typer.Option(
            "--n",
            min=1,
            max=MAX_PICTURES,
            metavar="N",
            help="How many: FILE-1.png, ... with the seeds seed, seed+1, ...",
        ),
    ] = 1,
    layout: Annotated[
        Path | None, typer.Option("--layout", help="Use this layout (.json) instead of planning.")
    ] = None,
    style_image: Annotated[
        list[Path] | None,
        typer.Option("--style-image", metavar="FILE", help="Take over the style of this picture; may be repeated."),
    ] = None,
    style_scale: Annotated[
        float, typer.Option("--style-scale", min=0, max=2, metavar="X", help="How much of that style.")
    ] = 1.0,
    preset: PresetOption = "exact",
    profile: Annotated[str, typer.Option("--profile", help=PROFILE_HELP)] = DEFAULT_PROFILE,
    planner: PlannerOption = "rules",
    model_dir: ModelDir = None,
    lora_file: LoraFile = None,
    lora: LoraOption = None,
    device: Device = None,
    offload: OffloadOption = None,
    quantization: QuantizationOption = None,
) -> None:
    """Plan a layout for a sentence and paint it."""
    text = spoken(prompt)
    chosen = get_profile(profile, model_dir=model_dir, lora_file=lora_file)
    width, height = parse_size(size) if size else (chosen.width, chosen.height)
    loras = parse_loras(lora, chosen.folder)
    quality = parse_preset(preset)
    paths = _paths(out, n)
    first_seed = secrets.randbelow(2**31) if seed is None else seed
    styles = _styles(style_image or [], style_scale)
    picture = _planned(text, planner) if layout is None else read_layout(layout, text)
    if styles:
        own = [style for style in picture.style_images if style.entity is not None]
        picture = picture.model_copy(update={"style_images": (*styles, *own)})
    settings = {"width": width, "height": height, "steps": steps, "preset": quality, "profile": profile, "loras": loras}
    requests = [_request(path, picture, seed=first_seed + k, **settings) for k, path in enumerate(paths)]
    _print_layout(picture)
    easel = Easel(device=device, offload=offload, quantization=quantization)
    for request, path in zip(requests, paths, strict=True):
        easel.paint(chosen, request, path, overlay=True)
        say(f"{path}  (seed {request.seed})")


def read_layout(path: Path, prompt: str) -> Layout:
    """Return the layout in a JSON file (a layout or a render line) under another global prompt; UserError when bad."""
    from eligen.tools.requestfiles import with_files, with_style_files, without_controls

    value = without_controls(parse_json(read_text(path), path.name))
    if not isinstance(value, dict):
        raise UserError(f"{path.name}: not a JSON object")
    value["prompt"] = prompt
    if value.keys() - Layout.model_fields.keys() and value.keys() <= GenerateRequest.model_fields.keys():
        layout = validated(GenerateRequest, value, path.name).layout
    else:
        layout = validated(Layout, value, path.name)
    files = {
        "entities": with_files(layout.entities, path.parent, path.name),
        "style_images": with_style_files(layout.style_images, path.parent, path.name),
    }
    return layout.model_copy(update=files)


def _planned(text: str, planner: str) -> Layout:
    plan = get_planner(planner).plan(text, Context())
    say(plan.reply)
    for notice in plan.notices:
        note(notice)
    return asked_for(plan)


def _styles(images: Sequence[Path], scale: float) -> tuple[StyleImage, ...]:
    from eligen.tools.requestfiles import with_style_files

    given = tuple(StyleImage(image=str(image), scale=scale) for image in images)
    return with_style_files(given, Path.cwd(), "--style-image")


def _request(path: Path, layout: Layout, **settings: Any) -> GenerateRequest:
    fields = {
        "id": re.sub(r"[^A-Za-z0-9._-]", "-", path.stem).lstrip(".")[:64] or "picture",
        "prompt": layout.prompt,
        "entities": layout.entities,
        "background": layout.background,
        "style": layout.style,
        "style_images": layout.style_images,
    }
    return validated(GenerateRequest, fields | settings, path.name)


def _paths(out: Path, n: int) -> list[Path]:
    if out.suffix.lower() != ".png":
        raise UserError(f"--out {out}: the name must end in .png")
    paths = [out] if n == 1 else [out.with_stem(f"{out.stem}-{k}") for k in range(1, n + 1)]
    for path in paths:
        for file in (path, path.with_suffix(".layout.png"), path.with_suffix(".json")):
            check_writable(file)
    return paths


def _print_layout(layout: Layout) -> None:
    for number, entity in enumerate(layout.entities, start=1):
        box = " ".join(f"{edge:.2f}" for edge in entity.box.as_tuple())
        say(f"  {number}  {entity.prompt}  [{box}]")
