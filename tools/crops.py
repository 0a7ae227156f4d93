"""Edits that cost their area: the part of a picture around an edit, painted as a picture of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from PIL import Image

TOKEN = 16
LEAST = 4 * TOKEN
MARGIN_SHARE = 16  # what is painted should fit what is around it: a sixteenth of the picture's side, a token at least


@dataclass(frozen=True)
class Window:
    """Part of a picture of `size` (height, width), in pixels: whole tokens from `top` and `left`."""

    top: int
    left: int
    height: int
    width: int
    size: tuple[int, int]

    @classmethod
    def around(cls, mask: torch.Tensor) -> Self:
        """Return the window of a bool mask (H, W) with a margin; the whole picture where nothing is on."""
        height, width = mask.shape
        if not mask.any():
            return cls(0, 0, height, width, (height, width))
        top, bottom = _span(mask.any(1))
        left, right = _span(mask.any(0))
        return cls(top, left, bottom - top, right - left, (height, width))

    @property
    def whole(self) -> bool:
        """Whether it is all of the picture."""
        return (self.height, self.width) == self.size

    def cut(self, image: Image.Image) -> Image.Image:
        """Return that part of an image of the whole, which may be larger or smaller by a factor."""
        height, width = self.size
        if image.width * height != image.height * width or image.width * TOKEN % width:
            image = image.resize((width, height), Image.Resampling.NEAREST)
        scale = image.width / width
        left, top, right, bottom = self.left, self.top, self.left + self.width, self.top + self.height
        return image.crop((left * scale, top * scale, right * scale, bottom * scale))

    def tokens(self, packed: torch.Tensor) -> torch.Tensor:
        """Return that part of packed latents (B, T, C) of the whole."""
        height, width = self.size
        rows, columns = (
            slice(a // TOKEN, (a + n) // TOKEN) for a, n in ((self.top, self.height), (self.left, self.width))
        )
        return packed.unflatten(1, (height // TOKEN, width // TOKEN))[:, rows, columns].flatten(1, 2)

    def laid(self, whole: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
        """Return the whole picture (C, H, W) with that part of it replaced."""
        whole = whole.clone()
        whole[:, self.top : self.top + self.height, self.left : self.left + self.width] = part
        return whole

    def scene(self, scene: Mapping[str, Any]) -> dict[str, Any]:
        """Return the pipeline's arguments for that part, without the entities that are nowhere in it."""
        cut = {name: self.cut(scene[name]) for name in ("image", "mask_image", "strength_map") if name in scene}
        place = {"height": self.height, "width": self.width, "origin": (self.top, self.left)}
        shapes = [self.cut(mask) for mask in scene.get("entity_masks", ())]
        if not shapes:
            return {**scene, **cut, **place}
        # Reference images know their entity by its number: then all of them stay.
        there = [bool(scene.get("image_prompts")) or shape.getbbox() is not None for shape in shapes]
        kept = zip(scene["entity_prompts"], shapes, there, strict=True)
        pairs = [(prompt, shape) for prompt, shape, stays in kept if stays]
        entities = {"entity_prompts": [prompt for prompt, _ in pairs], "entity_masks": [shape for _, shape in pairs]}
        return {**scene, **cut, **place, **entities}


def _span(on: torch.Tensor) -> tuple[int, int]:
    """Return where the part of a line that is on begins and ends, with its margin, in whole tokens."""
    side = len(on)
    where = on.nonzero()
    first, last = int(where[0]), int(where[-1]) + 1
    margin = max(TOKEN, side // MARGIN_SHARE)
    begin = max(0, (first - margin) // TOKEN * TOKEN)
    end = min(side, -(-(last + margin) // TOKEN) * TOKEN)
    short = max(0, min(LEAST, side) - (end - begin))
    begin = max(0, begin - short)
    return begin, max(end, min(begin + LEAST, side))
