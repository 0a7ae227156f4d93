"""Does entity control work? python -m benchmarks.control [--count N] [--profile P]

The paper's first figure as numbers: the same unseen layouts painted without control, with regional attention alone, and
with EliGen's LoRA, judged by an eye that has nothing to do with the painter.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass, field
from time import perf_counter

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from benchmarks.eye import Eye, trained, visible
from eligen.tools.generation import Painter
from eligen.tools.layout import Box, Entity
from eligen.tools.profiles import DEFAULT_PROFILE, PROFILES, get_profile
from eligen.tools.requests import Control, GenerateRequest
from training.captions import caption, entity_prompt
from training.scenes import Scene, World, tight_box

SEED = 424_242
CONTROLS: tuple[Control, ...] = ("none", "untrained", "eligen")
MEASURES = ("entities of 1-3", "entities of 4-6", "colour", "background")


@dataclass(frozen=True, eq=False)
class Case:
    """A scene that nobody was trained on, as it should look, and what asks for it."""

    scene: Scene
    truth: Image.Image
    request: GenerateRequest


@dataclass
class Tally:
    """Successes of so many tries."""

    right: list[bool] = field(default_factory=list)

    def __str__(self) -> str:
        low, high = interval(sum(self.right), len(self.right))
        share = sum(self.right) / max(len(self.right), 1)
        return f"{100 * share:5.1f} % [{100 * low:4.1f}, {100 * high:4.1f}]"


def interval(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    if not count:
        return 0.0, 1.0
    share, scale = right / count, 1 + z * z / count
    middle = (share + z * z / 2 / count) / scale
    half = z / scale * (share * (1 - share) / count + z * z / 4 / count**2) ** 0.5
    return middle - half, middle + half


def make_cases(world: World, nouns: int, count: int, size: int) -> list[Case]:
    """Return scenes of 1-6 clearly visible things in the plain style, the same ones every time."""
    rng, generator = random.Random(SEED), torch.Generator().manual_seed(SEED)
    cases: list[Case] = []
    while len(cases) < count:
        scene = world.sample(rng, nouns, 6)
        images, shapes = world.draw([scene], size, generator)
        if scene.style == "flat" and len(visible(scene, shapes[0], world.extents)) == len(scene.things):
            cases.append(Case(scene, to_pil_image(images[0]), _request(world, scene, shapes[0], rng, size, len(cases))))
    return cases


def _request(
    world: World, scene: Scene, shapes: list[Tensor], rng: random.Random, size: int, number: int
) -> GenerateRequest:
    entities = tuple(
        Entity(id=f"thing-{i}", prompt=entity_prompt(world, thing, rng), box=Box.model_validate(tight_box(shape)))
        for i, (thing, shape) in enumerate(zip(scene.things, shapes, strict=True))
    )
    prompt = caption(world, scene, rng).text
    return GenerateRequest(prompt=prompt, entities=entities, width=size, height=size, seed=number)


def judge(eye: Eye, case: Case, image: Image.Image, tallies: dict[str, Tally]) -> None:
    """Add to the tallies what a picture shows of its case."""
    nouns, looks = eye.name(image, [entity.box for entity in case.request.entities])
    group = "entities of 1-3" if len(nouns) < 4 else "entities of 4-6"
    for thing, noun, look in zip(case.scene.things, nouns, looks, strict=True):
        tallies[group].right.append(noun == thing.noun)
        if thing.colour:
            tallies["colour"].right.append(look == thing.colour)
    tallies["background"].right.append(eye.place(image) == case.scene.background)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default=DEFAULT_PROFILE, choices=PROFILES)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--cfg", type=float, default=None)
    options = parser.parse_args()
    painter = Painter(profile=get_profile(options.profile))
    world = World()
    nouns = len(painter.vocabulary.as_json()) if painter.vocabulary else len(world.nouns)
    eye = trained(world, nouns)
    cases = make_cases(world, nouns, options.count, painter.profile.width)
    print(f"{len(cases)} layouts, {sum(len(c.scene.things) for c in cases)} entities of {nouns} nouns")
    print(f"{'control':<10}", *(f"{name:>24}" for name in MEASURES), " seconds a picture")
    for control in ("drawn", *CONTROLS):
        tallies = {name: Tally() for name in MEASURES}
        begin = perf_counter()
        for case in cases:
            settings = {"control": control, "steps": options.steps, "true_cfg": options.cfg}
            painted = (
                case.truth if control == "drawn" else painter.paint(case.request.model_copy(update=settings)).image
            )
            judge(eye, case, painted, tallies)
        shown = " ".join(f"{tally!s:>24}" for tally in tallies.values())
        print(f"{control:<10} {shown}  {(perf_counter() - begin) / len(cases):.2f}", flush=True)


if __name__ == "__main__":
    main()
