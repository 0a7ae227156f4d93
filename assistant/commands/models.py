"""`eligen models`: what is installed and what it can paint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from eligen.assistant.commands.options import note, say
from eligen.tools.installed import installed_loras, remove_lora
from eligen.tools.manifest import component_bytes
from eligen.tools.profiles import PROFILES, Profile, get_profile

models = typer.Typer(name="models", help="Show what is installed.", invoke_without_command=True)


@models.callback()
def installed(context: typer.Context) -> None:
    """Show every profile: its models, where they lie, their size and licence; and the LoRAs that were added."""
    if context.invoked_subcommand is None:
        for name in PROFILES:
            say(describe(get_profile(name)))
        for lora in installed_loras():
            say(f"LoRA {lora.name}: for {' and '.join(lora.profiles)}, {lora.modules} modules, from {lora.source}")


@models.command()
def check() -> None:
    """Show which presets fit this machine, and what memory each takes at most."""
    from eligen.tools.eightbit import eight_bit
    from eligen.tools.hardware import STORED, free_memory, verdict
    from eligen.tools.presets import PRESETS

    memory = free_memory()
    for profile in map(get_profile, PROFILES):
        sizes = component_bytes(profile.folder) if profile.folder else dict(profile.component_bytes)
        for name, preset in PRESETS.items():
            small = eight_bit("cuda") if preset.quantized and memory.gpu is not None else None
            fits = verdict(sizes, memory, dtype=profile.dtype, quantization=small)
            say(f"{profile.name + ', ' + name:<20} {preset.summary}\n{'':20} {fits}")
            if memory.gpu is not None and profile.dtype == "bfloat16" and small is None:
                stored = verdict(sizes, memory, dtype=profile.dtype, quantization=STORED)
                say(f"{'':20} --quantization {STORED}: {stored}")


@models.command()
def add(
    file: Annotated[Path, typer.Argument(help="A LoRA: .safetensors, or .bin or .pt of nothing but tensors.")],
    name: Annotated[str | None, typer.Option("--name", help="What to call it. [default: the file's name]")] = None,
) -> None:
    """Add a style LoRA, to be used with --lora NAME[:WEIGHT].

    It is checked and copied; the file itself is not needed any more.
    """
    from eligen.tools.lora_adding import add_lora

    lora, notices = add_lora(file, name)
    for notice in notices:
        note(notice)
    say(f"{lora.name}: for {' and '.join(lora.profiles)}, {lora.modules} modules")


@models.command()
def remove(name: Annotated[str, typer.Argument(help="What it was called when it was added.")]) -> None:
    """Remove a LoRA that was added."""
    remove_lora(name)
    say(f"{name} was removed")


@models.command()
def vocabulary(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: nouns, code points and synonyms.")] = False,
) -> None:
    """List the nouns that the mini profile was trained to paint."""
    from eligen.tools.vocabulary import Vocabulary

    nouns = Vocabulary.load().as_json()
    if as_json:
        say(json.dumps(nouns, ensure_ascii=False))
        return
    for noun in nouns:
        glyph = "".join(chr(int(point, 16)) for point in noun["codepoints"])
        say(f"{glyph}  {noun['noun']}" + (f"  ({', '.join(noun['synonyms'])})" if noun["synonyms"] else ""))


def describe(profile: Profile) -> str:
    """Return the lines that say what a profile is and whether its weights are there."""
    lines = [f"{profile.name}: {profile.summary}", f"  weights: {_weights(profile)}", f"  licence: {profile.licence}"]
    if profile.has_vocabulary and profile.folder is not None and profile.folder.is_dir():
        from eligen.tools.vocabulary import Vocabulary

        lines.append(f"  paints:  {len(Vocabulary.load(profile.folder).nouns)} nouns (eligen models vocabulary)")
    return "\n".join(lines)


def _weights(profile: Profile) -> str:
    folder = profile.folder or _cached(profile)
    if folder is None:
        source = f"; {profile.base.repository} is downloaded on first use" if profile.base else ""
        return f"not here{source}"
    if not (folder / "model_index.json").is_file():
        return f"missing from {folder}"
    size = sum(component_bytes(folder).values())
    if profile.lora_file is not None and profile.lora_file.is_file():
        size += profile.lora_file.stat().st_size
    return f"{size / 10**6:,.1f} MB in {folder}"


def _cached(profile: Profile) -> Path | None:
    """Return the folder of a profile's base model in the Hugging Face cache, None when it was never downloaded."""
    if profile.base is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    index = try_to_load_from_cache(profile.base.repository, "model_index.json", revision=profile.base.revision)
    return Path(index).parent if isinstance(index, str) else None
