"""Do edits keep their promise? python -m benchmarks.edits [--sessions N] [--turns N] [--profile P] [--sheet FILE]

Scripted sessions at the painter's level: a picture, then one edit after the other, each repainting what it names. For
every session: the largest difference of a pixel outside any turn's mask (must be 0), how visible the edges of what was
repainted are, how many entities an independent eye still recognises, and the time of a turn.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from time import perf_counter

from PIL import Image

from benchmarks.eye import Eye, trained
from eligen.assistant.edits import apply
from eligen.assistant.plan import (
    Add,
    Background,
    Compose,
    Describe,
    Duplicate,
    LayoutEdit,
    Move,
    Regenerate,
    Remove,
    Replace,
    Resize,
    Swap,
)
from eligen.assistant.routing import Settings, steps
from eligen.tools.errors import ToolError
from eligen.tools.generation import Painter
from eligen.tools.inpainting import prepare
from eligen.tools.layout import Box, Entity, Layout
from eligen.tools.measures import difference_outside, seam
from eligen.tools.nounphrases import article
from eligen.tools.profiles import DEFAULT_PROFILE, PROFILES, get_profile
from eligen.tools.requests import InpaintRequest
from training.scenes import World

PLACES = ("a meadow", "a beach", "a white background", "the snow", "a street", "a forest")
COLOURS = ("red", "blue", "green", "yellow", "purple", "black", "white")
KINDS = (Move, Describe, Remove, Add, Resize, Move, Background, Duplicate, Regenerate, Replace, Move, Swap)
MOST = 5


class Script:
    """Endless edits that fit a layout, the same ones for the same seed."""

    def __init__(self, nouns: list[str], seed: int) -> None:
        self.rng, self.nouns = random.Random(seed), nouns

    def opening(self) -> Compose:
        """Return a picture of three things side by side."""
        boxes = [Box.around(0.2 + 0.3 * i, self.rng.uniform(0.45, 0.65), 0.26, 0.3) for i in range(3)]
        entities = tuple(Entity(id=f"thing-{i}", prompt=self.thing(), box=box) for i, box in enumerate(boxes))
        return Compose(layout=Layout(prompt="", entities=entities, background=self.rng.choice(PLACES)))

    def thing(self, noun: str | None = None) -> str:
        """Return words for a coloured thing."""
        colour = self.rng.choice(COLOURS)
        return f"{article(colour)} {colour} {noun or self.rng.choice(self.nouns)}"

    def edit(self, layout: Layout, turn: int) -> LayoutEdit:
        """Return the edit of a turn: what there is too much of goes, what there is too little of comes."""
        kind = KINDS[turn % len(KINDS)]
        count = len(layout.entities)
        if count < 2 or (kind is Remove and count < 3):
            kind = Add
        elif kind in (Add, Duplicate) and count >= MOST:
            kind = Remove
        one, other = self.rng.sample(layout.entities, 2) if count > 1 else (None, None)
        if kind is Add or one is None or other is None:
            return Add(prompt=self.thing())
        dx, dy = self.rng.choice((-0.2, 0.2)), self.rng.choice((-0.2, 0.0, 0.2))
        noun = one.prompt.split()[-1]
        edits: dict[type, LayoutEdit] = {
            Move: Move(ids=(one.id,), dx=dx, dy=dy),
            Describe: Describe(id=one.id, prompt=self.thing(noun)),
            Remove: Remove(ids=(one.id,)),
            Resize: Resize(ids=(one.id,), factor=self.rng.choice((0.7, 1.3))),
            Background: Background(prompt=self.rng.choice([place for place in PLACES if place != layout.background])),
            Duplicate: Duplicate(id=one.id),
            Regenerate: Regenerate(ids=(one.id,)),
            Replace: Replace(id=one.id, prompt=self.thing()),
            Swap: Swap(first=one.id, second=other.id),
        }
        return edits[kind]


class Session:
    """One picture and what became of it."""

    def __init__(self, painter: Painter, seed: int, folder: Path, options: argparse.Namespace) -> None:
        self.painter, self.folder = painter, folder
        width, height = painter.profile.width, painter.profile.height
        self.settings = Settings(seed=seed, width=width, height=height, steps=options.steps)
        self.script = Script(nouns_of(painter), seed)
        self.layout = apply(None, [self.script.opening()])
        (first,) = steps(None, self.layout, [], picture=None, settings=self.settings)
        self.image = painter.paint(first.request).image
        self.differences: list[int] = []
        self.seams: list[float] = []
        self.seconds: list[float] = []

    def turn(self, number: int) -> None:
        """Make one edit and measure it; an edit that does not fit is left out."""
        edit = self.script.edit(self.layout, number)
        path = self.folder / f"{number}.png"
        self.image.save(path)
        try:
            layout = apply(self.layout, [edit])
            todo = steps(self.layout, layout, [edit], picture=str(path), settings=self.settings)
        except ToolError:
            return
        for step in todo:
            assert isinstance(step.request, InpaintRequest)
            repaint, _ = prepare(step.request, self.painter.segmenter)
            mask = repaint.mask.numpy()
            start = perf_counter()
            image = self.painter.paint(step.request).image
            self.seconds.append(perf_counter() - start)
            self.differences.append(difference_outside(self.image, image, mask))
            before, after = seam(self.image, mask), seam(image, mask)
            if before and after:
                self.seams.append(after / before)
            self.image = image
        self.layout = layout


def nouns_of(painter: Painter) -> list[str]:
    """Return the nouns that come in colours, of those that the painter knows."""
    assert painter.vocabulary is not None
    return [noun for noun, entry in painter.vocabulary.entries.items() if entry.colours]


def recognised(eye: Eye, nouns: list[str], image: Image.Image, layout: Layout) -> list[bool]:
    """Return of each entity whether the eye sees its noun in its box."""
    seen, _ = eye.name(image, [entity.box for entity in layout.entities])
    return [entity.prompt.endswith(nouns[index]) for entity, index in zip(layout.entities, seen, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default=DEFAULT_PROFILE, choices=PROFILES)
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--sheet", type=Path, help="where the pictures after every turn go, a row a session")
    options = parser.parse_args()
    painter = Painter(profile=get_profile(options.profile))
    assert painter.vocabulary is not None, "sessions are scripted in a vocabulary's nouns"
    nouns = list(painter.vocabulary.nouns)
    eye = trained(World(), len(nouns), painter.profile.width)
    rows: list[list[Image.Image]] = []
    first: list[bool] = []
    last: list[bool] = []
    print("session  turns  difference outside  seam, after/before  seconds a turn  recognised first, last")
    for seed in range(options.sessions):
        with TemporaryDirectory() as folder:
            session = Session(painter, seed, Path(folder), options)
            begun = recognised(eye, nouns, session.image, session.layout)
            rows.append([session.image])
            for number in range(options.turns):
                session.turn(number)
                rows[-1].append(session.image)
        ended = recognised(eye, nouns, session.image, session.layout)
        first, last = first + begun, last + ended
        print(
            f"{seed:<8} {len(session.seconds):<6} {max(session.differences):<19} {mean(session.seams):<19.2f} "
            f"{mean(session.seconds):<15.2f} {sum(begun)} of {len(begun)}, {sum(ended)} of {len(ended)}",
            flush=True,
        )
    print(f"recognised at first {100 * mean(first):.0f} %, at last {100 * mean(last):.0f} %")
    if options.sheet:
        write_sheet(rows, options.sheet)


def write_sheet(rows: list[list[Image.Image]], path: Path) -> None:
    """Write pictures of one size as rows of a contact sheet."""
    width, height = rows[0][0].size
    sheet = Image.new("RGB", (width * max(map(len, rows)), height * len(rows)), "white")
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            sheet.paste(image, (x * width, y * height))
    sheet.save(path)


if __name__ == "__main__":
    main()
