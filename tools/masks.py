"""Masks: from pictures to the latent grid and its tokens, and back onto pixels (255 = on)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from eligen.tools.errors import UserError

if TYPE_CHECKING:  # training imports this module on machines that have PyTorch but not pydantic
    from eligen.tools.layout import Box


def as_rgb(mask: Image.Image) -> Image.Image:
    """Return the mask in RGB, whatever its mode: transparent is off, 16-bit and 0..1 values are brought to 0..255."""
    if mask.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in mask.info:
        mask = mask.convert("RGBA")
        return Image.composite(mask.convert("RGB"), Image.new("RGB", mask.size), mask.getchannel("A"))
    if mask.mode == "F" or mask.mode.startswith("I"):
        values = np.asarray(mask, dtype=np.float64)
        scale = 255.0 if values.max() <= 1 else 1.0 if values.max() <= 255 else 1 / 257
        mask = Image.fromarray((values * scale).clip(0, 255).astype(np.uint8))
    return mask.convert("RGB")


def latent_masks(masks: Sequence[Image.Image], rows: int, columns: int) -> torch.Tensor:
    """Return bool (N, rows, columns): the latent cells where an entity acts.

    Nearest sampling at pixel centres and a channel mean above 127.5, as the EliGen reference does; a box filter or
    torch's "nearest" would move edges by a cell.
    """
    return _resized(masks, rows, columns, Image.Resampling.NEAREST)


def token_masks(latent: torch.Tensor) -> torch.Tensor:
    """Return bool (N, rows/2 * columns/2), row-major, from (N, rows, columns): a token is on if any of its cells is."""
    count, rows, columns = latent.shape
    return latent.view(count, rows // 2, 2, columns // 2, 2).any(dim=4).any(dim=2).flatten(1)


def foreground(masks: Sequence[Image.Image], rows: int, columns: int) -> torch.Tensor:
    """Return bool (rows, columns): the latent cells that inpainting repaints, the union of all masks.

    Bicubic where `latent_masks` is nearest: the reference samples its inpainting mask differently.
    """
    return _resized(masks, rows, columns, Image.Resampling.BICUBIC).any(dim=0)


def strengths(strength_map: Image.Image, rows: int, columns: int) -> torch.Tensor:
    """Return how strongly each latent cell is repainted, float (rows, columns) in 0..1, from an image of 0..255."""
    cells = strength_map.convert("L").resize((columns, rows), Image.Resampling.BOX)
    return torch.from_numpy(np.array(cells)).float() / 255


def _resized(masks: Sequence[Image.Image], rows: int, columns: int, resampling: Image.Resampling) -> torch.Tensor:
    cells = [np.asarray(as_rgb(mask).resize((columns, rows), resampling), dtype=np.int64).sum(axis=2) for mask in masks]
    return torch.from_numpy(np.stack(cells) * 2 > 3 * 255)


def vanished(masks: Sequence[Image.Image], height: int, width: int, *, cell: int = 8) -> list[int]:
    """Return the indices of masks that touch no token of a height x width picture: empty, or smaller than a cell."""
    on = token_masks(latent_masks(masks, height // cell, width // cell)) if masks else torch.zeros(0, 1)
    return [index for index, tokens in enumerate(on) if not tokens.any()]


def box_mask(box: Box, height: int, width: int) -> Image.Image:
    """Return an L image of height x width, 255 inside the box."""
    mask = Image.new("L", (width, height))
    mask.paste(255, box.pixels(width, height))
    return mask


def union(masks: Sequence[Image.Image], height: int, width: int) -> Image.Image:
    """Return an L image of height x width, 255 where any mask is on."""
    return Image.fromarray(_resized(masks, height, width, Image.Resampling.NEAREST).any(dim=0).numpy())


def feathered(mask: Image.Image, radius: int) -> torch.Tensor:
    """Return opacity (H, W) in 0..1 that rises from the mask's edge inwards over `radius` pixels.

    It is exactly 0 outside the mask and is not faded at the picture's own border; a mask thinner than the radius
    still reaches 1 at its core.
    """
    inside = _resized([mask], mask.height, mask.width, Image.Resampling.NEAREST)
    depth = inside.float()
    for _ in range(radius - 1):
        inside = _eroded(inside)
        if not inside.any():
            break
        depth += inside
    return (depth / depth.max().clamp(min=1))[0]


def _eroded(inside: torch.Tensor) -> torch.Tensor:
    """Return bool (1, H, W) without the pixels that touch one outside; beyond the picture counts as inside."""
    return ~functional.max_pool2d((~inside).float(), kernel_size=3, stride=1, padding=1).bool()


def blend(original: torch.Tensor, painted: torch.Tensor, opacity: torch.Tensor) -> torch.Tensor:
    """Return painted over original (..., H, W); where opacity (H, W) is 0 the original is bit-identical."""
    return torch.lerp(original, painted, opacity.to(original).expand_as(original))


def paste_back(original: Image.Image, painted: Image.Image, mask: Image.Image, *, feather: int = 0) -> Image.Image:
    """Return the painted RGB picture inside the mask, the original, bit-identical, outside it.

    Raises UserError when the three differ in size.
    """
    if not original.size == painted.size == mask.size:
        raise UserError(f"cannot paste back: sizes differ ({original.size}, {painted.size}, mask {mask.size})")
    before, after = (torch.from_numpy(np.array(image.convert("RGB"))).movedim(2, 0) for image in (original, painted))
    blended = blend(before.float(), after.float(), feathered(mask, feather))
    return Image.fromarray(blended.round().byte().movedim(0, 2).numpy())
