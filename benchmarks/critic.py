"""Does the critic help? python -m benchmarks.critic [--count N] [--profile P] [--drawn] [--sheet FILE]

Hard layouts, of four to six entities that overlap and resemble each other, painted through the graph: the first try
against what is kept after the critic's loop, side by side, judged by an eye that has nothing to do with the critic's.
With --drawn the painter draws well but errs in four of ten entities, and it is known what is right.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import torch
from PIL import Image
from torchvision.transforms.functional import to_pil_image
from tqdm import tqdm

from benchmarks.drawing import ErringPainter
from benchmarks.edits import write_sheet
from benchmarks.eye import STEPS, Eye, trained
from benchmarks.figures import Figure, difference, share
from benchmarks.layouts import Case, visible
from eligen.assistant.agents.critic import Eye as CriticsEye
from eligen.assistant.agents.eyes import PairEye, get_eye
from eligen.assistant.agents.painter import Paints
from eligen.assistant.context import Context
from eligen.assistant.plan import Compose, Plan
from eligen.assistant.session import Session
from eligen.assistant.turns import Finding, Turn
from eligen.tools.generation import OnStep, Painted, Painter
from eligen.tools.layout import Box, Entity
from eligen.tools.profiles import DEFAULT_PROFILE, PROFILES, get_profile
from eligen.tools.requests import GenerateRequest
from eligen.tools.userfolder import HOME_VARIABLE
from training.captions import caption, entity_prompt
from training.scenes import COLOURS, Scene, Thing, World, tight_box

SEED = 90_210
SIZES = (0.28, 0.42)  # longer sides, in canvas fractions: four to six of these touch
PLACES = ("white", "meadow", "beach", "snow", "street", "sky")
SHOWN = 12  # pictures of a sheet's row

Right = list[tuple[bool, bool]]
"""Of each entity of a layout whether its noun is right, and whether its colour is."""


def hard_cases(world: World, nouns: int, count: int, size: int, seed: int = SEED) -> list[Case]:
    """Return drawn scenes of 4-6 things, some overlapping and some of one noun in different colours."""
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    cases: list[Case] = []
    while len(cases) < count:
        scene = _scene(world, nouns, rng)
        images, shapes = world.draw([scene], size, generator)
        boxes = [Box.model_validate(box) for shape in shapes[0] if (box := tight_box(shape))]
        overlapping = sum(a.intersection(b) > 0 for i, a in enumerate(boxes) for b in boxes[:i])
        if overlapping < 2 or len(visible(scene, shapes[0], world.extents)) < len(scene.things):
            continue
        entities = tuple(
            Entity(id=f"thing-{i}", prompt=entity_prompt(world, thing, rng), box=box)
            for i, (thing, box) in enumerate(zip(scene.things, boxes, strict=True))
        )
        prompt = caption(world, scene, rng).text
        request = GenerateRequest(prompt=prompt, entities=entities, width=size, height=size, seed=len(cases))
        cases.append(Case(scene, to_pil_image(images[0]), shapes[0], request))
    return cases


def _scene(world: World, nouns: int, rng: random.Random) -> Scene:
    """Return a scene in which half of the things are one noun, all in colours of their own."""
    coloured = [number for number, entry in enumerate(world.nouns[:nouns]) if entry["colours"]]
    count = rng.randint(4, 6)
    kinds = [rng.choice(coloured)] * (count // 2) + rng.choices(coloured, k=count - count // 2)
    things = []
    for noun, colour in zip(kinds, rng.sample(list(COLOURS), count), strict=True):
        longer = rng.uniform(*SIZES)
        width, height = (side * longer / 2 for side in world.extents[noun])
        cx, cy = rng.uniform(width, 1 - width), rng.uniform(height, 1 - height)
        things.append(Thing(noun, cx, cy, longer, colour))
    return Scene(tuple(sorted(things, key=lambda thing: thing.cy)), rng.choice(PLACES))


class ComposingPlanner:
    """Plans one layout, whatever the message."""

    def __init__(self, request: GenerateRequest) -> None:
        self.edit = Compose(layout=request.layout)

    def plan(self, text: str, context: Context) -> Plan:
        """Return the plan of the layout."""
        return Plan(reply="", edits=(self.edit,))


class FirstKept:
    """A painter that keeps the first picture it paints."""

    def __init__(self, painter: Paints) -> None:
        self.painter = painter
        self.first: Image.Image | None = None

    def paint(self, request: GenerateRequest, *, on_step: OnStep | None = None) -> Painted:
        """Paint as the painter does."""
        painted = self.painter.paint(request, on_step=on_step)
        self.first = self.first or painted.image
        return painted


@dataclass(frozen=True)
class Outcome:
    """What is right in a layout's first picture and in the one that is kept, and the turn that made them."""

    first: Right
    last: Right
    turn: Turn
    pictures: tuple[Image.Image, Image.Image]


