"""LoRAs that were added by name: where they lie, and what was found out about them when they came in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from eligen.tools.errors import UserError
from eligen.tools.layout import Value
from eligen.tools.userfolder import user_folder
from eligen.tools.userinput import parse_json, printable, read_text, user_path, validated

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")


class InstalledLora(Value):
    """A LoRA that was added; `profiles` are those whose models it fits, `source` the name of the file that it was."""

    name: str
    profiles: tuple[str, ...]
    modules: int
    sha256: str
    source: str

    @property
    def file(self) -> Path:
        """Its weights."""
        return lora_path(self.name)


def loras_folder() -> Path:
    """Return the folder of added LoRAs, each a NAME.safetensors with a NAME.json beside it."""
    return user_folder() / "loras"


def lora_path(name: str) -> Path:
    """Return the file of an added LoRA, there or not; UserError when nothing can have that name."""
    if not NAME.fullmatch(name):
        raise UserError(
            f"{printable(name)[:80]!r} cannot name a LoRA: up to 64 letters, digits, '.', '_', '-', no dot first"
        )
    return loras_folder() / f"{name}.safetensors"


def lora_file(name: str, model_folder: Path | None) -> Path:
    """Return the file of a LoRA given by path, by the name it was added under, or by that of a file beside the model.

    Raises UserError when it is none of them.
    """
    candidates = [user_path(name)]
    if NAME.fullmatch(name):
        candidates += [lora_path(name), *([model_folder / f"{name}.safetensors"] if model_folder else ())]
    for path in candidates:
        if path.is_file():
            return path
    raise UserError(f"no LoRA {name!r}: neither a file nor one that was added; `eligen models` lists those")


def installed_loras() -> Iterator[InstalledLora]:
    """Yield the added LoRAs by name; UserError when one's record is damaged."""
    for record in sorted(loras_folder().glob("*.json")):
        yield validated(InstalledLora, parse_json(read_text(record), record.name), record.name)


def remove_lora(name: str) -> None:
    """Delete an added LoRA; UserError when there is none of that name."""
    file = lora_path(name)
    if not file.is_file():
        names = ", ".join(lora.name for lora in installed_loras()) or "none"
        raise UserError(f"there is no LoRA {name!r} that was added; there are: {names}")
    file.unlink()
    file.with_name(f"{name}.json").unlink(missing_ok=True)
