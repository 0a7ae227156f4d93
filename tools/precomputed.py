"""What is known before the first step: rotary tables, and the modulation of all the steps in one product."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import FluxTransformer2DModel
from torch import nn

from eligen.tools.conditions import Conditioning

Ids = Any


class RotaryTables(nn.Module):
    """Stands in for the position embedding: tables made once for the sequences of one picture, told by their length."""

    def __init__(self, make: nn.Module, sequences: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self.make = make
        self.tables = {len(ids): make(ids) for ids in sequences}

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the cosines and sines of positions (S, 3)."""
        return self.tables[len(ids)] if len(ids) in self.tables else self.make(ids)


class StepNumbers(nn.Module):
    """Stands in for the time and text embedding: which row of the modulation tables a pass is at."""

    def __init__(self, timesteps: torch.Tensor, pooled: torch.Tensor) -> None:
        super().__init__()
        self.timesteps, self.pooled = timesteps, pooled

    def forward(self, timestep: torch.Tensor, *guidance_and_pooled: torch.Tensor) -> torch.Tensor:
        """Return int64 (B,): by distance, so that nothing waits for the device."""
        step = (self.timesteps - timestep[:, None]).abs().argmin(1)
        text = (self.pooled - guidance_and_pooled[-1][:, None]).abs().sum(2).argmin(1)
        return step * len(self.pooled) + text


class TableRows(nn.Module):
    """Stands in for the activation before a modulation's product, and has the product's result for every row."""

    def __init__(self, table: torch.Tensor) -> None:
        super().__init__()
        self.table = table

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the modulation (B, width) of rows (B,)."""
        return self.table[rows]


@contextmanager
def precomputed(
    transformer: FluxTransformer2DModel,
    timesteps: torch.Tensor,
    told: Sequence[Conditioning],
    guidance_scale: float,
) -> Iterator[None]:
    """Let the transformer look up what is known before the loop; its own modules return after.

    Equal to rounding: one product for all the steps (0..1000, (steps,)) instead of one for each. Nothing is changed
    while weights are kept elsewhere than where they compute.
    """
    device, dtype = timesteps.device, transformer.dtype
    if any(weight.device != device for weight in transformer.parameters()):
        yield
        return
    norms = [module for module in transformer.modules() if _is_modulated(module)]
    kept = [(norm, norm.silu, norm.linear) for norm in norms]
    embed, positions = transformer.time_text_embed, transformer.pos_embed
    times = (timesteps / 1000).to(dtype) * 1000
    pooled = torch.cat([one.pooled_prompt_embeds for one in told]).to(device, dtype)
    rows = [times.repeat_interleave(len(pooled))]
    if transformer.config.guidance_embeds:
        rows.append(torch.full_like(rows[0], guidance_scale) * 1000)
    sequences = [torch.cat([one.img_ids.new_zeros(one.text.shape[1], 3), one.img_ids]) for one in told]
    with torch.no_grad():
        embedded = embed(*rows, pooled.repeat(len(times), 1))
        tables = [norm.linear(norm.silu(embedded).to(dtype)) for norm in norms]
    try:
        transformer.time_text_embed = StepNumbers(times, pooled)
        transformer.pos_embed = RotaryTables(positions, sequences)
        for norm, table in zip(norms, tables, strict=True):
            norm.silu, norm.linear = TableRows(table), nn.Identity()
        yield
    finally:
        transformer.time_text_embed, transformer.pos_embed = embed, positions
        for norm, silu, linear in kept:
            norm.silu, norm.linear = silu, linear


def _is_modulated(module: nn.Module) -> bool:
    return isinstance(getattr(module, "silu", None), nn.SiLU) and hasattr(module, "linear")
