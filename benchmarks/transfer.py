"""Is a transferred thing like its reference? python -m benchmarks.transfer [--count N] [--model-dir DIR] [--sheet FILE]

Nouns in colourings that the In-Context LoRA never saw together are drawn on a background of their own, as references,
and are to be painted into scenes that show the same noun in another colouring. The words name the noun alone. Like its
reference is what lies nearer to it than to the same drawing in the other colouring: for the CLIP pair, by the features
of both crops, and by mean colours of the box against the scene drawn with each.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from PIL import Image
from torchvision.transforms.functional import to_pil_image

from benchmarks.figures import Figure, share
from eligen.tools.generation import Painter
from eligen.tools.layout import Box, Entity
from eligen.tools.measures import difference_outside, in_box, oklab
from eligen.tools.naming import Namer
from eligen.tools.profiles import get_profile
from eligen.tools.requests import IN_CONTEXT, Lora, TransferRequest
from training.captions import noun_phrase
from training.scenes import COLOURS, MATERIALS, Scene, Thing, World, tight_box
from training.train_in_context import alone, held_out

SEED = 515_151
WAYS = ("words alone", "two panels", "In-Context LoRA")
SMALLEST = 0.06  # of the picture, for a box; smaller glyphs are hardly more than a colour


@dataclass(frozen=True, eq=False)
class Case:
    """A reference and the same drawing in another colouring, the scene with each of them, and the thing's places."""

    reference: Image.Image
    decoy: Image.Image
    own: Box
    target: Image.Image
    truth: Image.Image
    box: Box
    prompt: str
    told: str
    background: str


def make_cases(world: World, nouns: int, count: int, size: int) -> list[Case]:
    """Return so many cases of the first `nouns` nouns, the same ones every time."""
    rng, generator = random.Random(SEED), torch.Generator().manual_seed(SEED)
    pairs = [
        (noun, look)
        for noun in range(nouns)
        for look in _looks(world, noun)
        if held_out(world.nouns[noun]["noun"], look)
    ]
    cases: list[Case] = []
    while len(cases) < count:
        scene, (noun, look) = world.sample(rng, nouns, 3), rng.choice(pairs)
        other = rng.choice([one for one in _looks(world, noun) if one != look])
        at = rng.randrange(len(scene.things))
        if scene.style != "flat":
            continue
        right, wrong = (_coloured(replace(scene.things[at], noun=noun), one) for one in (look, other))
        close_up = alone(right, rng)
        if close_up.style != "flat":
            continue
        scenes = [_with(scene, at, right), _with(scene, at, wrong)]
        panels = [close_up, _with(close_up, 0, _coloured(close_up.things[0], other))]
        state = generator.get_state()
        drawn = []
        for one in (*scenes, *panels):
            generator.set_state(state)  # the same background twice
            images, (shapes,) = world.draw([one], size, generator)
            drawn.append((to_pil_image(images[0]), shapes))
        box, own = tight_box(drawn[0][1][at]), tight_box(drawn[2][1][0])
        if box is None or own is None or Box.model_validate(box).area < SMALLEST or Box.model_validate(box).area > 0.5:
            continue
        name = noun_phrase(world, Thing(noun, 0, 0, 1), rng)
        told = noun_phrase(world, right, rng)
        (truth, _), (target, _), (reference, _), (decoy, _) = drawn
        places = Box.model_validate(own), Box.model_validate(box)
        cases.append(Case(reference, decoy, places[0], target, truth, places[1], name, told, scene.background))
    return cases


def _looks(world: World, noun: int) -> list[str]:
    entry = world.nouns[noun]
    return [*(COLOURS if entry["colours"] else ()), *(MATERIALS if entry["materials"] else ())]


def _coloured(thing: Thing, look: str) -> Thing:
    colour = look in COLOURS
    return replace(thing, colour=look if colour else "", material="" if colour else look)


def _with(scene: Scene, at: int, thing: Thing) -> Scene:
    return replace(scene, things=(*scene.things[:at], thing, *scene.things[at + 1 :]))


