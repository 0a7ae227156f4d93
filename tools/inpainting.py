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
from eligen.tools.pixels import as_image, as_mask, as_tensor, blurred, grown, in_boxes, laid, membrane
from eligen.tools.requests import InpaintRequest, RepaintRequest

if TYPE_CHECKING:
    from eligen.tools.segmentation import Segmenter

# Where nothing is asked for, the surroundings go on: from pure noise a small model paints a patch of its own there, or
# the thing again; from a smooth span of what is around, over this share of the steps, it only adds texture.
FILLED_STRENGTH = 0.6
SURE = 0.5  # a shape of a lower score is taken for the whole box
HALO = 2  # pixels around a thing whose colours are still mixed with it
RIM = 3  # pixels over which a carried thing's edge goes over into what is painted around it
MATCHED_OVER = 6  # pixels over which the colours outside a mask are averaged


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

    @property
    def size(self) -> tuple[int, int]:
        """The (height, width) of what is painted."""
        height, width = self.mask.shape
        return height, width

    def composed(self, painted: Tensor) -> Image.Image:
        """Return the picture with what was painted, (3, H, W) in 0..1, inside the mask, bit for bit its own outside."""
        if self.match_colours:
            # What the model leaves alone differs by what the VAE does to it: beside its own pixels that is a seam.
            outside = ~self.mask
            shift = blurred(self.before - painted, outside, MATCHED_OVER)
            painted = painted + membrane(shift, outside) * self.mask
        return as_image(masks.blend(self.start, painted.clamp(0, 1), self.opacity))


def opened(request: RepaintRequest) -> Image.Image:
    """Return the picture that a request repaints; UserError when it cannot be used."""
    image = open_image(Path(request.image)).convert("RGB")
    if image.size != (request.width, request.height):
        raise UserError(
            f"{request.id} is {request.width}x{request.height}, but its picture is {image.width}x{image.height}"
        )
    return image


def prepare(request: InpaintRequest, segmenter: Segmenter) -> tuple[Repaint, list[str]]:
    """Return what a request repaints, and notices; UserError when its picture or mask cannot be used."""
    image = opened(request)
    before, keeps = as_tensor(image), _keeps(request)
    mask, notices = _mask(request, image, segmenter)
    mask = grown(mask, request.grow)
    if not mask.any():
        notices.append("nothing is painted: the mask is empty")
    sources = shapes(image, [carry.source for carry in request.carried], segmenter)
    asked = _asked(request, mask)
    start = membrane(before, ~(mask & _emptied(request, sources)))
    strengths = torch.where(asked, 1.0, FILLED_STRENGTH) * mask
    # What is kept has an edge of its own: no colours of the old background may be left around it.
    opacity = _opacity(mask, asked, min(request.feather, HALO) if keeps else request.feather)
    for carry, source in zip(request.carried, sources, strict=True):
        # A carried thing keeps its own pixels, and only its rim is painted. Painted lightly instead, it loses details
        # to the VAE with every move, and a small model turns it into something else.
        cut_out = laid(torch.cat([before * source, source[None].float()]), carry.source, carry.target) * mask
        start = start * (1 - cut_out[3]) + cut_out[:3]
        strengths = strengths * (1 - cut_out[3])
        opacity = opacity * (1 - masks.feathered(as_mask(cut_out[3] > 0.5), RIM))
    return Repaint(before, start, mask, strengths, opacity, not keeps), notices


def asked_for(request: InpaintRequest) -> InpaintRequest:
    """Return the request without the things whose pixels are there already, which would be painted once more.

    When that is all of them, the prompt speaks of the background alone, where the request has words for it.
    """
    there = [carry.target for carry in request.carried] + list(request.keep if _keeps(request) else ())
    entities = tuple(entity for entity in request.entities if entity.box not in there)
    if entities or not request.background:
        return request.model_copy(update={"entities": entities})
    prompt = ", ".join(filter(None, (request.background, request.style)))
    return request.model_copy(update={"entities": entities, "prompt": prompt})


