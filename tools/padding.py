"""Text padding, which costs as much as words: merged into few tokens that weigh as much as before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from eligen.tools.conditions import Conditioning
from eligen.tools.regions import Regions

ROUNDED_TO = 32  # parts of the full length: few lengths to compile for
TOKENS_A_GROUP = 128


def merge_pads(embeds: torch.Tensor, real: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return embeddings (N, K, D), K <= L, and the log of how many tokens each stands for, float32 (N, K), on the CPU.

    `embeds` are (N, L, D), their first `real` tokens words and the rest padding. A run of pads becomes its mean, to be
    attended to with the logarithm added to its scores. That is exact where pads are equal, since equal tokens
    at one position stay equal in every layer; T5's differ a little.
    """
    count, length, _ = embeds.shape
    groups = max(1, length // TOKENS_A_GROUP)
    unit = max(2, length // ROUNDED_TO)
    kept = min(length, -(-(max(real) + groups) // unit) * unit)
    runs = embeds[:, kept - groups :].tensor_split(groups, dim=1)
    merged = torch.cat([embeds[:, : kept - groups], *(run.mean(1, keepdim=True) for run in runs)], dim=1)
    masses = torch.ones(count, kept)
    masses[:, kept - groups :] = torch.tensor([float(run.shape[1]) for run in runs])
    return merged, masses.log()


def with_short_texts(told: Conditioning, real: Sequence[int]) -> Conditioning:
    """Return the conditioning with its texts' pads merged; `real` tokens of each text are words, the global's last."""
    merged, log_masses = merge_pads(told.prompt_embeds, real[-1:])
    tokens = told.img_ids.new_zeros(1, 0, len(told.img_ids), dtype=torch.bool)
    entity_embeds, lengths = None, [merged.shape[1]]
    if told.regions is not None and told.entity_embeds is not None:
        tokens, count = told.regions.token_masks, len(real) - 1
        each, bias = merge_pads(told.entity_embeds.view(count, -1, merged.shape[2]), real[:-1])
        entity_embeds, log_masses = each.flatten(0, 1)[None], torch.cat([bias.flatten(), log_masses.flatten()])
        lengths = [each.shape[1]] * count + lengths
    regions = Regions(tokens, tuple(lengths), log_masses.flatten() if log_masses.any() else None)
    return replace(told, prompt_embeds=merged, entity_embeds=entity_embeds, regions=regions.prepared())
