"""Which LoRAs act while one picture is painted: switched on before it, and all as it was after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from diffusers import FluxTransformer2DModel
from peft.tuners.lora import LoraLayer

from eligen.tools.eligen import FluxEliGenPipeline
from eligen.tools.errors import UserError
from eligen.tools.manifest import sha256_of
from eligen.tools.requests import Lora

ELIGEN_ADAPTER = "eligen"
SHARED, HEAVY, OVERWHELMING = 0.5, 0.5, 1.0
ROWS = 64  # of a weight are enough to tell its size


def pinned(lora: Lora, file: Path) -> Lora:
    """Return the LoRA with its file's sha256; UserError when it was another file before."""
    digest = sha256_of(file)
    if lora.sha256 not in (None, digest):
        raise UserError(f"LoRA {lora.name!r} is not the file that the request was made with (sha256 differs)")
    return lora.model_copy(update={"sha256": digest})


@contextmanager
def active_loras(
    pipeline: FluxEliGenPipeline, loras: Sequence[Lora], files: Sequence[Path], *, eligen: bool
) -> Iterator[list[str]]:
    """Let LoRAs act from their files, and EliGen's if asked; afterwards EliGen's alone is loaded and acts.

    Yields what the user should know of them, a line each.
    """
    adapters = {f"request_{index}": repr(lora.name) for index, lora in enumerate(loras)}
    loaded = []
    try:
        for (adapter, name), file in zip(adapters.items(), files, strict=True):
            try:
                pipeline.load_lora_weights(file, adapter_name=adapter)
            except UserError as error:
                raise UserError(f"LoRA {name}: {error}") from error
            loaded.append(adapter)
        active = ([ELIGEN_ADAPTER] if eligen else []) + loaded
        if active:
            pipeline.set_adapters(active, [1.0] * eligen + [lora.weight for lora in loras])
        else:
            pipeline.disable_lora()
        yield quarrels(pipeline.transformer, {ELIGEN_ADAPTER: "EliGen's", **adapters}) if loaded else []
    finally:
        pipeline.enable_lora()
        pipeline.set_adapters([ELIGEN_ADAPTER], [1.0])
        pipeline.delete_adapters(loaded)


def quarrels(transformer: FluxTransformer2DModel, names: Mapping[str, str]) -> list[str]:
    """Return a line for each of the active adapters that has no effect or too much, and for each two that fight.

    An effect is the size of what an adapter adds to a weight beside the weight's own, as Frobenius norms. Two fight
    where both change the same modules, together by more than HEAVY of these, each by a good part of that.
    """
    effects = {adapter: _effects(transformer, adapter) for adapter in transformer.active_adapters()}
    lines = []
    for adapter, own in effects.items():
        if not any(own.values()):
            lines.append(f"LoRA {names[adapter]} has no effect: all that it adds is zero")
        elif adapter != ELIGEN_ADAPTER and (mean := _mean(own)) > OVERWHELMING:
            lines.append(f"LoRA {names[adapter]} changes the model by {mean:.0%} of itself: lower its weight")
    for (one, own), (other, theirs) in combinations(effects.items(), 2):
        shared = own.keys() & theirs.keys()
        if len(shared) < SHARED * min(len(own), len(theirs)):
            continue
        parts = [_mean({module: effect[module] for module in shared}) for effect in (own, theirs)]
        if sum(parts) > HEAVY and min(parts) > sum(parts) / 4:
            lines.append(
                f"LoRAs {names[one]} and {names[other]} fight: both change the same {len(shared)} modules, together by "
                f"{sum(parts):.0%} of the model; lower a weight"
            )
    return lines


def _effects(transformer: FluxTransformer2DModel, adapter: str) -> dict[str, float]:
    """Return an adapter's effect on each module that it changes."""
    return {
        name: _effect(layer, adapter)
        for name, layer in transformer.named_modules()
        if isinstance(layer, LoraLayer) and adapter in layer.lora_A
    }


def _effect(layer: Any, adapter: str) -> float:
    down, up = (part[adapter].weight.detach().float() for part in (layer.lora_A, layer.lora_B))
    added = ((up.T @ up) * (down @ down.T)).sum().clamp(min=0).sqrt()  # the norm of up @ down, never multiplied out
    base = layer.get_base_layer()
    own = base.out_features**0.5  # of quantised weights, which are not read: those of a layer that keeps sizes
    if type(base.weight.data) is torch.Tensor and base.weight.is_floating_point():
        rows = base.weight.detach()[:: max(base.out_features // ROWS, 1)].float()
        own = rows.norm().item() * (base.out_features / len(rows)) ** 0.5
    return abs(layer.scaling[adapter]) * added.item() / own


def _mean(effects: Mapping[str, float]) -> float:
    return sum(effects.values()) / len(effects)
