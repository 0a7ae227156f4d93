"""Does entity control work? python -m benchmarks.control [--count N] [--json FILE] [--sheet FILE.png] [--page FILE.md]

The paper's first figure as numbers: the same unseen layouts painted without control, with regional attention alone, and
with EliGen's LoRA, judged by an eye that has nothing to do with the painter. A crop of its box must show an entity's
noun and colour. Placement knows no asked box: what Sam finds in the whole picture by itself is named by the eye, and
compared with what was asked; a missing entity counts 0. The row "drawn" is the truth itself: as much as can be seen.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from benchmarks.eye import STEPS, Eye, trained
from benchmarks.figures import Figure, Values, difference, mean, share
from benchmarks.layouts import Case, make_cases
from eligen.tools.generation import Painter
from eligen.tools.imagefiles import open_image
from eligen.tools.measures import Sight, box_of, placements
from eligen.tools.metadata import write_picture
from eligen.tools.profiles import DEFAULT_PROFILE, PROFILES, get_profile
from eligen.tools.requestfiles import read_request
from eligen.tools.requests import Control, GenerateRequest
from eligen.tools.segmentation import Segmenter
from training.scenes import World

NOUNS = 50
DRAWN = "drawn"
CONTROLS: tuple[Control, ...] = ("none", "untrained", "eligen")
MEASURES: dict[str, Callable[[Values], Figure]] = {
    "entities of 1-3": share,
    "entities of 4-6": share,
    "colour": share,
    "box IoU": mean,
    "shape IoU": mean,
    "background": share,
}
COMPARED = ("entities", "colour", "box IoU", "shape IoU")
PAIRS = (("eligen", "none"), ("eligen", "untrained"), ("untrained", "none"))
SHEET_COUNT, SHEET_COLUMNS, SHEET_SIDE = 64, 8, 96
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"

Verdict = dict[str, list[float]]
"""What a picture shows of its case: of each measure a value for each entity that it concerns."""


def judge(eye: Eye, segmenter: Segmenter, case: Case, image: Image.Image) -> Verdict:
    """Return what a picture shows of its case."""
    things, boxes = case.scene.things, [entity.box for entity in case.request.entities]
    nouns, looks = eye.name(image, boxes)
    right = [float(thing.noun == noun) for thing, noun in zip(things, nouns, strict=True)]
    asked = [
        Sight(str(thing.noun), box, shape.numpy()) for thing, box, shape in zip(things, boxes, case.shapes, strict=True)
    ]
    placed = placements(asked, found(eye, segmenter, image))
    return {
        "entities": right,
        "entities of 1-3": right if len(things) < 4 else [],
        "entities of 4-6": right if len(things) > 3 else [],
        "colour": [float(look == thing.colour) for thing, look in zip(things, looks, strict=True) if thing.colour],
        "box IoU": [place.box_iou for place in placed],
        "shape IoU": [place.shape_iou for place in placed],
        "background": [float(eye.place(image) == case.scene.background)],
    }


def found(eye: Eye, segmenter: Segmenter, image: Image.Image) -> list[Sight]:
    """Return all that Sam finds in a picture by itself, named by the eye."""
    shapes = [segment.mask for segment in segmenter.proposals(image)]
    seen = [(box, shape) for shape in shapes if (box := box_of(shape))]
    nouns, _ = eye.name(image, [box for box, _ in seen]) if seen else ([], [])
    return [Sight(str(noun), box, shape) for noun, (box, shape) in zip(nouns, seen, strict=True)]


def painted(painter: Painter, request: GenerateRequest, folder: Path | None) -> Image.Image:
    """Return the request's picture: from the folder where one of the same request and versions is, else painted."""
    file = folder / request.control / f"{request.id}.png" if folder else None
    if file and file.is_file() and read_request(file) == painter.resolve(request):
        return open_image(file)
    done = painter.paint(request)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_picture(done.image, done.request, file)
        file.with_suffix(".json").unlink()  # the picture carries the same
    return done.image


def tables(verdicts: dict[str, list[Verdict]]) -> str:
    """Return the figures as two tables in markdown: each way of painting, and what each has over another."""
    lines = [_row("control", *MEASURES), _row(*["---"] * (1 + len(MEASURES)))]
    for control, some in verdicts.items():
        lines.append(_row(control, *(_shown(figure(_values(some, name))) for name, figure in MEASURES.items())))
    lines += ["", _row("paired difference", *COMPARED), _row(*["---"] * (1 + len(COMPARED)))]
    for one, other in PAIRS:
        both = [(_values(verdicts[one], name), _values(verdicts[other], name)) for name in COMPARED]
        lines.append(_row(f"{one} - {other}", *(_shown(difference(*pair), sign="+") for pair in both)))
    return "\n".join(lines)


