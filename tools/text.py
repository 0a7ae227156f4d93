"""Prompt embeddings, remembered by text."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable

import torch
from peft.tuners.lora import LoraLayer


class PromptCache:
    """The most recently used embeddings, keyed by whatever determines them; counts its hits and misses."""

    def __init__(self, capacity: int = 64) -> None:
        self.capacity = capacity
        self.hits = 0
        self.misses = 0
        self._kept: OrderedDict[Hashable, torch.Tensor] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Return the tensor of that key, made at most once while it is remembered."""
        if key in self._kept:
            self.hits += 1
        else:
            self.misses += 1
            self._kept[key] = make()
            if len(self._kept) > self.capacity:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def encoder_state(encoder: torch.nn.Module) -> Hashable:
    """Return a key that changes when the encoder is another one, its weights are written, or its LoRAs change."""
    written = sum(0 if weight.is_inference() else weight._version for weight in encoder.parameters())
    loras = tuple(
        (layer.disable_adapters, tuple(layer.active_adapters), tuple(layer.merged_adapters), *layer.scaling.items())
        for layer in encoder.modules()
        if isinstance(layer, LoraLayer)
    )
    dtype = next(encoder.parameters()).dtype
    return weakref.ref(encoder), dtype, written, loras
