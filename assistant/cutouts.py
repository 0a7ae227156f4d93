"""True shapes of what a picture shows, and the picture taken apart by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from eligen.tools.layout import Box, Entity
from eligen.tools.profiles import Profile

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from eligen.tools.segmentation import Segmenter

Shapes = Mapping[str, "np.ndarray"]
HALO = 2  # pixels around a shape that still show the thing: they go with it, not with what is behind


class Finder:
    """Finds the shapes of things in a picture with a profile's Sam, which is loaded when first needed."""

    def __init__(self, *, profile: Profile, device: str | None = None) -> None:
        self._profile, self._device = profile, device

    @cached_property
    def segmenter(self) -> Segmenter:
        """The Sam."""
        from eligen.tools.segmentation import Segmenter

        return Segmenter(profile=self._profile, device=self._device)

    def shapes(self, image: Image.Image, entities: Sequence[Entity]) -> dict[str, np.ndarray]:
        """Return each entity's shape, bool (H, W), by its id; its box where no shape is seen in it."""
        from eligen.tools.measures import in_box

        found = self.segmenter.in_boxes(image, [entity.box for entity in entities])
        return {
            entity.id: segment.mask if segment.mask.any() else in_box(entity.box, *image.size)
            for entity, segment in zip(entities, found, strict=True)
        }

    def at_point(self, image: Image.Image, x: float, y: float) -> tuple[np.ndarray, Box] | None:
        """Return the shape of the thing at a point (in fractions) and the box around it, None where there is none."""
        from eligen.tools.measures import box_of

        mask = self.segmenter.at_point(image, x, y).mask
        return (mask, box) if (box := box_of(mask)) else None


@dataclass(frozen=True, eq=False)
class Layer:
    """A part of a picture, RGBA, whose top left corner lies at (x, y)."""

    name: str
    image: Image.Image
    x: int = 0
    y: int = 0


def cut_out(image: Image.Image, mask: np.ndarray, name: str) -> Layer | None:
    """Return what a shape shows of a picture, as small as it fits; None where the shape is empty."""
    from PIL import Image as images

    alpha = images.fromarray(mask).convert("L")
    if (around := alpha.getbbox()) is None:
        return None
    whole = image.convert("RGB")
    whole.putalpha(alpha)
    return Layer(name, whole.crop(around), around[0], around[1])


def taken_apart(image: Image.Image, entities: Sequence[Entity], shapes: Shapes) -> list[Layer]:
    """Return a picture's layers from back to front: the background, then each entity cut out by its shape.

    Laid over each other they are the picture. Of what entities share the one in front has it all; what they hide of
    the background is spanned smoothly from what is seen around them.
    """
    import numpy as np
    import torch

    from eligen.tools.pixels import as_image, as_tensor, grown, membrane

    seen = np.ones((image.height, image.width), dtype=bool)
    layers: list[Layer] = []
    for entity in reversed(entities):
        mask = grown(torch.from_numpy(shapes[entity.id]), HALO).numpy() & seen
        seen &= ~mask
        if layer := cut_out(image, mask, entity.prompt):
            layers.insert(0, layer)
    background = as_image(membrane(as_tensor(image), torch.from_numpy(seen)))
    return [Layer("background", background.convert("RGBA")), *layers]