def request(case: Case, way: str, number: int, files: Path, steps: int | None) -> TransferRequest:
    """Return what paints a case in one of the WAYS; words alone say the colouring, which the others have to see."""
    case.reference.save(files / "reference.png")
    case.target.save(files / "target.png")
    prompt = case.told if way == "words alone" else case.prompt
    return TransferRequest(
        id=f"case-{number}",
        prompt=f"{prompt}, {case.background}",
        background=case.background,
        width=case.target.width,
        height=case.target.height,
        seed=number,
        steps=steps,
        image=str(files / "target.png"),
        entities=(Entity(id="thing", prompt=prompt, box=case.box, reference=str(files / "reference.png")),),
        in_context=Lora(name=IN_CONTEXT, weight=float(way == "In-Context LoRA")),
    )


def nearer_by_clip(namer: Namer, case: Case, image: Image.Image) -> bool:
    """Return whether what was painted is nearer to the reference than to the decoy for the CLIP pair."""
    (seen,) = namer.features(image, [case.box])
    right, wrong = (namer.features(one, [case.own])[0] for one in (case.reference, case.decoy))
    return bool(seen @ right > seen @ wrong)


def nearer_by_colour(case: Case, image: Image.Image, wrong: Image.Image) -> bool:
    """Return whether the box's mean colour is nearer to that of the scene as it should be than as it was."""
    inside = in_box(case.box, *image.size)
    means = [oklab(np.asarray(one.convert("RGB"))[inside]).mean(axis=0) for one in (image, case.truth, wrong)]
    return bool(np.linalg.norm(means[0] - means[1]) < np.linalg.norm(means[0] - means[2]))


def sheet(rows: list[tuple[Image.Image, ...]], columns: int = 4) -> Image.Image:
    """Return rows of pictures on one sheet, so many rows beside each other, with a gap between them."""
    side, gap, count = rows[0][0].width, 8, len(rows[0])
    lines = -(-len(rows) // columns)
    whole = Image.new("RGB", (columns * (count * side + gap) - gap, lines * (side + gap) - gap), "white")
    for number, pictures in enumerate(rows):
        line, column = divmod(number, columns)
        for index, picture in enumerate(pictures):
            whole.paste(picture, (column * (count * side + gap) + index * side, line * (side + gap)))
    return whole


def _shown(figure: Figure) -> str:
    return f"{figure.value:6.1%} [{figure.low:.1%}, {figure.high:.1%}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--model-dir", type=Path)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--sheet", type=Path, help="write the first references, targets and results here, unpicked")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=WAYS)
    options = parser.parse_args()
    profile = get_profile("mini", model_dir=options.model_dir)
    painter, namer, world = Painter(profile=profile), Namer(profile=profile), World()
    nouns = len(painter.vocabulary.nouns) if painter.vocabulary else len(world.nouns)
    cases = make_cases(world, nouns, options.count, profile.width)
    print(f"{len(cases)} held-out references of {nouns} nouns")
    print(f"{'':<16} {'nearer for CLIP':>24} {'nearer by colour':>24} {'outside':>8}  seconds")
    drawn = [nearer_by_clip(namer, case, case.truth) for case in cases]
    print(f"{'drawn':<16} {_shown(share([[float(one)] for one in drawn])):>24}")
    shown: list[tuple[Image.Image, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        for way in options.ways:
            seen, coloured, outside, begin = [], [], 0, perf_counter()
            for number, case in enumerate(cases):
                painted = painter.paint(request(case, way, number, Path(folder), options.steps))
                assert painted.mask is not None
                mask = np.asarray(painted.mask) > 0
                outside = max(outside, difference_outside(case.target, painted.image, mask))
                seen.append([float(nearer_by_clip(namer, case, painted.image))])
                coloured.append([float(nearer_by_colour(case, painted.image, case.target))])
                if way == WAYS[-1] and number < 16:
                    shown.append((case.reference, case.target, painted.image))
            seconds = (perf_counter() - begin) / len(cases)
            print(
                f"{way:<16} {_shown(share(seen)):>24} {_shown(share(coloured)):>24} {outside:>8} {seconds:8.1f}",
                flush=True,
            )
    if options.sheet and shown:
        sheet(shown).save(options.sheet)


if __name__ == "__main__":
    main()