def report(verdicts: dict[str, list[Verdict]], about: dict[str, object]) -> dict[str, object]:
    """Return everything as JSON: the figures, the differences, and each picture's values."""
    compared = {
        f"{one} - {other}": {
            name: asdict(difference(_values(verdicts[one], name), _values(verdicts[other], name))) for name in COMPARED
        }
        for one, other in PAIRS
    }
    table = {
        control: {name: asdict(figure(_values(some, name))) for name, figure in MEASURES.items()}
        for control, some in verdicts.items()
    }
    return {**about, "figures": table, "differences": compared, "pictures": verdicts}


def contact_sheet(images: list[Image.Image], path: Path) -> None:
    """Write pictures as one palette PNG, eight a row, 96 pixels each."""
    rows = -(-len(images) // SHEET_COLUMNS)
    sheet = Image.new("RGB", (SHEET_COLUMNS * SHEET_SIDE, rows * SHEET_SIDE), "white")
    for number, image in enumerate(images):
        place = (number % SHEET_COLUMNS * SHEET_SIDE, number // SHEET_COLUMNS * SHEET_SIDE)
        sheet.paste(image.resize((SHEET_SIDE, SHEET_SIDE), Image.Resampling.LANCZOS), place)
    sheet.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def prompts(cases: list[Case]) -> str:
    """Return what the pictures of the sheet were asked for, folded up."""
    lines = "\n".join(f"{number}. {case.request.prompt}" for number, case in enumerate(cases, start=1))
    return f"<details><summary>The prompts of the sheet, row by row</summary>\n\n{lines}\n\n</details>"


def between_marks(text: str, content: str) -> str:
    """Return a page with what stands between its two marks replaced; ValueError when it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{content}\n\n{END}{after}"


def _values(verdicts: list[Verdict], name: str) -> list[list[float]]:
    return [verdict[name] for verdict in verdicts]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(figure: Figure, sign: str = "") -> str:
    return f"{100 * figure.value:{sign}.1f} [{100 * figure.low:{sign}.1f}, {100 * figure.high:{sign}.1f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default=DEFAULT_PROFILE, choices=PROFILES)
    parser.add_argument("--model-dir", type=Path, help="another folder of weights")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--eye-steps", type=int, default=STEPS, help="how long the eye was or is trained")
    parser.add_argument("--cfg", type=float)
    parser.add_argument("--pictures", type=Path, help="keep the pictures in a folder, and take from it what it has")
    parser.add_argument("--json", type=Path, help="write all figures, and each picture's")
    parser.add_argument("--sheet", type=Path, help="write the first 64 EliGen pictures, and FILE-controls.png")
    parser.add_argument("--page", type=Path, help="put the tables into a page, between its marks")
    options = parser.parse_args()
    painter = Painter(profile=get_profile(options.profile, model_dir=options.model_dir))
    side, world = painter.profile.width, World()
    eye = trained(world, NOUNS, side, options.eye_steps)
    cases = make_cases(world, NOUNS, options.count, side)
    pictures: dict[str, list[Image.Image]] = {DRAWN: [case.truth for case in cases]} | {name: [] for name in CONTROLS}
    verdicts: dict[str, list[Verdict]] = {name: [] for name in pictures}
    settings = {"steps": options.steps, "true_cfg": options.cfg}
    with tqdm(total=len(cases) * len(pictures), unit="picture") as progress:
        for number, case in enumerate(cases):
            for control in CONTROLS:
                request = case.request.model_copy(update=settings | {"control": control})
                pictures[control].append(painted(painter, request, options.pictures))
            for name, some in pictures.items():
                verdicts[name].append(judge(eye, painter.segmenter, case, some[number]))
                progress.update()
    things = sum(len(case.scene.things) for case in cases)
    said = (
        f"{len(cases)} layouts, {things} entities of {NOUNS} nouns, {side} x {side} pixels; in %, with 95 % intervals."
    )
    shown = f"{said}\n\n{tables(verdicts)}"
    print(shown)
    about = {
        "profile": options.profile,
        "layouts": len(cases),
        "entities": things,
        "versions": painter.resolve(cases[0].request).versions,
    }
    if options.json:
        options.json.write_text(json.dumps(report(verdicts, about)) + "\n", encoding="utf-8")
    if options.sheet:
        contact_sheet(pictures["eligen"][:SHEET_COUNT], options.sheet)
        beside = [picture for name in CONTROLS for picture in pictures[name][:SHEET_COLUMNS]]
        contact_sheet(beside, options.sheet.with_stem(f"{options.sheet.stem}-controls"))
    if options.page:
        page = between_marks(options.page.read_text(encoding="utf-8"), f"{shown}\n\n{prompts(cases[:SHEET_COUNT])}")
        options.page.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
