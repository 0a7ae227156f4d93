"""`eligen chat`: a conversation in the terminal, or one that a file scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eligen.assistant.commands.options import (
    PRESET_HELP,
    PROFILE_HELP,
    RETRIES_HELP,
    Device,
    LoraFile,
    LoraOption,
    ModelDir,
    OffloadOption,
    PlannerOption,
    QuantizationOption,
    note,
    parse_loras,
    parse_preset,
    parse_size,
)
from eligen.assistant.commands.planners import get_planner
from eligen.tools.errors import UserError
from eligen.tools.profiles import DEFAULT_PROFILE, get_profile


def chat(
    session: Annotated[
        str | None,
        typer.Option("--session", metavar="NAME", help="Begin or go on with this session. [default: a new one]"),
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option("--script", help='Read the messages from a .jsonl of {"user": TEXT, "attach": [FILES]}.'),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="With --script: the folder for NN.png and NN.json of every message.")
    ] = None,
    profile: Annotated[str, typer.Option("--profile", help=PROFILE_HELP)] = DEFAULT_PROFILE,
    planner: PlannerOption = "rules",
    size: Annotated[str | None, typer.Option("--size", metavar="WxH", help="[default: the profile's]")] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, max=200, metavar="N", help="[default: the profile's]")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, metavar="N", help="[default: random]")] = None,
    preset: Annotated[
        str | None, typer.Option("--preset", metavar="NAME", help=f"{PRESET_HELP} [default: the session's, else exact]")
    ] = None,
    critic: Annotated[
        bool, typer.Option("--critic/--no-critic", help="Look at every picture, and say what failed.")
    ] = True,
    retries: Annotated[
        int | None,
        typer.Option("--retries", min=0, max=2, metavar="N", help=RETRIES_HELP),
    ] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Ask before a plan is painted.")] = False,
    model_dir: ModelDir = None,
    lora_file: LoraFile = None,
    lora: LoraOption = None,
    device: Device = None,
    offload: OffloadOption = None,
    quantization: QuantizationOption = None,
) -> None:
    """Design a picture in conversation.

    Everything is kept in the session: its name opens it again, as it was.
    """
    from eligen.assistant.commands.talking import Script, converse, perform

    if (script is None) != (out is None):
        raise UserError("--script and --out belong together")
    chosen = get_profile(profile, model_dir=model_dir, lora_file=lora_file)
    pixels = parse_size(size) if size else None
    loras = parse_loras(lora, chosen.folder)
    quality = None if preset is None else parse_preset(preset)
    lines = Script.read(script, out) if script and out else None
    thinker = get_planner(planner)

    from eligen.assistant.agents.eyes import get_eye
    from eligen.assistant.agents.painter import LazyPainter  # langgraph takes a second
    from eligen.assistant.session import Session

    eye = get_eye(chosen, getattr(thinker, "model", None), device=device)
    painter = LazyPainter(profile=chosen, device=device, offload=offload, quantization=quantization, progress=note)
    with Session.open(
        session,
        planner=thinker,
        painter=painter,
        eye=eye,
        profile=profile,
        size=pixels,
        seed=seed,
        steps=steps,
        preset=quality,
        loras=loras or None,
        critic=critic,
        retries=chosen.retries if retries is None else retries,
        approve=approve,
    ) as opened:
        if eye is None:
            note(f"profile {profile} has no eye (Sam and CLIP weights): pictures are neither checked nor understood")
        if lines:
            perform(opened, lines)
        else:
            converse(opened)
