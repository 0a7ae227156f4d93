"""The attention processors: what obeys regions, and what reference images add."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import FluxTransformer2DModel
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.embeddings import apply_rotary_emb
from diffusers.models.transformers.transformer_flux import FluxIPAdapterAttnProcessor

from eligen.tools.regions import Regions
from eligen.tools.splitattention import attend

Attention = Any  # diffusers' FluxAttention: an nn.Module whose layers mypy cannot see


KeysValues = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True, eq=False)
class ImageTokens:
    """What every block sees of reference images: keys and values (1 or B, K, heads, head_dim), double blocks first.

    `where` is bool (S,), the tokens of the sequence, texts first, that they act on; None is all of them.
    """

    blocks: tuple[KeysValues, ...]
    where: torch.Tensor | None = None


class EliGenAttnProcessor:
    """Attention of FLUX's double and single blocks, restricted by `regions` where given (plain FLUX otherwise).

    Reference images are looked at apart, as in InstantX's IP-Adapter: by the image in a double block, before its
    positions are added, by all tokens in a single one, after. `index` is the block's among all.
    """

    _attention_backend: Any = None
    _parallel_config: Any = None

    def __init__(self, index: int) -> None:
        self.index = index

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
        regions: Regions | None = None,
        image_tokens: Sequence[ImageTokens] = (),
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Attend over text then image; a double block gets its two streams apart and returns (image, text)."""
        query, key, value = _image_heads(attn, hidden_states)
        image_query = query
        if encoder_hidden_states is not None:
            text = _text_heads(attn, encoder_hidden_states)
            query, key, value = (torch.cat(pair, dim=1) for pair in zip(text, (query, key, value), strict=True))
        if image_rotary_emb is not None:
            query = apply_rotary_emb(query, image_rotary_emb, sequence_dim=1)
            key = apply_rotary_emb(key, image_rotary_emb, sequence_dim=1)

        if regions is None:
            hidden_states = self._attend(query, key, value, attention_mask).flatten(2)
        elif self._attention_backend or self._parallel_config:  # as the user told diffusers
            hidden_states = self._attend(query, key, value, regions.mask(query.dtype)).flatten(2)
        else:
            hidden_states = attend(query, key, value, regions).flatten(2)
        if encoder_hidden_states is None:
            return self._with_images(hidden_states, query, image_tokens)
        length = encoder_hidden_states.shape[1]
        text_out, image_out = hidden_states[:, :length], hidden_states[:, length:]
        image_out = self._with_images(image_out, image_query, image_tokens)
        return attn.to_out[1](attn.to_out[0](image_out.contiguous())), attn.to_add_out(text_out.contiguous())

    def _with_images(
        self, attended: torch.Tensor, query: torch.Tensor, image_tokens: Sequence[ImageTokens]
    ) -> torch.Tensor:
        """Return the last tokens of the sequence (B, S', C) with what their queries see of the reference images."""
        for seen in image_tokens:
            key, value = (part.expand(len(query), -1, -1, -1) for part in seen.blocks[self.index])
            added = self._attend(query, key, value, None).flatten(2)
            if seen.where is not None:
                added = added * seen.where[-added.shape[1] :, None]
            attended = attended + added
        return attended

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


class RegionalImageAttnProcessor:
    """diffusers' own processor of an IP-Adapter (XLabs layout), restricted by `regions` too."""

    def __init__(self, processor: FluxIPAdapterAttnProcessor, index: int) -> None:
        self._with_images: Any = processor
        self._plain: Any = _following(processor, index)

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
        regions: Regions | None = None,
        image_tokens: Sequence[ImageTokens] = (),
        ip_hidden_states: list[torch.Tensor] | None = None,
    ) -> Any:
        """Attend in a double block, as diffusers' processor does; without reference images there is no third output."""
        streams: Any = (attn, hidden_states, encoder_hidden_states)
        if ip_hidden_states is None:
            return self._plain(*streams, attention_mask, image_rotary_emb, regions, image_tokens)
        mask = regions.mask(hidden_states.dtype) if regions else attention_mask
        return self._with_images(*streams, mask, image_rotary_emb, ip_hidden_states)


@contextmanager
def regional_attention(transformer: FluxTransformer2DModel) -> Iterator[None]:
    """Let the transformer understand `regions` and `image_tokens` among its joint_attention_kwargs.

    Its own processors return afterwards; nested uses change nothing. What diffusers' IP-Adapter loader put there goes
    on working inside.
    """
    before = dict(transformer.attn_processors)
    if all(isinstance(processor, OURS) for processor in before.values()):
        yield
        return
    numbered = enumerate(before.items())
    transformer.set_attn_processor({name: _regional(processor, index) for index, (name, processor) in numbered})
    try:
        yield
    finally:
        transformer.set_attn_processor(before)


OURS = (EliGenAttnProcessor, RegionalImageAttnProcessor)


def _regional(processor: Any, index: int) -> EliGenAttnProcessor | RegionalImageAttnProcessor:
    if isinstance(processor, FluxIPAdapterAttnProcessor):
        return RegionalImageAttnProcessor(processor, index)
    return _following(processor, index)


def _following(processor: Any, index: int) -> EliGenAttnProcessor:
    ours = EliGenAttnProcessor(index)
    ours._attention_backend = processor._attention_backend
    ours._parallel_config = processor._parallel_config
    return ours
