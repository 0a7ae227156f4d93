"""`eligen ui`: the studio in the browser."""

from __future__ import annotations

import runpy
import sys
from typing import Annotated

import typer

from eligen.assistant.commands.options import (
    PROFILE_HELP,
    Device,
    LoraFile,
    ModelDir,
    OffloadOption,
    PlannerOption,
    PresetOption,
    QuantizationOption,
    parse_preset,
    parse_size,
    say,
)
from eligen.tools.profiles import DEFAULT_PROFILE, get_profile

THEME = {
    "base": "light",
    "primaryColor": "#6d4aff",
    "baseRadius": "medium",
    "light.backgroundColor": "#ffffff",
    "light.secondaryBackgroundColor": "#f3f2f8",
    "light.textColor": "#1f1d2b",
    "dark.primaryColor": "#8f75ff",
    "dark.backgroundColor": "#16151d",
    "dark.secondaryBackgroundColor": "#22212c",
    "dark.textColor": "#eceaf6",
}


def ui(
    host: Annotated[
        str, typer.Option("--host", help="The address to listen on; 0.0.0.0 lets other machines visit.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 8501,
    profile: Annotated[str, typer.Option("--profile", help=PROFILE_HELP)] = DEFAULT_PROFILE,
    planner: PlannerOption = "rules",
    size: Annotated[str | None, typer.Option("--size", metavar="WxH", help="[default: the profile's]")] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, max=200, metavar="N", help="[default: the profile's]")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, metavar="N", help="[default: random]")] = None,
    preset: PresetOption = "exact",
    critic: Annotated[
        bool, typer.Option("--critic/--no-critic", help="Look at every picture, and say what failed.")
    ] = True,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    model_dir: ModelDir = None,
    lora_file: LoraFile = None,
    device: Device = None,
    offload: OffloadOption = None,
    quantization: QuantizationOption = None,
) -> None:
    """Open the studio: a page to design pictures in, by talking and by hand.

    The models are loaded meanwhile. Sessions are those of `eligen chat`.
    """
    get_profile(profile, model_dir=model_dir, lora_file=lora_file)
    pixels, quality = parse_size(size) if size else None, parse_preset(preset)

    from eligen.assistant.commands.planners import get_planner
    from eligen.assistant.studio.choices import Choices
    from eligen.assistant.studio.studio import LOCAL, Options

    get_planner(planner)
    options = Options(
        host=host,
        choices=Choices(
            profile=profile, planner=planner, critic=critic, size=pixels, seed=seed, steps=steps, preset=quality
        ),
        model_dir=model_dir,
        lora_file=lora_file,
        device=device,
        offload=offload,
        quantization=quantization,
    )
    say(f"the studio is at http://{host if host in LOCAL else 'this machine'}:{port}  (Ctrl-C ends it)")
    sys.argv = ["eligen.ui", options.model_dump_json(), *flags(host, port, browser=browser)]
    runpy.run_module("eligen.ui", run_name="__main__")


def flags(host: str, port: int, *, browser: bool = True) -> list[str]:
    """Return Streamlit's flags: where it listens, and that it tells nobody anything."""
    set_to = {
        "server.address": host,
        "server.port": str(port),
        "server.headless": str(not browser).lower(),
        "server.fileWatcherType": "none",
        "server.maxUploadSize": "50",
        "server.showEmailPrompt": "false",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        "runner.postScriptGC": "false",  # with PyTorch loaded it takes longer than drawing the page
        **{f"theme.{name}": value for name, value in THEME.items()},
    }
    return [f"--{name}={value}" for name, value in set_to.items()]
