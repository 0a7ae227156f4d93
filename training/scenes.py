"""The drawn world: sample scenes and paint them in batches, on any device, from one glyph atlas.

Contact sheet: python -m training.scenes sheet.png [--size 128] [--count 32]
"""

import json
import random
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from training import backgrounds, styles
from training.atlas import COLUMNS, GLYPH, TILE

HERE = Path(__file__).parent
Bounds = tuple[float, float, float, float]
Shades = tuple[tuple[float, float, float], ...]

COLOURS: dict[str, Shades] = {  # dark, middle, light
    "red": ((0.35, 0.0, 0.02), (0.86, 0.13, 0.13), (1.0, 0.62, 0.58)),
    "orange": ((0.45, 0.16, 0.0), (0.98, 0.52, 0.06), (1.0, 0.82, 0.55)),
    "yellow": ((0.5, 0.35, 0.0), (0.99, 0.84, 0.12), (1.0, 0.96, 0.66)),
    "green": ((0.02, 0.22, 0.05), (0.2, 0.66, 0.22), (0.66, 0.92, 0.6)),
    "blue": ((0.02, 0.08, 0.35), (0.13, 0.4, 0.9), (0.6, 0.8, 1.0)),
    "purple": ((0.2, 0.02, 0.3), (0.56, 0.23, 0.75), (0.85, 0.68, 0.96)),
    "pink": ((0.5, 0.12, 0.28), (0.98, 0.5, 0.7), (1.0, 0.85, 0.92)),
    "brown": ((0.17, 0.08, 0.03), (0.48, 0.28, 0.14), (0.8, 0.62, 0.45)),
    "black": ((0.0, 0.0, 0.0), (0.12, 0.12, 0.14), (0.42, 0.42, 0.46)),
    "white": ((0.52, 0.54, 0.6), (0.93, 0.94, 0.96), (1.0, 1.0, 1.0)),
}
MATERIALS: dict[str, Shades] = {
    "wooden": ((0.25, 0.13, 0.05), (0.66, 0.43, 0.22), (0.9, 0.72, 0.48)),
    "golden": ((0.42, 0.25, 0.0), (0.92, 0.7, 0.14), (1.0, 0.97, 0.72)),
    "metal": ((0.12, 0.14, 0.17), (0.55, 0.59, 0.64), (0.97, 0.98, 1.0)),
    "glass": ((0.3, 0.5, 0.6), (0.66, 0.86, 0.92), (0.97, 1.0, 1.0)),
}


@dataclass(frozen=True)
class Thing:
    """One noun in a scene: its look, and where its glyph goes (centre and longer side in canvas fractions)."""

    noun: int
    cx: float
    cy: float
    size: float
    colour: str = ""
    material: str = ""
    flip: bool = False
    angle: float = 0.0


@dataclass(frozen=True)
class Scene:
    """Things from back to front on a background, in a style."""

    things: tuple[Thing, ...]
    background: str
    style: str = "flat"


