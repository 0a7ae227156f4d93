"""Pictures and masks as tensors: RGB (3, H, W) in 0..1 and bool (H, W), grown, spanned and laid elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from eligen.tools.layout import Box


def as_tensor(image: Image.Image) -> Tensor:
    """Return an image as RGB (3, H, W) in 0..1."""
    return torch.from_numpy(np.array(image.convert("RGB"))).movedim(2, 0).float() / 255


def as_image(picture: Tensor) -> Image.Image:
    """Return (3, H, W) in 0..1 as an RGB image; what `as_tensor` made comes back bit for bit."""
    return Image.fromarray((picture * 255).round().byte().movedim(0, 2).numpy())


def as_mask(mask: Tensor) -> Image.Image:
    """Return a bool mask (H, W) as an L image, 255 = on."""
    return Image.fromarray(mask.numpy()).convert("L")


def in_boxes(boxes: Sequence[Box], height: int, width: int) -> Tensor:
    """Return where any of the boxes is, bool (H, W)."""
    mask = torch.zeros(height, width, dtype=torch.bool)
    for box in boxes:
        x0, y0, x1, y1 = box.pixels(width, height)
        mask[y0:y1, x0:x1] = True
    return mask


def grown(mask: Tensor, by: int) -> Tensor:
    """Return a bool mask (H, W) grown by so many pixels in every direction, corners included."""
    spread = mask[None].float()
    for kernel in ((2 * by + 1, 1), (1, 2 * by + 1)):
        spread = functional.max_pool2d(spread, kernel, stride=1, padding=(kernel[0] // 2, kernel[1] // 2))
    return spread[0] > 0


def membrane(values: Tensor, known: Tensor) -> Tensor:
    """Return values (C, H, W) with those that are not known, bool (H, W), spanned smoothly from the known around them.

    Solved from coarse to fine, on each level with a few steps of Laplace's equation; zero when nothing is known.
    """
    if known.all() or min(known.shape) == 1:
        rest = values[:, known].mean(dim=1)[:, None, None] if known.any() else torch.zeros(len(values), 1, 1)
        return torch.where(known, values, rest)
    share = functional.avg_pool2d(known[None].float(), 2, ceil_mode=True)
    coarse = functional.avg_pool2d(values * known, 2, ceil_mode=True) / share.clamp(min=1e-6)
    spanned = membrane(coarse, share[0] > 0)
    found = functional.interpolate(spanned[None], known.shape, mode="bilinear")[0]
    for _ in range(4):
        found = torch.where(known, values, found)
        found = functional.avg_pool2d(functional.pad(found, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return torch.where(known, values, found)


def blurred(values: Tensor, known: Tensor, radius: int) -> Tensor:
    """Return values (C, H, W) averaged over a window of the known ones, bool (H, W); zero where there are none."""
    average = partial(functional.avg_pool2d, kernel_size=2 * radius + 1, stride=1, padding=radius)
    return average(values * known) / average(known[None].float()).clamp(min=1e-6)


def laid(values: Tensor, source: Box, target: Box) -> Tensor:
    """Return values (C, H, W) moved and scaled so that what is in the source box comes to the target; zero around."""
    _, height, width = values.shape
    x0, y0, x1, y1 = source.pixels(width, height)
    tx0, ty0, tx1, ty1 = target.pixels(width, height)
    scale_x, scale_y = (x1 - x0) / (tx1 - tx0), (y1 - y0) / (ty1 - ty0)
    across = (torch.arange(width) + 0.5 - tx0) * scale_x + x0
    down = (torch.arange(height) + 0.5 - ty0) * scale_y + y0
    grid = torch.stack(torch.meshgrid(2 * across / width - 1, 2 * down / height - 1, indexing="xy"), dim=-1)
    if max(scale_x, scale_y) > 1:  # what shrinks is averaged first
        size = max(round(height / max(scale_y, 1)), 1), max(round(width / max(scale_x, 1)), 1)
        values = functional.interpolate(values[None], size, mode="bilinear", antialias=True)[0]
    return functional.grid_sample(values[None], grid[None], align_corners=False)[0]
