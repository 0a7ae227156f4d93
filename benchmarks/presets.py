"""What speed costs: python -m benchmarks.presets [--count N] [--profile P]

Unseen layouts painted by every preset from the same seeds: how many entities an eye that has nothing to do with the
painter recognises, how far the picture is from the exact one, and its time. Then an edit of one entity, painted
with and without what is around it: is the new thing recognised, how visible is the seam, does any other pixel change.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
from PIL import Image

from benchmarks.eye import STEPS, Eye, trained
from benchmarks.figures import share
from benchmarks.layouts import Case, make_cases
from eligen.tools.generation import Painter
from eligen.tools.measures import difference_outside, seam
from eligen.tools.nounphrases import article
from eligen.tools.presets import PRESETS, PresetName
from eligen.tools.profiles import DEFAULT_PROFILE, get_profile
from eligen.tools.requests import InpaintRequest
from training.scenes import World


@dataclass
class Score:
    """What was seen of one way to paint."""

    right: list[list[float]] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)
    seams: list[float] = field(default_factory=list)
    changed: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def recognised(self) -> str:
        """The share of entities that the eye recognised, with its 95 % interval."""
        found = share(self.right)
        return f"{100 * found.value:5.1f} % [{100 * found.low:4.1f}, {100 * found.high:4.1f}]"


def distance(one: Image.Image, other: Image.Image) -> float:
    """Return the root of the mean squared difference of two pictures, in 0..255."""
    pixels = [np.asarray(image, dtype=np.float64) for image in (one, other)]
    return float(((pixels[0] - pixels[1]) ** 2).mean() ** 0.5)


def recognised(eye: Eye, case: Case, image: Image.Image) -> list[float]:
    """Return of each entity whether the eye sees its noun in its box."""
    nouns, _ = eye.name(image, [entity.box for entity in case.request.entities])
    return [float(noun == thing.noun) for noun, thing in zip(nouns, case.scene.things, strict=True)]


def edited(case: Case, nouns: list[str], preset: PresetName, image: Path) -> tuple[InpaintRequest, int]:
    """Return a request that puts another noun in the box of the first entity, and that noun's number."""
    number = (case.scene.things[0].noun + 17) % len(nouns)
    entity = case.request.entities[0]
    entity = entity.model_copy(update={"prompt": f"{article(nouns[number])} {nouns[number]}"})
    fields = case.request.model_dump() | {"preset": preset, "prompt": entity.prompt, "entities": (entity,)}
    request = InpaintRequest(**fields, image=str(image), region=(entity.box,), feather=2)
    return request, number


def pictures(painter: Painter, eye: Eye, cases: list[Case]) -> Iterator[tuple[PresetName, Score]]:
    """Yield what every preset makes of the cases."""
    scores = {name: Score() for name in PRESETS}
    for case in cases:
        painted = {}
        for name, score in scores.items():
            begin = process_time()
            painted[name] = painter.paint(case.request.model_copy(update={"preset": name})).image
            score.seconds.append(process_time() - begin)
            score.right.append(recognised(eye, case, painted[name]))
            score.distances.append(distance(painted[name], painted["exact"]))
    yield from scores.items()


def edits(painter: Painter, eye: Eye, cases: list[Case], nouns: list[str]) -> Iterator[tuple[PresetName, Score]]:
    """Yield what every preset makes of one edit in the true picture of each case."""
    scores = {name: Score() for name in PRESETS}
    with TemporaryDirectory() as folder:
        for case in cases:
            case.truth.save(path := Path(folder, "truth.png"))
            for name, score in scores.items():
                request, number = edited(case, nouns, name, path)
                begin = process_time()
                painted = painter.paint(request)
                score.seconds.append(process_time() - begin)
                assert painted.mask is not None
                mask = np.asarray(painted.mask) > 0
                seen, _ = eye.name(painted.image, [request.entities[0].box])
                score.right.append([float(seen == [number])])
                before, after = seam(case.truth, mask), seam(painted.image, mask)
                if before and after:
                    score.seams.append(after / before)
                score.changed = max(score.changed, difference_outside(case.truth, painted.image, mask))
    yield from scores.items()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default=DEFAULT_PROFILE)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--eye-steps", type=int, default=STEPS, help="how long the eye was or is trained")
    options = parser.parse_args()
    painter = Painter(profile=get_profile(options.profile))
    assert painter.vocabulary is not None, "cases are drawn from a vocabulary's nouns"
    nouns, world = list(painter.vocabulary.nouns), World()
    size = painter.profile.width
    eye = trained(world, len(nouns), size, options.eye_steps)
    cases = make_cases(world, len(nouns), options.count, size)
    print(f"{len(cases)} layouts, {sum(len(case.scene.things) for case in cases)} entities of {len(nouns)} nouns")
    print(f"{'picture':<10}{'entities recognised':>24}{'RMS from exact':>16}{'seconds':>10}")
    for name, score in pictures(painter, eye, cases):
        print(f"{name:<10}{score.recognised:>24}{mean(score.distances):16.1f}{mean(score.seconds):10.2f}", flush=True)
    print(f"{'edit':<10}{'entities recognised':>24}{'seam, after/before':>20}{'changed outside':>17}{'seconds':>10}")
    for name, score in edits(painter, eye, cases, nouns):
        seams = f"{mean(score.seams):20.2f}{score.changed:17}"
        print(f"{name:<10}{score.recognised:>24}{seams}{mean(score.seconds):10.2f}", flush=True)


if __name__ == "__main__":
    main()
