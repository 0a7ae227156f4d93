"""Does a reference picture hand on its style? python -m benchmarks.styling [--count N] [--json FILE] [--sheet FILE.png]

Unseen layouts are painted without a style, with a reference picture in one, and, to compare, with words for it. The
references are scenes that nobody was trained on. An eye of its own, trained on drawn pictures, says which style a
picture is nearest to. Placement knows no asked box: what Sam finds in the whole picture by itself is compared with what
was asked, whatever it shows; a missing entity counts 0. The row "drawn" is the same scenes drawn in the style.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torchvision.transforms.functional import pil_to_tensor, to_pil_image
from tqdm import tqdm

from benchmarks.control import contact_sheet
from benchmarks.eye import CACHE, block
from benchmarks.figures import Figure, difference, mean, share
from benchmarks.layouts import Case, make_cases
from eligen.tools.generation import Painter
from eligen.tools.layout import StyleImage
from eligen.tools.measures import Sight, box_of, placements
from eligen.tools.profiles import DEFAULT_PROFILE, PROFILES, get_profile
from eligen.tools.requests import GenerateRequest
from eligen.tools.segmentation import Segmenter
from training import styles
from training.captions import caption
from training.scenes import World

SEED = 515_151
NOUNS = 50
WAYS = ("drawn", "no style", "reference", "words")
SHEET_CASES = 18
EACH, STEPS, BATCH = 160, 1200, 32


class StyleEye(nn.Module):
    """Tells the style of a picture from statistics of small patches."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 16, 32, 48)
        self.trunk = nn.Sequential(*(block(a, b, 2) for a, b in pairwise(widths)))
        self.style = nn.Linear(2 * widths[-1], len(styles.NAMES))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, styles) of pictures (B, 3, H, W) in 0..1."""
        features = self.trunk(images * 2 - 1)
        logits: Tensor = self.style(torch.cat([features.mean((2, 3)), features.std((2, 3))], 1))
        return logits

    @torch.no_grad()
    def name(self, image: Image.Image) -> str:
        """Return the style that a picture is nearest to."""
        return styles.NAMES[int(self(pil_to_tensor(image)[None] / 255).argmax())]


def trained(world: World, side: int) -> StyleEye:
    """Return an eye for pictures of a side, trained on drawn scenes or, if it was before, read from its cache."""
    path = CACHE / f"benchmark-style-eye-{side}.safetensors"
    torch.manual_seed(SEED)
    eye = StyleEye()
    if path.exists():
        eye.load_state_dict(load_file(path))
        return eye.eval()
    images, labels = _drawn(world, side)
    optimizer = torch.optim.AdamW(eye.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, STEPS)
    crop = side // 2
    for _ in tqdm(range(STEPS), desc="training the benchmark's eye for styles"):
        rows = torch.randint(len(images), (BATCH,))
        y, x = torch.randint(side - crop + 1, (2,)).tolist()
        seen = images[rows, :, y : y + crop, x : x + crop].float() / 255
        seen = torch.where(torch.rand(BATCH, 1, 1, 1) < 0.5, seen, _softened(seen))  # painted edges are softer
        loss = F.cross_entropy(eye(seen), labels[rows], label_smoothing=0.05)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()
    path.parent.mkdir(exist_ok=True)
    save_file(eye.state_dict(), path)
    return eye.eval()


def _drawn(world: World, side: int) -> tuple[Tensor, Tensor]:
    """Return drawn scenes (N, 3, side, side) in bytes, as many of each style, and the indices of their styles."""
    rng, generator = random.Random(SEED), torch.Generator().manual_seed(SEED)
    images = []
    for _ in tqdm(range(EACH), desc="drawing for it"):
        scenes = [replace(world.sample(rng, None, 4), style=name) for name in styles.NAMES]
        images.append((world.draw(scenes, side, generator)[0] * 255).round().byte())
    return torch.cat(images), torch.arange(len(styles.NAMES)).repeat(EACH)


def _softened(images: Tensor) -> Tensor:
    return (images + F.avg_pool2d(F.pad(images, (1,) * 4, mode="replicate"), 3, 1)) / 2


def requests(case: Case, style: str, reference: Path, world: World, scale: float) -> dict[str, GenerateRequest]:
    """Return what paints a layout without a style, in the style of a reference picture, and of words."""
    said = caption(world, replace(case.scene, style=style), random.Random(case.request.seed)).text
    shown = (StyleImage(image=str(reference), scale=scale),)
    return {
        "no style": case.request,
        "reference": case.request.model_copy(update={"style_images": shown}),
        "words": case.request.model_copy(update={"prompt": said}),
    }


def overlaps(segmenter: Segmenter, case: Case, image: Image.Image) -> list[float]:
    """Return the IoU of each asked box with the thing's that Sam finds there, 0 where it finds none."""
    boxes = [box for segment in segmenter.proposals(image) if (box := box_of(segment.mask))]
    asked = [Sight("", entity.box) for entity in case.request.entities]
    return [place.box_iou for place in placements(asked, [Sight("", box) for box in boxes])]


