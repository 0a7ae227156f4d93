"""The benchmark's layouts: scenes that nobody was trained on, how they should look, and what asks for them."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from eligen.tools.layout import Box, Entity
from eligen.tools.requests import GenerateRequest
from training.captions import caption, entity_prompt
from training.scenes import Bounds, Scene, World, tight_box

SEED = 424_242
MOST = 6
ASPECT = 1.2  # how far a box's aspect may be from its glyph's


@dataclass(frozen=True, eq=False)
class Case:
    """A scene, the picture and the visible shapes, bool (S, S), that it should give, and the request for it."""

    scene: Scene
    truth: Image.Image
    shapes: list[Tensor]
    request: GenerateRequest


def make_cases(world: World, nouns: int, count: int, size: int) -> list[Case]:
    """Return scenes of the first `nouns` nouns in the plain style, the same ones every time.

    They have 1, 2, .. 6 things in turn, all clearly visible. The boxes asked for have the areas and the middles of the
    drawn ones, and aspects within 20 % of their glyphs' own.
    """
    rng, generator = random.Random(SEED), torch.Generator().manual_seed(SEED)
    cases: list[Case] = []
    while len(cases) < count:
        scene = scene_of(1 + len(cases) % MOST, world, nouns, rng)
        if scene.style != "flat":
            continue
        images, (shapes,) = world.draw([scene], size, generator)
        boxes = [tight_box(shape) for shape in shapes]
        if len(visible(scene, shapes, world.extents)) == len(shapes) and all(
            box and 1 / ASPECT < _aspect(box) / _own_aspect(world, thing.noun) < ASPECT
            for box, thing in zip(boxes, scene.things, strict=True)
        ):
            entities = tuple(
                Entity(
                    id=f"thing-{number}",
                    prompt=entity_prompt(world, thing, rng),
                    box=_asked(box, _own_aspect(world, thing.noun) * rng.uniform(2 - ASPECT, ASPECT)),
                )
                for number, (thing, box) in enumerate(zip(scene.things, boxes, strict=True))
                if box
            )
            number = len(cases)
            request = GenerateRequest(
                id=f"layout-{number:03}",
                prompt=caption(world, scene, rng).text,
                entities=entities,
                width=size,
                height=size,
                seed=number,
            )
            cases.append(Case(scene, to_pil_image(images[0]), shapes, request))
    return cases


def scene_of(count: int, world: World, nouns: int, rng: random.Random) -> Scene:
    """Return a random scene of so many things; the world itself prefers few."""
    while len((scene := world.sample(rng, nouns, MOST, upright=True)).things) != count:
        pass
    return scene


def visible(scene: Scene, shapes: list[Tensor], extents: list[tuple[float, float]]) -> list[int]:
    """Return which things of a scene are large enough and little covered."""
    fills = [shape.float().mean().item() for shape in shapes]
    boxes = [extents[t.noun][0] * extents[t.noun][1] * t.size**2 for t in scene.things]
    return [i for i, (on, box) in enumerate(zip(fills, boxes, strict=True)) if on > 0.012 and on > 0.3 * box]


def _aspect(box: Bounds) -> float:
    return (box[2] - box[0]) / (box[3] - box[1])


def _own_aspect(world: World, noun: int) -> float:
    width, height = world.extents[noun]
    return width / height


def _asked(box: Bounds, aspect: float) -> Box:
    """Return the box of the same middle and area with another aspect, slid where it would leave the canvas."""
    x0, y0, x1, y1 = box
    area = (x1 - x0) * (y1 - y0)
    return Box.around((x0 + x1) / 2, (y0 + y1) / 2, (area * aspect) ** 0.5, (area / aspect) ** 0.5)
