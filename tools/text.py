"""Prompt embeddings, remembered by text."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any

import torch
from peft.tuners.lora import LoraLayer

from eligen.tools.conditions import Conditioning
from eligen.tools.padding import with_short_texts


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


class PromptMixin:
    """The texts of a FLUX pipeline: T5 embeddings of any length, CLIP's pooled one, each made once."""

    text_encoder: Any
    text_encoder_2: Any
    tokenizer_2: Any
    _execution_device: Any
    _get_t5_prompt_embeds: Any
    _get_clip_prompt_embeds: Any

    @cached_property
    def prompt_cache(self) -> PromptCache:
        """The embeddings of recent prompts; they are made anew when a text encoder or its LoRA changes."""
        return PromptCache()

    @torch.no_grad()
    def embed(self, text: str, length: int) -> torch.Tensor:
        """Return the T5 embedding (1, length, D) of a text, cut to that many tokens; remembered."""

        def encode() -> torch.Tensor:
            return self._get_t5_prompt_embeds(text, max_sequence_length=length, dtype=self.text_encoder_2.dtype)

        key = (text, length, encoder_state(self.text_encoder_2))
        return self.prompt_cache.get(key, encode).to(self._execution_device)

    @torch.no_grad()
    def embed_pooled(self, text: str) -> torch.Tensor:
        """Return CLIP's pooled embedding (1, P) of a text; remembered."""
        key = (text, encoder_state(self.text_encoder))
        return self.prompt_cache.get(key, lambda: self._get_clip_prompt_embeds(text)).to(self._execution_device)

    def embed_each(self, texts: Sequence[str], length: int) -> torch.Tensor:
        """Return the T5 embeddings (1, N, length, D) of N entity prompts; each is encoded by itself."""
        return torch.stack([self.embed(text, length) for text in texts], dim=1)

    def embed_both(
        self, text: str | None, embeds: torch.Tensor | None, pooled: torch.Tensor | None, length: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the embeddings (1, L, D) and (1, P) that are given, else those of the text, "" where there is none."""
        if embeds is not None and pooled is not None:
            return embeds, pooled
        return self.embed(text or "", length), self.embed_pooled(text or "")

    def shortened(self, told: Conditioning, entity_prompts: Sequence[str | None], prompt: str | None) -> Conditioning:
        """Return what a pass is told with its texts' padding merged; embeddings without a text keep their length."""
        *entities, whole = told.regions.text_lengths if told.regions else (told.prompt_embeds.shape[1],)
        texts = [*(entity_prompts or [None] * len(entities)), prompt]
        lengths = zip(texts, [*entities, whole], strict=True)
        return with_short_texts(
            told, [most if text is None else min(self.token_count(text), most) for text, most in lengths]
        )

    def token_count(self, text: str) -> int:
        """Return how many T5 tokens a text has, its end mark included; what exceeds `max_sequence_length` is cut."""
        return len(self.tokenizer_2(text, truncation=False, verbose=False).input_ids)