def shown(figure: Figure, sign: str = "") -> str:
    """Return a figure in per cent with its interval."""
    return f"{100 * figure.value:{sign}.1f} [{100 * figure.low:{sign}.1f}, {100 * figure.high:{sign}.1f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default=DEFAULT_PROFILE, choices=PROFILES)
    parser.add_argument("--model-dir", type=Path, help="another folder of weights")
    parser.add_argument("--count", type=int, default=90)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--json", type=Path, help="write all figures, and each picture's")
    parser.add_argument("--sheet", type=Path, help="write the first 18: reference, without, with it, and by words")
    options = parser.parse_args()
    painter = Painter(profile=get_profile(options.profile, model_dir=options.model_dir))
    side, world = painter.profile.width, World()
    eye, names = trained(world, side), list(styles.STYLES)
    agree: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    placed: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    wanted, seen, sheet = [], [], []
    with TemporaryDirectory() as folder:
        for number, case in enumerate(tqdm(make_cases(world, NOUNS, options.count, side), unit="layout")):
            style, rng = names[number % len(names)], random.Random(SEED + number)
            generator = torch.Generator().manual_seed(SEED + number)
            other = replace(world.sample(rng, NOUNS, 4), style=style)
            drawn, _ = world.draw([other, replace(case.scene, style=style)], side, generator)
            reference, truth = to_pil_image(drawn[0]), to_pil_image(drawn[1])
            reference.save(file := Path(folder, f"{number}.png"))
            pictures = {"drawn": truth}
            for way, request in requests(case, style, file, world, options.scale).items():
                pictures[way] = painter.paint(request.model_copy(update={"steps": options.steps})).image
            for way, picture in pictures.items():
                agree[way].append([float(eye.name(picture) == style)])
                placed[way].append(overlaps(painter.segmenter, case, picture))
            wanted.append(style)
            seen.append({way: eye.name(picture) for way, picture in pictures.items()})
            if number < SHEET_CASES:
                sheet += [reference, *(pictures[way] for way in WAYS[1:])]
    print(f"{len(wanted)} layouts, {side} x {side} pixels, scale {options.scale}; in %, with 95 % intervals\n")
    print("| way | style | box IoU | against no style |\n| --- | --- | --- | --- |")
    for way in WAYS:
        lost = difference(placed[way], placed["no style"])
        print(f"| {way} | {shown(share(agree[way]))} | {shown(mean(placed[way]))} | {shown(lost, '+')} |")
    print("\n| style | " + " | ".join(WAYS) + " |\n|" + " --- |" * (1 + len(WAYS)))
    for style in names:
        rows = [index for index, one in enumerate(wanted) if one == style]
        right = (f"{sum(agree[way][index][0] for index in rows):.0f} of {len(rows)}" for way in WAYS)
        print(f"| {style} | " + " | ".join(right) + " |")
    if options.json:
        figures = {way: {"style": asdict(share(agree[way])), "box IoU": asdict(mean(placed[way]))} for way in WAYS}
        pictures_seen = [{"style": style, **some} for style, some in zip(wanted, seen, strict=True)]
        options.json.write_text(json.dumps({"figures": figures, "pictures": pictures_seen}) + "\n", encoding="utf-8")
    if options.sheet:
        contact_sheet(sheet, options.sheet)


if __name__ == "__main__":
    main()
