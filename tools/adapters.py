"""Which LoRAs act while one picture is painted: switched on before it, and all as it was after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from eligen.tools.eligen import FluxEliGenPipeline
from eligen.tools.errors import UserError
from eligen.tools.manifest import sha256_of
from eligen.tools.requests import Lora

ELIGEN_ADAPTER = "eligen"


def lora_file(name: str, model_folder: Path) -> Path:
    """Return the file of a LoRA given by path, or by the name of a file beside the model; UserError when neither is."""
    for path in (Path(name).expanduser(), model_folder / f"{name}.safetensors"):
        if path.is_file():
            return path
    raise UserError(f"no LoRA {name!r}: neither a file nor one that comes with the model")


def pinned(lora: Lora, file: Path) -> Lora:
    """Return the LoRA with its file's sha256; UserError when it was another file before."""
    digest = sha256_of(file)
    if lora.sha256 not in (None, digest):
        raise UserError(f"LoRA {lora.name!r} is not the file that the request was made with (sha256 differs)")
    return lora.model_copy(update={"sha256": digest})


@contextmanager
def active_loras(
    pipeline: FluxEliGenPipeline, files: Sequence[Path], weights: Sequence[float], *, eligen: bool
) -> Iterator[None]:
    """Let the given LoRAs act, and EliGen's if asked; afterwards EliGen's alone is loaded and acts."""
    names = [f"request_{index}" for index in range(len(files))]
    loaded = []
    try:
        for name, file in zip(names, files, strict=True):
            pipeline.load_lora_weights(file, adapter_name=name)
            loaded.append(name)
        active = ([ELIGEN_ADAPTER] if eligen else []) + names
        if active:
            pipeline.set_adapters(active, [1.0] * eligen + list(weights))
        else:
            pipeline.disable_lora()
        yield
    finally:
        pipeline.enable_lora()
        pipeline.set_adapters([ELIGEN_ADAPTER], [1.0])
        pipeline.delete_adapters(loaded)