@dataclass
class World:
    """The vocabulary with its glyphs on a device."""

    device: str = "cpu"
    nouns: list[dict] = field(
        default_factory=lambda: json.loads((HERE / "vocabulary.json").read_text(encoding="utf-8"))
    )

    @cached_property
    def tiles(self) -> Tensor:
        """Return the glyphs (nouns, 4, TILE, TILE), colours premultiplied by alpha, 0..1."""
        sheet = np.asarray(Image.open(HERE / "atlas.png").convert("RGBA"), dtype=np.uint8)
        rows = sheet.shape[0] // TILE
        grid = sheet.reshape(rows, TILE, COLUMNS, TILE, 4).transpose(0, 2, 4, 1, 3).reshape(-1, 4, TILE, TILE)
        tiles = torch.from_numpy(grid[: len(self.nouns)].copy()).float().div(255).to(self.device)
        tiles[:, :3] *= tiles[:, 3:]
        return tiles

    @cached_property
    def extents(self) -> list[tuple[float, float]]:
        """Return each glyph's (width, height) as fractions of its longer side."""
        on = self.tiles[:, 3] > 0.1
        width, height = on.any(1).sum(1) / GLYPH, on.any(2).sum(1) / GLYPH
        return list(zip(width.clamp(max=1).tolist(), height.clamp(max=1).tolist(), strict=True))

    def sample(
        self,
        rng: random.Random,
        nouns: int | None = None,
        max_things: int = 8,
        plain: float = 0.35,
        *,
        upright: bool = False,
    ) -> Scene:
        """Return a random scene of the first `nouns` nouns; `plain` is the share of plain backgrounds.

        `upright` things are neither mirrored nor tilted, so that noun and box say where each part of a thing is.
        """
        weights = [30, 28, 18, 10, 6, 4, 2, 2][:max_things]
        count = rng.choices(range(1, len(weights) + 1), weights)[0]
        twins = count > 1 and rng.random() < 0.2
        looks = [self._look(rng, nouns) for _ in range(count)]
        if twins:
            looks[1] = looks[0] if rng.random() < 0.5 else (looks[0][0], *self._look(rng, nouns, looks[0][0])[1:])
        kinds = [n for n in backgrounds.NAMES if n.startswith(("plain", "white"))]
        painted = [n for n in backgrounds.NAMES if n not in kinds]
        background = rng.choice(kinds if rng.random() < plain else painted)
        style = "flat" if rng.random() < 0.85 else rng.choice(list(styles.STYLES))
        things = self._place(rng, looks)
        if upright:
            things = tuple(replace(thing, flip=False, angle=0.0) for thing in things)
        return Scene(things, background, style)

    def _look(self, rng: random.Random, nouns: int | None, noun: int | None = None) -> tuple[int, str, str]:
        noun = rng.randrange(nouns or len(self.nouns)) if noun is None else noun
        entry, dice = self.nouns[noun], rng.random()
        if entry["colours"] and dice < 0.6:
            return noun, rng.choice(list(COLOURS)), ""
        if entry["materials"] and dice > 0.85:
            return noun, "", rng.choice(list(MATERIALS))
        return noun, "", ""

    def _place(self, rng: random.Random, looks: list[tuple[int, str, str]]) -> tuple[Thing, ...]:
        """Return the things placed mostly apart: of some random tries the one with the least overlap is taken."""
        things: list[Thing] = []
        scale = 0.78 / len(looks) ** 0.5
        for noun, colour, material in looks:
            best, least = None, 1e9
            for _ in range(8):
                size = min(0.95, max(0.14, scale * rng.uniform(0.55, 1.2)))
                w, h = (e * size for e in self.extents[noun])
                cx, cy = rng.uniform(w / 2, 1 - w / 2), rng.uniform(h / 2, 1 - h / 2)
                overlap = sum(self._overlap((cx, cy, w, h), other) for other in things)
                if overlap < least:
                    best, least = (cx, cy, size), overlap
                if least < 0.01 or (least < 0.12 and rng.random() < 0.3):
                    break
            cx, cy, size = best or (0.5, 0.5, 0.3)
            angle = rng.gauss(0, 5) if rng.random() < 0.4 else 0.0
            things.append(Thing(noun, cx, cy, size, colour, material, rng.random() < 0.5, angle))
        return tuple(sorted(things, key=lambda t: t.cy + self.extents[t.noun][1] * t.size / 2))

    def _overlap(self, place: tuple[float, float, float, float], other: Thing) -> float:
        cx, cy, w, h = place
        ow, oh = (e * other.size for e in self.extents[other.noun])
        dx = min(cx + w / 2, other.cx + ow / 2) - max(cx - w / 2, other.cx - ow / 2)
        dy = min(cy + h / 2, other.cy + oh / 2) - max(cy - h / 2, other.cy - oh / 2)
        return max(dx, 0) * max(dy, 0) / min(w * h, ow * oh)

    def draw(self, scenes: list[Scene], size: int, rng: torch.Generator) -> tuple[Tensor, list[list[Tensor]]]:
        """Return pictures (B, 3, size, size) in 0..1 and each scene's visible shapes, bool (size, size) a thing."""
        image = backgrounds.paint([s.background for s in scenes], size, rng)
        most = max((len(s.things) for s in scenes), default=0)
        shapes: list[list[Tensor]] = [[] for _ in scenes]
        for slot in range(most):
            rows = [i for i, s in enumerate(scenes) if len(s.things) > slot]
            layer = self._layer([scenes[i].things[slot] for i in rows], size)
            alpha = layer[:, 3:]
            image[rows] = image[rows] * (1 - alpha) + layer[:, :3]
            for i, shape in zip(rows, alpha[:, 0] > 0.5, strict=True):
                shapes[i] = [earlier & ~shape for earlier in shapes[i]] + [shape]
        return styles.apply(image, [s.style for s in scenes], rng), shapes

    def _layer(self, things: list[Thing], size: int) -> Tensor:
        """Return premultiplied RGBA layers (len(things), 4, size, size), each thing at its place."""
        tiles = self.look(things)
        out = torch.empty(len(things), 4, size, size, device=tiles.device)
        for level in (0, 1, 2):  # smaller glyphs are taken from smaller tiles, as in a mipmap
            rows = [i for i, t in enumerate(things) if self._level(t, size) == level]
            if rows:
                source = F.avg_pool2d(tiles[rows], 2**level) if level else tiles[rows]
                grid = F.affine_grid(
                    self._pose([things[i] for i in rows]), [len(rows), 4, size, size], align_corners=False
                )
                out[rows] = F.grid_sample(source, grid, align_corners=False)
        return out

    @staticmethod
    def _level(thing: Thing, size: int) -> int:
        ratio = GLYPH / (thing.size * size)
        return 0 if ratio < 1.5 else 1 if ratio < 3 else 2

    def _pose(self, things: list[Thing]) -> Tensor:
        """Return affine maps (len(things), 2, 3) from canvas to tile coordinates."""
        cx, cy, side, flip, angle = (
            torch.tensor([getattr(t, name) for t in things], device=self.device, dtype=torch.float32)
            for name in ("cx", "cy", "size", "flip", "angle")
        )
        zoom = GLYPH / TILE / side
        cos, sin, mirror = torch.cos(torch.deg2rad(angle)), torch.sin(torch.deg2rad(angle)), 1 - 2 * flip
        x, y = 2 * cx - 1, 2 * cy - 1
        a, b, c, d = zoom * cos * mirror, zoom * sin * mirror, -zoom * sin, zoom * cos
        return torch.stack([a, b, -a * x - b * y, c, d, -c * x - d * y], 1).view(-1, 2, 3)

    def look(self, things: list[Thing]) -> Tensor:
        """Return the things' tiles (len(things), 4, TILE, TILE), recoloured, premultiplied."""
        tiles = self.tiles[[t.noun for t in things]]
        for rows, table, solid in (
            ([i for i, t in enumerate(things) if t.colour], COLOURS, False),
            ([i for i, t in enumerate(things) if t.material], MATERIALS, True),
        ):
            if rows:
                shades = torch.tensor(
                    [table[things[i].colour or things[i].material] for i in rows],
                    device=self.device,
                    dtype=torch.float32,
                )
                tiles[rows] = recolour(tiles[rows], shades, solid=solid)
        if grained := [i for i, t in enumerate(things) if t.material == "wooden"]:
            line = torch.arange(TILE, device=self.device) / TILE
            tiles[grained, :3] *= 1 - 0.16 * (torch.sin(line.view(-1, 1) * 70 + torch.sin(line * 9) * 3) > 0.4)
        if clear := [i for i, t in enumerate(things) if t.material == "glass"]:
            tiles[clear] *= 0.75
        return tiles


