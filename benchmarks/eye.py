"""The benchmarks' own eye: a small classifier of nouns, colours and backgrounds, trained here and shipped nowhere."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torchvision.ops import roi_align
from torchvision.transforms.functional import pil_to_tensor
from tqdm import tqdm

from benchmarks.layouts import MOST, scene_of, visible
from eligen.tools.layout import Box
from training import backgrounds
from training.scenes import COLOURS, MATERIALS, World, tight_box

SIDE, MARGIN = 48, 1.1
STEPS, SCENES = 2000, 24
LOOKS = ("", *COLOURS, *MATERIALS)
CACHE = Path(__file__).parents[1] / "build"


def block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """Return two convolutions with group norms."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.GroupNorm(8, outputs), nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.GroupNorm(8, outputs), nn.ReLU(),
    )  # fmt: skip


class Eye(nn.Module):
    """Names what a crop shows: noun, look (colour, material or its own), and the background of a whole picture."""

    def __init__(self, nouns: int) -> None:
        super().__init__()
        widths = (3, 32, 64, 96, 128)
        self.trunk = nn.Sequential(*(block(a, b, 2) for a, b in pairwise(widths)))
        self.noun, self.look = nn.Linear(128, nouns), nn.Linear(128, len(LOOKS))
        self.background = nn.Linear(128, len(backgrounds.NAMES))

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (B, nouns), (B, looks), (B, backgrounds) of crops (B, 3, SIDE, SIDE) in 0..1."""
        features = self.trunk(crops * 2 - 1).mean((2, 3))
        return self.noun(features), self.look(features), self.background(features)

    @torch.no_grad()
    def name(self, image: Image.Image, boxes: list[Box]) -> tuple[list[int], list[str]]:
        """Return the noun and the look of what is in each box."""
        nouns, looks, _ = self(crops(pil_to_tensor(image)[None] / 255, [[b.as_tuple() for b in boxes]]))
        return nouns.argmax(1).tolist(), [LOOKS[i] for i in looks.argmax(1).tolist()]

    @torch.no_grad()
    def place(self, image: Image.Image) -> str:
        """Return the name of a picture's background."""
        whole = F.interpolate(pil_to_tensor(image)[None] / 255, (SIDE, SIDE), mode="area")
        return backgrounds.NAMES[int(self(whole)[2].argmax())]


def crops(images: Tensor, boxes: list[list[tuple[float, float, float, float]]]) -> Tensor:
    """Return square crops (n, 3, SIDE, SIDE) around the boxes, in fractions, of each picture (B, 3, S, S)."""
    rows = [(i, *box) for i, those in enumerate(boxes) for box in those]
    table = torch.tensor(rows, dtype=torch.float32).view(-1, 5)
    index, x0, y0, x1, y1 = table.unbind(1)
    height, width = images.shape[2:]
    half = torch.maximum((x1 - x0) * width, (y1 - y0) * height) * MARGIN / 2
    cx, cy = (x0 + x1) / 2 * width, (y0 + y1) / 2 * height
    return roi_align(images, torch.stack([index, cx - half, cy - half, cx + half, cy + half], 1), SIDE, aligned=True)


def jittered(box: tuple[float, ...], rng: random.Random, by: float = 0.12) -> tuple[float, float, float, float]:
    """Return a box whose edges are off by a little, as those of what is painted or found are."""
    x0, y0, x1, y1 = box
    w, h = (x1 - x0) * by, (y1 - y0) * by
    return x0 + rng.gauss(0, w), y0 + rng.gauss(0, h), x1 + rng.gauss(0, w), y1 + rng.gauss(0, h)


def trained(world: World, nouns: int, size: int, steps: int = STEPS, seed: int = 3) -> Eye:
    """Return an eye for the first `nouns` nouns in pictures of that side, from its cache or else trained.

    Training takes ten minutes of one core at 128 x 128.
    """
    path = CACHE / f"benchmark-eye-{nouns}-{size}-{steps}.safetensors"
    torch.manual_seed(seed)
    eye = Eye(nouns)
    if path.exists():
        eye.load_state_dict(load_file(path))
        return eye.eval()
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(eye.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    for _ in tqdm(range(steps), desc="training the benchmark's eye"):
        loss = _loss(eye, world, nouns, size, rng, generator)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()
    path.parent.mkdir(exist_ok=True)
    save_file(eye.state_dict(), path)
    return eye.eval()


def _loss(eye: Eye, world: World, nouns: int, size: int, rng: random.Random, generator: torch.Generator) -> Tensor:
    scenes = [scene_of(1 + i % MOST, world, nouns, rng) for i in range(SCENES)]
    images, shapes = world.draw(scenes, size, generator)
    boxes, things = [], []
    for scene, cut in zip(scenes, shapes, strict=True):
        seen = visible(scene, cut, world.extents)
        boxes.append([jittered(box, rng) for i in seen if (box := tight_box(cut[i]))])
        things += [scene.things[i] for i in seen]
    noun, look, _ = eye(crops(images, boxes))
    _, _, place = eye(F.interpolate(images, (SIDE, SIDE), mode="area"))
    return (
        F.cross_entropy(noun, torch.tensor([t.noun for t in things]))
        + F.cross_entropy(look, torch.tensor([LOOKS.index(t.colour or t.material) for t in things]))
        + F.cross_entropy(place, torch.tensor([backgrounds.NAMES.index(s.background) for s in scenes]))
    )
