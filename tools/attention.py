"""Regional attention: who may look at whom, and the attention processor that obeys it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from diffusers import FluxTransformer2DModel
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.embeddings import apply_rotary_emb

Attention = Any  # diffusers' FluxAttention: an nn.Module whose layers mypy cannot see


@dataclass(frozen=True, eq=False)
class Regions:
    """Where each entity acts, for a sequence of entity texts, then the global text, then the image tokens.

    `token_masks` is bool (B, N, T), B being 1 or the batch size; `text_lengths` are the N entities' text lengths and,
    last, the global prompt's.
    """

    token_masks: torch.Tensor
    text_lengths: tuple[int, ...]

    @cached_property
    def attention_mask(self) -> torch.Tensor:
        """Bool (B, 1, S, S), True = attends: a text sees itself and its region, the image sees itself and its texts.

        Bool and not additive, because an fp32 mask beside bf16 queries is misread by cuDNN attention.
        """
        batch, _, tokens = self.token_masks.shape
        device = self.token_masks.device
        lengths = torch.tensor(self.text_lengths, device=device)
        group = torch.repeat_interleave(torch.arange(len(lengths), device=device), lengths)
        everywhere = torch.ones(batch, 1, tokens, dtype=torch.bool, device=device)
        text_image = torch.cat([self.token_masks, everywhere], dim=1)[:, group]
        text_text = (group[:, None] == group[None, :]).expand(batch, -1, -1)
        image_image = everywhere.expand(-1, tokens, -1)
        text_rows = torch.cat([text_text, text_image], dim=2)
        image_rows = torch.cat([text_image.mT, image_image], dim=2)
        return torch.cat([text_rows, image_rows], dim=1)[:, None]


class EliGenAttnProcessor:
    """Attention of FLUX's double and single blocks, restricted by `regions` where given (plain FLUX otherwise)."""

    _attention_backend: Any = None
    _parallel_config: Any = None

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
        regions: Regions | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Attend over text then image; a double block gets its two streams apart and returns (image, text)."""
        query, key, value = _image_heads(attn, hidden_states)
        if encoder_hidden_states is not None:
            text = _text_heads(attn, encoder_hidden_states)
            query, key, value = (torch.cat(pair, dim=1) for pair in zip(text, (query, key, value), strict=True))
        if image_rotary_emb is not None:
            query = apply_rotary_emb(query, image_rotary_emb, sequence_dim=1)
            key = apply_rotary_emb(key, image_rotary_emb, sequence_dim=1)

        mask = regions.attention_mask if regions is not None else attention_mask
        hidden_states = self._attend(query, key, value, mask).flatten(2)
        if encoder_hidden_states is None:
            return hidden_states
        length = encoder_hidden_states.shape[1]
        text_out, image_out = hidden_states[:, :length], hidden_states[:, length:]
        return attn.to_out[1](attn.to_out[0](image_out.contiguous())), attn.to_add_out(text_out.contiguous())

    def _attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Return softmax(QK)V for (B, S, heads, head_dim) inputs; mask bool, broadcastable to (B, heads, S, S)."""
        out: torch.Tensor = dispatch_attention_fn(
            query,
            key,
            value,
            attn_mask=mask,
            backend=self._attention_backend,
            parallel_config=self._parallel_config,
        )
        return out.to(query.dtype)


Heads = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def _image_heads(attn: Attention, x: torch.Tensor) -> Heads:
    query, key, value = (layer(x).unflatten(-1, (-1, attn.head_dim)) for layer in (attn.to_q, attn.to_k, attn.to_v))
    return attn.norm_q(query), attn.norm_k(key), value


def _text_heads(attn: Attention, x: torch.Tensor) -> Heads:
    layers = (attn.add_q_proj, attn.add_k_proj, attn.add_v_proj)
    query, key, value = (layer(x).unflatten(-1, (-1, attn.head_dim)) for layer in layers)
    return attn.norm_added_q(query), attn.norm_added_k(key), value


@contextmanager
def regional_attention(transformer: FluxTransformer2DModel) -> Iterator[None]:
    """Let the transformer understand `joint_attention_kwargs={"regions": Regions}`; its own processors return after.

    Nested uses change nothing.
    """
    before = dict(transformer.attn_processors)
    if all(isinstance(processor, EliGenAttnProcessor) for processor in before.values()):
        yield
        return
    transformer.set_attn_processor({name: _following(processor) for name, processor in before.items()})
    try:
        yield
    finally:
        transformer.set_attn_processor(before)


def _following(processor: Any) -> EliGenAttnProcessor:
    ours = EliGenAttnProcessor()
    ours._attention_backend = processor._attention_backend
    ours._parallel_config = processor._parallel_config
    return ours