def recolour(tiles: Tensor, shades: Tensor, *, solid: bool) -> Tensor:
    """Return tiles (N, 4, H, W) with their shading mapped onto shades (N, 3 stops, 3); `solid` colours every pixel.

    Without `solid`, greys of a colourful glyph (eyes, tyres, windows) and near-black lines keep their look.
    """
    alpha = tiles[:, 3:]
    rgb = tiles[:, :3] / alpha.clamp(min=1e-3)
    light = (rgb * torch.tensor([0.299, 0.587, 0.114], device=tiles.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    mass = alpha.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    mean = (light * alpha).sum(dim=(2, 3), keepdim=True) / mass
    chroma = rgb.amax(1, keepdim=True) - rgb.amin(1, keepdim=True)
    vivid = ((chroma * alpha).sum(dim=(2, 3), keepdim=True) / mass / 0.15).clamp(0, 1)
    t = (0.5 + (light - mean) * 0.9).clamp(0, 1)
    dark, middle, pale = (shades[:, i, :, None, None] for i in range(3))
    painted = torch.where(t < 0.5, torch.lerp(dark, middle, t * 2), torch.lerp(middle, pale, t * 2 - 1))
    weight = torch.ones_like(light) if solid else torch.maximum((chroma / 0.2).clamp(0, 1), 1 - vivid)
    weight = weight * (light / 0.12).clamp(0, 1)
    return torch.cat([torch.lerp(rgb, painted, weight) * alpha, alpha], 1)


def tight_box(shape: Tensor) -> Bounds | None:
    """Return a shape's bounding box in canvas fractions, None when nothing of it is visible."""
    rows, columns = shape.any(1).nonzero(), shape.any(0).nonzero()
    if not len(rows):
        return None
    h, w = shape.shape
    return columns[0].item() / w, rows[0].item() / h, (columns[-1].item() + 1) / w, (rows[-1].item() + 1) / h


def save_sheet(images: Tensor, path: Path, columns: int = 8) -> None:
    """Write pictures (B, 3, S, S) in 0..1 as one contact sheet."""
    b, _, h, w = images.shape
    rows = -(-b // columns)
    padded = torch.cat([images.cpu().float(), torch.ones(rows * columns - b, 3, h, w)])
    sheet = padded.view(rows, columns, 3, h, w).permute(0, 3, 1, 4, 2).reshape(rows * h, columns * w, 3)
    Image.fromarray((sheet.clamp(0, 1) * 255).round().byte().numpy()).save(path)


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description="Draw a contact sheet of random scenes.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--nouns", type=int)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    world, dice = World(), random.Random(args.seed)
    pictures, _ = world.draw(
        [world.sample(dice, args.nouns) for _ in range(args.count)], args.size, torch.Generator().manual_seed(args.seed)
    )
    save_sheet(pictures, args.out)