def judged(eye: Eye, case: Case, image: Image.Image) -> Right:
    """Return of each entity whether the eye sees its noun, and whether its colour, in its box."""
    nouns, looks = eye.name(image, [entity.box for entity in case.request.entities])
    return [
        (noun == thing.noun, look == thing.colour)
        for thing, noun, look in zip(case.scene.things, nouns, looks, strict=True)
    ]


def tried(
    case: Case, painter: Paints, critics: CriticsEye, judge: Callable[[Image.Image], Right], steps: int | None = None
) -> Outcome:
    """Paint a case in a session of its own and return what came of it."""
    request, keeping = case.request, FirstKept(painter)
    with Session.open(
        planner=ComposingPlanner(request),
        painter=keeping,
        eye=critics,
        size=(request.width, request.height),
        seed=request.seed,
        steps=steps,
    ) as session:
        turn = session.send("paint it")
        assert session.picture is not None
        assert keeping.first is not None
        pictures = keeping.first, Image.open(session.picture).convert("RGB")
    return Outcome(judge(pictures[0]), judge(pictures[1]), turn, pictures)


MEASURES: dict[str, Callable[[tuple[bool, bool]], bool]] = {
    "noun": lambda one: one[0],
    "colour": lambda one: one[1],
    "noun and colour": all,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default=DEFAULT_PROFILE, choices=PROFILES)
    parser.add_argument("--model-dir", type=Path, help="another folder of weights")
    parser.add_argument("--drawn", action="store_true", help="by a painter that draws, and errs")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--eye-steps", type=int, default=STEPS, help="how long the eye was or is trained")
    parser.add_argument("--sheet", type=Path, help=f"where the first {SHOWN} first tries go, and what was kept below")
    options = parser.parse_args()
    profile = get_profile(options.profile, model_dir=options.model_dir)
    painter, critics, world = Painter(profile=profile), get_eye(profile), World()
    assert isinstance(critics, PairEye), f"profile {profile.name} has no CLIP pair to judge with"
    nouns, side = len(critics.namer.vocabulary.nouns), profile.width
    cases = hard_cases(world, nouns, options.count, side)
    eye = None if options.drawn else trained(world, nouns, side, options.eye_steps)
    outcomes = []
    with TemporaryDirectory() as folder:
        os.environ[HOME_VARIABLE] = folder
        for case in tqdm(cases):
            if eye is None:
                drawing = ErringPainter(world, case, nouns)
                outcomes.append(tried(case, drawing, critics, drawing.right))
            else:
                outcomes.append(tried(case, painter, critics, partial(judged, eye, case), options.steps))
    print(f"{len(cases)} layouts, {sum(len(case.scene.things) for case in cases)} entities of {nouns} nouns")
    print(report(outcomes))
    if options.sheet:
        write_sheet([[one.pictures[row] for one in outcomes[:SHOWN]] for row in (0, 1)], options.sheet)


def report(outcomes: Sequence[Outcome]) -> str:
    """Return what the loop gained as a table in markdown, and how far the critic's verdicts are right."""
    lines = ["| right, in % | first try | kept | gained |", "| --- | --- | --- | --- |"]
    for name, count in MEASURES.items():
        first, last = ([[float(count(one)) for one in right] for right in side] for side in _sides(outcomes))
        lines.append(f"| {name} | {_shown(share(first))} | {_shown(share(last))} | {_shown(difference(last, first))} |")
    tries = [outcome.turn.tries for outcome in outcomes]
    seen = [
        (finding.ok, all(right)) for one in outcomes for finding, right in zip(_findings(one), one.last, strict=True)
    ]
    lines += ["", f"{mean(tries):.2f} pictures a layout; {tries.count(1)} of {len(tries)} layouts passed at once."]
    for said, name in ((True, "passes"), (False, "fails")):
        truth = [right for ok, right in seen if ok is said]
        lines.append(f"Of {len(truth)} entities that the critic {name}, {100 * mean(truth or [0]):.0f} % are right.")
    return "\n".join(lines)


def _sides(outcomes: Sequence[Outcome]) -> tuple[list[Right], list[Right]]:
    return [outcome.first for outcome in outcomes], [outcome.last for outcome in outcomes]


def _findings(outcome: Outcome) -> tuple[Finding, ...]:
    return outcome.turn.verdict.findings if outcome.turn.verdict else ()


def _shown(figure: Figure) -> str:
    return f"{100 * figure.value:.1f} [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"


if __name__ == "__main__":
    main()
