"""Inpainting: what of a picture is painted anew, what that starts from, and how it is put back without a seam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from eligen.tools import masks
from eligen.tools.entitymasks import entity_masks
from eligen.tools.errors import UserError
from eligen.tools.imagefiles import open_image
from eligen.tools.layout import Box
from eligen.tools.requests import Carry, InpaintRequest

if TYPE_CHECKING:
    from eligen.tools.segmentation import Segmenter

CARRIED_STRENGTH = 0.4
MAGNIFIED = 1.25
RIM = 3  # pixels over which a carried thing's edge goes over into what is painted around it
SURE = 0.5  # a shape of a lower score is taken for the whole box
HALO = 2  # pixels around a thing whose colours are still mixed with it
MATCHED_OVER = 6  # pixels over which colours outside a mask are averaged


@dataclass(frozen=True, eq=False)
class Repaint:
    """A picture to paint anew in part.

    `before` and `start`, what the denoising starts from, are RGB (3, H, W) in 0..1 and equal outside `mask`, bool
    (H, W). `strengths` (H, W) in 0..1 is the share of the steps that repaint each place, `opacity` (H, W) in 0..1 how
    much of what is painted there covers the start.
    """

    before: Tensor
    start: Tensor
    mask: Tensor
    strengths: Tensor
    opacity: Tensor
    match_colours: bool


def prepare(request: InpaintRequest, segmenter: Segmenter) -> tuple[Repaint, list[str]]:
    """Return what a request repaints, and notices; UserError when its picture or mask cannot be used."""
    image = open_image(Path(request.image)).convert("RGB")
    if image.size != (request.width, request.height):
        raise UserError(
            f"{request.id} is {request.width}x{request.height}, but its picture is {image.width}x{image.height}"
        )
    before, keeps = as_tensor(image), _keeps(request)
    mask, notices = _mask(request, image, segmenter)
    mask = grown(mask, request.grow)
    if not mask.any():
        notices.append("nothing is painted: the mask is empty")
    sources = shapes(image, [carry.source for carry in request.carried], segmenter)
    start = membrane(before, ~(mask & _emptied(request, sources)))
    # What is kept has an edge of its own: no colours of the old background may be left around it.
    opacity = masks.feathered(as_mask(mask), min(request.feather, HALO) if keeps else request.feather)
    strengths = mask.float()
    for carry, source in zip(request.carried, sources, strict=True):
        layer, shape = carried(before * source, source.float(), carry)
        shape = shape * mask
        start = start * (1 - shape) + layer * mask
        lightly = _magnified(carry)
        strengths = torch.lerp(strengths, torch.tensor(CARRIED_STRENGTH if lightly else 0.0), shape)
        if not lightly:
            opacity = opacity * (1 - masks.feathered(as_mask(shape > 0.5), RIM))
    return Repaint(before, start, mask, strengths, opacity, not keeps), notices


def arguments(repaint: Repaint, strength: float) -> dict[str, Any]:
    """Return the pipeline's arguments that repaint."""
    strength_map = cells(repaint.strengths, repaint.mask)
    return {
        "image": as_image(repaint.start),
        "mask_image": strength_map.point(lambda value: 255 * (value > 0)),
        "strength_map": strength_map,
        "strength": strength,
    }


def _magnified(carry: Carry) -> bool:
    return carry.target.height > MAGNIFIED * carry.source.height or carry.target.width > MAGNIFIED * carry.source.width


def _keeps(request: InpaintRequest) -> bool:
    return request.mask is None and not request.region and bool(request.keep)


def _mask(request: InpaintRequest, image: Image.Image, segmenter: Segmenter) -> tuple[Tensor, list[str]]:
    """Return what is repainted before it grows, bool (H, W), and notices about an odd mask."""
    size = request.height, request.width
    if request.mask is not None:
        given = open_image(Path(request.mask))
        odd = [] if given.size == image.size else [
            f"the mask is {given.width}x{given.height}: resized to {image.width}x{image.height}"
        ]  # fmt: skip
        return _on([given], *size), odd
    if request.region:
        return _on([masks.box_mask(box, *size) for box in request.region], *size), []
    if request.keep:
        kept = shapes(image, request.keep, segmenter)
        # The outermost pixels of a thing are mixed with the background that goes.
        return grown(~torch.stack(kept).any(0), 1), []
    found, notices = entity_masks(request.entities, request.width, request.height)
    return _on(found, *size), notices


def _on(found: Sequence[Image.Image], height: int, width: int) -> Tensor:
    return torch.from_numpy(np.array(masks.union(found, height, width)))


def _emptied(request: InpaintRequest, sources: Sequence[Tensor]) -> Tensor:
    """Return where what was there must not show, bool (H, W): all at full strength, else what lies in no entity's box.

    The latents of what stays are computed from the picture too, and would know of what goes.
    """
    size = request.height, request.width
    if request.strength == 1:
        return torch.ones(size, dtype=torch.bool)
    kept = [masks.box_mask(entity.box, *size) for entity in request.entities]
    empty = ~_on(kept, *size) if kept else torch.ones(size, dtype=torch.bool)
    return empty | grown(torch.stack([*sources]).any(0), HALO) if sources else empty


