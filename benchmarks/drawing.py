"""A painter that draws what is asked for and errs now and then, so that a critic can be judged by what is true."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.transforms.functional import to_pil_image

from benchmarks.layouts import Case
from eligen.tools.generation import OnStep, Painted
from eligen.tools.pixels import as_mask, in_boxes
from eligen.tools.requests import GenerateRequest, InpaintRequest
from training.scenes import COLOURS, Scene, Thing, World

ERRORS = 0.4  # of things: a third each is missing, something else, or of another colour
FAR = -1.0  # where a thing is drawn that is missing


class ErringPainter:
    """Draws one case's scene, things at random wrong; a repaint draws the things of its region once more.

    `drawn` are the things of every picture, by the bytes of its pixels.
    """

    def __init__(self, world: World, case: Case, nouns: int) -> None:
        self.world, self.case, self.nouns = world, case, nouns
        self.drawn: dict[bytes, tuple[Thing, ...]] = {}

    def paint(self, request: GenerateRequest, *, on_step: OnStep | None = None) -> Painted:
        """Return the drawn picture; UserError never, whatever is asked for."""
        rng = random.Random(request.seed)
        things = tuple(self._drawn(thing, rng) for thing in self.case.scene.things)
        mask = None
        if isinstance(request, InpaintRequest):
            before = Image.open(Path(request.image)).convert("RGB")
            names = {entity.id for entity in request.entities if self._inside(request, entity.id)}
            asked = [entity.id in names for entity in self.case.request.entities]
            old = self.drawn[before.tobytes()]
            things = tuple(new if on else kept for new, kept, on in zip(things, old, asked, strict=True))
            mask = as_mask(in_boxes(request.region, request.height, request.width))
        image = self._picture(things, request.width)
        if mask is not None:
            image = Image.composite(image, before, mask)
        self.drawn[image.tobytes()] = things
        return Painted(image, request, (), mask)

    def right(self, image: Image.Image) -> list[tuple[bool, bool]]:
        """Return of each thing in a picture drawn here whether its noun is right, and whether its colour too."""
        pairs = zip(self.drawn[image.tobytes()], self.case.scene.things, strict=True)
        return [(one.noun == asked.noun and one.cx == asked.cx, one.colour == asked.colour) for one, asked in pairs]

    def _drawn(self, thing: Thing, rng: random.Random) -> Thing:
        noun, colour = rng.randrange(self.nouns), rng.choice([name for name in COLOURS if name != thing.colour])
        wrong = [replace(thing, cx=FAR), replace(thing, noun=noun), replace(thing, colour=colour)]
        return rng.choice(wrong) if rng.random() < ERRORS else thing

    def _inside(self, request: InpaintRequest, name: str) -> bool:
        box = request.layout.entity(name).box
        return any(place.intersection(box) > box.area / 2 for place in request.region)

    def _picture(self, things: tuple[Thing, ...], size: int) -> Image.Image:
        scene = Scene(things, self.case.scene.background)
        pixels, _ = self.world.draw([scene], size, torch.Generator().manual_seed(self.case.request.seed))
        return Image.fromarray(np.array(to_pil_image(pixels[0])))
