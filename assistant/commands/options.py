"""Options that several commands share, and what their words mean."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from eligen.assistant.chat_models import SPELLINGS
from eligen.tools.errors import UserError
from eligen.tools.installed import lora_file
from eligen.tools.presets import PRESETS, PresetName
from eligen.tools.profiles import PROFILES
from eligen.tools.requests import Lora, Side
from eligen.tools.userinput import check_replaceable, printable, validated

RETRIES_HELP = "How often what failed is painted again.  [default: the profile's; 0 for mini]"
PRESET_HELP = "Quality against time: exact (the paper's), balanced or fast."
PROFILE_HELP = f"Which models paint: {' or '.join(PROFILES)}."

PlannerOption = Annotated[str, typer.Option("--planner", help=f"Who plans: rules, or a language model: {SPELLINGS}.")]
ModelDir = Annotated[Path | None, typer.Option("--model-dir", help="A local diffusers folder of the base model.")]
LoraFile = Annotated[Path | None, typer.Option("--lora-file", help="A local EliGen LoRA file.")]
LoraOption = Annotated[
    list[str] | None,
    typer.Option(
        "--lora", metavar="NAME[:WEIGHT]", help="A style LoRA, added by `eligen models add`, or a file. Repeat."
    ),
]
Device = Annotated[str | None, typer.Option("--device", help="cpu, cuda, ... [default: a GPU where one fits]")]
OffloadOption = Annotated[
    str | None, typer.Option("--offload", help="Keep models in main memory between uses: model, group or sequential.")
]
QuantizationOption = Annotated[
    str | None, typer.Option("--quantization", help="Smaller weights of large models: int8, fp8, nf4 or fp8-storage.")
]
PresetOption = Annotated[str, typer.Option("--preset", help=PRESET_HELP)]

_SIDE: TypeAdapter[int] = TypeAdapter(Side)


def say(line: str) -> None:
    """Print a line to the user; it may hold any characters."""
    typer.echo(line)


def note(line: str) -> None:
    """Print a notice on stderr, as one line."""
    typer.echo(f"note: {printable(line)}", err=True)


def spoken(text: str) -> str:
    """Return a prompt without control characters, with a notice when there were some; UserError when it is empty."""
    clean = printable(text)
    if not clean:
        raise UserError("the prompt is empty: say what to paint")
    if clean != text.strip():
        note("control characters removed from the prompt")
    return clean


def parse_size(text: str) -> tuple[int, int]:
    """Return (width, height) from WxH; UserError when a side cannot be painted."""
    match = re.fullmatch(r"([0-9]{1,5})[xX]([0-9]{1,5})", text.strip())
    try:
        if match:
            return _SIDE.validate_python(int(match[1])), _SIDE.validate_python(int(match[2]))
    except ValidationError:
        pass
    raise UserError(
        f"--size {printable(text)[:40]!r}: write WxH, each a multiple of 16 from 64 to 2048, such as 256x256"
    )


def parse_preset(name: str) -> PresetName:
    """Return the preset of that name; UserError when there is none."""
    for known in PRESETS:
        if name == known:
            return known
    raise UserError(f"unknown --preset {printable(name)[:40]!r}: known are {', '.join(PRESETS)}")


def parse_loras(texts: Sequence[str] | None, model_folder: Path | None) -> tuple[Lora, ...]:
    """Return LoRAs of NAME[:WEIGHT], files by their whole path; UserError when there is none of a name."""
    loras = []
    for text in texts or ():
        name, _, number = text.rpartition(":")
        weighed = name and re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", number)
        lora = validated(Lora, {"name": name, "weight": float(number)} if weighed else {"name": text}, f"--lora {text}")
        file = lora_file(lora.name, model_folder)
        loras.append(lora.model_copy(update={"name": str(file.absolute())}) if Path(lora.name) == file else lora)
    return tuple(loras)


def check_writable(path: Path) -> None:
    """Raise UserError when no file can be written at a path."""
    try:
        if not path.parent.is_dir():
            raise UserError(f"cannot write {path}: there is no folder {path.parent}")
        check_replaceable(path)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".eligen-"):
            pass
        if path.exists():
            with path.open("r+b"):
                pass
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