def shapes(image: Image.Image, boxes: Sequence[Box], segmenter: Segmenter) -> list[Tensor]:
    """Return the shape of the thing in each box, bool (H, W): Sam's, or the whole box where Sam is not sure."""
    found = []
    for box, segment in zip(boxes, segmenter.in_boxes(image, boxes), strict=True):
        whole = _on([masks.box_mask(box, image.height, image.width)], image.height, image.width)
        inside = torch.from_numpy(segment.mask) & grown(whole, max(image.size) // 16)
        found.append(inside if segment.score >= SURE and inside.sum() > whole.sum() / 20 else whole)
    return found


def carried(cut_out: Tensor, shape: Tensor, carry: Carry) -> tuple[Tensor, Tensor]:
    """Return a cut-out (3, H, W), black around its shape (H, W), and the shape laid from the source to the target."""
    height, width = shape.shape
    x0, y0, x1, y1 = carry.source.pixels(width, height)
    tx0, ty0, tx1, ty1 = carry.target.pixels(width, height)
    scale_x, scale_y = (x1 - x0) / (tx1 - tx0), (y1 - y0) / (ty1 - ty0)
    across = (torch.arange(width) + 0.5 - tx0) * scale_x + x0
    down = (torch.arange(height) + 0.5 - ty0) * scale_y + y0
    grid = torch.stack(torch.meshgrid(2 * across / width - 1, 2 * down / height - 1, indexing="xy"), dim=-1)
    cut = torch.cat([cut_out, shape[None]])[None]
    if max(scale_x, scale_y) > 1:  # what shrinks is averaged first
        size = max(round(height / max(scale_y, 1)), 1), max(round(width / max(scale_x, 1)), 1)
        cut = functional.interpolate(cut, size, mode="bilinear", antialias=True)
    laid = functional.grid_sample(cut, grid[None], align_corners=False)[0]
    return laid[:3], laid[3]


def membrane(values: Tensor, known: Tensor) -> Tensor:
    """Return values (C, H, W) with those that are not known, bool (H, W), spanned smoothly from the known around them.

    Solved from coarse to fine, each level a few steps of Laplace's equation; all zero when nothing is known.
    """
    if known.all() or min(known.shape) == 1:
        return torch.where(known, values, values[:, known].mean(1)[:, None, None] if known.any() else 0)
    share = functional.avg_pool2d(known[None].float(), 2, ceil_mode=True)
    coarse = functional.avg_pool2d(values * known, 2, ceil_mode=True) / share.clamp(min=1e-6)
    spanned = membrane(coarse, share[0] > 0)
    found = functional.interpolate(spanned[None], known.shape, mode="bilinear")[0]
    for _ in range(4):
        found = torch.where(known, values, found)
        found = functional.avg_pool2d(functional.pad(found, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return torch.where(known, values, found)


def composed(repaint: Repaint, painted: Tensor) -> Image.Image:
    """Return the picture with what was painted, (3, H, W) in 0..1, inside the mask, and bit for bit its own outside."""
    if repaint.match_colours:
        painted = painted + _difference(repaint.before - painted, repaint.mask)
    return as_image(masks.blend(repaint.start, painted.clamp(0, 1), repaint.opacity))


def _difference(outside: Tensor, mask: Tensor) -> Tensor:
    """Return by how much colours (3, H, W) differ around a mask, spanned over it and zero elsewhere.

    What the model leaves alone differs by what the VAE does to it; next to its own pixels that is what shows as a seam.
    """
    known = (~mask).float()
    window = 2 * MATCHED_OVER + 1
    near = functional.avg_pool2d(known[None], window, stride=1, padding=MATCHED_OVER)
    mean = functional.avg_pool2d(outside * known, window, stride=1, padding=MATCHED_OVER) / near.clamp(min=1e-6)
    return membrane(mean, ~mask) * mask


def grown(mask: Tensor, by: int) -> Tensor:
    """Return a bool mask (H, W) grown by so many pixels in every direction."""
    spread = mask[None].float()
    for kernel in ((2 * by + 1, 1), (1, 2 * by + 1)):
        spread = functional.max_pool2d(spread, kernel, stride=1, padding=(kernel[0] // 2, kernel[1] // 2))
    return spread[0] > 0


def cells(strengths: Tensor, mask: Tensor, side: int = 8) -> Image.Image:
    """Return the strengths (H, W) of latent cells as an L image, 255 = in all steps: means of what each repaints.

    A cell takes part even when the smallest part of it is repainted, so that none of its old content shows there.
    """
    share = functional.avg_pool2d(mask[None].float(), side)
    mean = functional.avg_pool2d((strengths * mask)[None], side) / share.clamp(min=1e-6)
    return Image.fromarray((mean[0] * 255).round().byte().numpy())


def as_tensor(image: Image.Image) -> Tensor:
    """Return an RGB image as (3, H, W) in 0..1."""
    return torch.from_numpy(np.array(image)).movedim(2, 0).float() / 255


def as_image(picture: Tensor) -> Image.Image:
    """Return (3, H, W) in 0..1 as an RGB image; what `as_tensor` made comes back bit for bit."""
    return Image.fromarray((picture * 255).round().byte().movedim(0, 2).numpy())


def as_mask(mask: Tensor) -> Image.Image:
    """Return a bool mask (H, W) as an L image."""
    return Image.fromarray(mask.numpy()).convert("L")
