"""IP-Adapters in InstantX's layout: reference images as keys and values that every block of a FLUX looks at."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import torch
from diffusers import FluxTransformer2DModel
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from eligen.tools.attention import KeysValues
from eligen.tools.errors import UserError

XLABS = ("double_blocks.", "ip_adapter_proj_model.")


@dataclass(frozen=True, eq=False)
class ImagePrompt:
    """Reference images for the whole picture, or for the entity of an index alone.

    `blocks` and, for the negative pass, `negative` are keys and values (1, K, heads, head_dim) of every block.
    """

    blocks: tuple[KeysValues, ...]
    negative: tuple[KeysValues, ...]
    entity: int | None = None

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Return the prompt on a device, in a dtype."""

        def moved(blocks: tuple[KeysValues, ...]) -> tuple[KeysValues, ...]:
            return tuple((keys.to(device, dtype), values.to(device, dtype)) for keys, values in blocks)

        return replace(self, blocks=moved(self.blocks), negative=moved(self.negative))


class ImageProjection(nn.Module):
    """Turns image embeddings (..., E) into so many tokens each (..., tokens, D)."""

    def __init__(self, embedding: int, hidden: int, tokens: int, width: int) -> None:
        super().__init__()
        self.tokens = tokens
        self.proj = nn.Sequential(nn.Linear(embedding, hidden), nn.GELU(), nn.Linear(hidden, tokens * width))
        self.norm = nn.LayerNorm(width)

    def forward(self, embeds: torch.Tensor) -> torch.Tensor:
        tokens: torch.Tensor = self.norm(self.proj(embeds).unflatten(-1, (self.tokens, -1)))
        return tokens


class BlockProjection(nn.Module):
    """One block's keys and values of image tokens."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.to_k_ip, self.to_v_ip = nn.Linear(width, inner, bias=False), nn.Linear(width, inner, bias=False)

    def forward(self, tokens: torch.Tensor) -> KeysValues:
        return self.to_k_ip(tokens), self.to_v_ip(tokens)


class IPAdapter(nn.Module):
    """The adapter of one FLUX: `image_proj`, then a projection for each block, double blocks first."""

    def __init__(self, image_proj: ImageProjection, heads: int, head_dim: int, blocks: int) -> None:
        super().__init__()
        width = image_proj.norm.normalized_shape[0]
        self.image_proj, self.heads, self.head_dim = image_proj, heads, head_dim
        self.ip_adapter = nn.ModuleList(BlockProjection(width, heads * head_dim) for _ in range(blocks))

    @classmethod
    def for_transformer(cls, transformer: FluxTransformer2DModel, image_proj: ImageProjection) -> Self:
        """Return a new adapter, of random weights, that fits a transformer."""
        config = transformer.config
        blocks = config.num_layers + config.num_single_layers
        return cls(image_proj, config.num_attention_heads, config.attention_head_dim, blocks)

    def forward(self, embeds: torch.Tensor, scales: torch.Tensor | None = None) -> tuple[KeysValues, ...]:
        """Return each block's keys and values (B, n * tokens, heads, head_dim) of n images' embeddings (B, n, E).

        `scales` (n,) is how much each image counts. Images share one attention: of several equal ones each counts less.
        """
        tokens = self.image_proj(embeds)
        weight = 1.0 if scales is None else scales.to(tokens)[:, None, None]

        def heads(features: torch.Tensor) -> torch.Tensor:
            return features.flatten(1, 2).unflatten(-1, (self.heads, self.head_dim))

        projected = [block(tokens) for block in self.ip_adapter]
        return tuple(
            (functional.rms_norm(heads(key), (self.head_dim,), eps=1e-5), heads(value * weight))
            for key, value in projected
        )

    @torch.no_grad()
    def prompt(
        self, embeds: torch.Tensor, scale: float | Sequence[float] = 1.0, entity: int | None = None
    ) -> ImagePrompt:
        """Return images, of embeddings (n, E), as an image prompt; one scale for all or one each.

        The negative pass gets, as in the reference, the tokens of an embedding of zeros at scale 1.
        """
        weight = next(self.parameters())
        embeds = embeds.to(weight)
        scales = torch.tensor(scale, device=weight.device).expand(len(embeds))
        blocks = self(embeds[None], scales)
        return ImagePrompt(blocks, self(torch.zeros_like(embeds[None, :1])), entity)


def load_ip_adapter(path: Path, transformer: FluxTransformer2DModel) -> IPAdapter:
    """Return the adapter in a .safetensors or .bin file, in the transformer's dtype, on the CPU.

    Raises UserError when the file is broken, in another layout or made for another model.
    """
    tensors = _read(path)
    first, last, norm = (tensors.get(f"image_proj.{name}.weight") for name in ("proj.0", "proj.2", "norm"))
    if first is None or last is None or norm is None:
        other = "XLabs's layout, for FluxEliGenPipeline.load_ip_adapter" if _is_xlabs(tensors) else "no known layout"
        raise UserError(f"{path} is not an IP-Adapter in InstantX's layout: it is in {other}")
    hidden, embedding = first.shape
    with torch.device("meta"):
        projection = ImageProjection(embedding, hidden, last.shape[0] // len(norm), len(norm))
        adapter = IPAdapter.for_transformer(transformer, projection)
    expected = {name: tensor.shape for name, tensor in adapter.state_dict().items()}
    wrong = sorted(name for name in expected.keys() | tensors.keys() if _shape(tensors, name) != expected.get(name))
    if wrong:
        raise UserError(
            f"{path} is an IP-Adapter of another model: {len(wrong)} weights do not fit, {wrong[0]} among them"
        )
    adapter.load_state_dict(tensors, assign=True)
    return adapter.to(transformer.dtype).eval().requires_grad_(False)


def _read(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a file by flat names; a .bin holds them nested, as {"image_proj": {...}, ...}."""
    if not path.is_file():
        raise UserError(f"no IP-Adapter at {path}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        nested = torch.load(path, map_location="cpu", weights_only=True)
        return {f"{part}.{name}": tensor for part, some in nested.items() for name, tensor in some.items()}
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, AttributeError, OSError) as error:
        raise UserError(f"{path} is not an IP-Adapter that can be read ({type(error).__name__})") from error


def _is_xlabs(tensors: Mapping[str, torch.Tensor]) -> bool:
    return any(name.startswith(XLABS) for name in tensors)


def _shape(tensors: Mapping[str, torch.Tensor], name: str) -> torch.Size | None:
    return tensors[name].shape if name in tensors else None