def arguments(repaint: Repaint, strength: float) -> dict[str, Any]:
    """Return the pipeline's arguments that repaint."""
    strength_map = cells(repaint.strengths, repaint.mask)
    return {
        "image": as_image(repaint.start),
        "mask_image": strength_map.point(lambda value: 255 * (value > 0)),
        "strength_map": strength_map,
        "strength": strength,
    }


def shapes(image: Image.Image, boxes: Sequence[Box], segmenter: Segmenter) -> list[Tensor]:
    """Return the shape of the thing in each box, bool (H, W): Sam's, or the whole box where Sam is not sure."""
    found = []
    for box, segment in zip(boxes, segmenter.in_boxes(image, boxes), strict=True):
        whole = in_boxes([box], image.height, image.width)
        inside = torch.from_numpy(segment.mask) & grown(whole, max(image.size) // 16)
        found.append(inside if segment.score >= SURE and inside.sum() > whole.sum() / 20 else whole)
    return found


def cells(strengths: Tensor, mask: Tensor, side: int = 8) -> Image.Image:
    """Return the strengths (H, W) of latent cells as an L image, 255 = in all steps: means of what each repaints.

    A cell takes part even when the smallest part of it is repainted, so that none of its old content shows there.
    """
    share = functional.avg_pool2d(mask[None].float(), side)
    mean = functional.avg_pool2d((strengths * mask)[None], side) / share.clamp(min=1e-6)
    return Image.fromarray((mean[0] * 255).round().byte().numpy())


def _keeps(request: InpaintRequest) -> bool:
    """Return whether the request repaints all but some things."""
    return request.mask is None and not request.region and bool(request.keep)


def _mask(request: InpaintRequest, image: Image.Image, segmenter: Segmenter) -> tuple[Tensor, list[str]]:
    """Return what is repainted before it grows, bool (H, W), and notices about an odd mask."""
    height, width = request.height, request.width
    if request.mask is not None:
        given = open_image(Path(request.mask))
        odd = f"the mask is {given.width}x{given.height}: resized to {width}x{height}"
        return _union([given], height, width), [odd] if given.size != image.size else []
    if request.region:
        return in_boxes(request.region, height, width), []
    if request.keep:
        kept = torch.stack(shapes(image, request.keep, segmenter)).any(0)
        return grown(~kept, 1), []  # a thing's outermost pixels are mixed with the background that goes
    found, notices = entity_masks(request.entities, width, height)
    return _union(found, height, width), notices


def _union(found: Sequence[Image.Image], height: int, width: int) -> Tensor:
    return torch.from_numpy(np.array(masks.union(found, height, width)))


def _asked(request: InpaintRequest, mask: Tensor) -> Tensor:
    """Return where something new is asked for, bool (H, W); elsewhere what surrounds the mask goes on inside it."""
    boxes = [entity.box for entity in asked_for(request).entities]
    if _keeps(request) or mask.all() or (request.mask is not None and not boxes):
        return torch.ones_like(mask)
    return in_boxes(boxes, *mask.shape)


def _emptied(request: InpaintRequest, sources: Sequence[Tensor]) -> Tensor:
    """Return where what was there must not show, bool (H, W): all at full strength, else what lies in no entity's box.

    The latents of what stays are computed from the picture too, and would know of what goes.
    """
    if request.strength == 1:
        return torch.ones(request.height, request.width, dtype=torch.bool)
    emptied = ~in_boxes([entity.box for entity in request.entities], request.height, request.width)
    for source in sources:
        emptied = emptied | grown(source, HALO)
    return emptied


def _opacity(mask: Tensor, asked: Tensor, feather: int) -> Tensor:
    """Return how much of what is painted shows (H, W): it fades at the mask's edge, further where nothing is asked for.

    There the smooth start is nearly as good as what is painted over it, and has no seam at all.
    """
    edge, soft = (masks.feathered(as_mask(mask), radius) for radius in (feather, 3 * feather))
    near = masks.feathered(as_mask(grown(asked, 2 * feather)), 2 * feather)
    return torch.maximum(torch.minimum(edge, near), soft)
