"""LoRAs multiplied out while a picture is painted: one product a layer instead of three."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import nn


@contextmanager
def merged_loras(transformer: nn.Module) -> Iterator[None]:
    """Let plain layers stand in for those with LoRAs, of the weight that their active adapters make; they return after.

    Equal to rounding in float32; peft's own merging, undone, would leave that rounding in the weights. Other weights
    stay as they are: bfloat16 would round away a part of what is added, large models have no room for a second copy,
    and quantised or offloaded weights are not there to be added to.
    """
    layers = [
        (parent, name, layer)
        for parent in transformer.modules()
        for name, layer in parent.named_children()
        if isinstance(layer, LoraLinear) and _is_plain(layer)
    ]
    try:
        for parent, name, layer in layers:
            setattr(parent, name, _merged(layer))
        yield
    finally:
        for parent, name, layer in layers:
            setattr(parent, name, layer)


def _is_plain(layer: Any) -> bool:
    base = layer.get_base_layer()
    followed = any(hasattr(base, hook) for hook in ("_hf_hook", "_diffusers_hook"))
    special = layer.lora_variant or any(layer.lora_bias.values())
    return type(base) is nn.Linear and base.weight.dtype == torch.float32 and not (followed or special)


def _merged(layer: Any) -> nn.Linear:
    base = layer.get_base_layer()
    weight = base.weight.detach()
    if not (layer.disable_adapters or layer.merged):
        for adapter in layer.active_adapters:
            if adapter in layer.lora_A:
                up, down = layer.lora_B[adapter].weight, layer.lora_A[adapter].weight
                weight = torch.addmm(weight, up.detach(), down.detach(), alpha=layer.scaling[adapter])
    with torch.device("meta"):
        stand_in = nn.Linear(base.in_features, base.out_features, bias=False)
    stand_in.weight, stand_in.bias = nn.Parameter(weight, requires_grad=False), base.bias
    return stand_in
