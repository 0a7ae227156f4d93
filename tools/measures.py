"""Measures of pictures, in numpy: places, shapes, colours, seams, what was left alone; naming.py says what is where.

Pictures are RGB images, masks bool arrays (H, W).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageColor

from eligen.tools.layout import Box

# Typical shades of the eleven basic colour words, in sRGB: body, shadow, light.
SHADES = {
    "red": ((210, 35, 35), (120, 10, 15), (238, 85, 75)),
    "orange": ((247, 135, 20), (215, 105, 20), (255, 180, 95)),
    "yellow": ((252, 215, 40), (225, 185, 20), (255, 242, 150)),
    "green": ((50, 165, 60), (15, 70, 25), (155, 225, 140)),
    "blue": ((40, 100, 225), (15, 35, 110), (140, 195, 252)),
    "purple": ((142, 60, 190), (65, 15, 90), (205, 165, 240)),
    "pink": ((250, 130, 180), (225, 75, 135), (255, 205, 225)),
    "brown": ((122, 72, 36), (60, 32, 15), (175, 128, 88)),
    "black": ((16, 16, 20), (40, 40, 44)),
    "white": ((252, 252, 252), (232, 234, 240)),
    "grey": ((128, 128, 132), (85, 86, 92), (185, 187, 192)),
}
COLOURS = tuple(SHADES)
NEUTRAL = ("black", "white", "grey")
ALIASES = {"gray": "grey", "golden": "gold", "scarlet": "crimson", "rose": "pink"}
_LIGHTNESS = 0.6  # a thing's lightness varies with its shading more than its hue does
_TO_CONE = ((0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566),
            (0.0883024619, 0.2817188376, 0.6299787005))  # fmt: skip
_TO_LAB = ((0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099),
           (0.0259040371, 0.7827717662, -0.8086757660))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sight:
    """A thing asked for or found: its noun, its box, and its shape, bool (H, W), where it has one."""

    noun: str
    box: Box
    shape: np.ndarray | None = None


@dataclass(frozen=True)
class Placement:
    """Which found thing answers an asked one, None when it is missing, and how far their boxes and shapes overlap."""

    found: int | None = None
    box_iou: float = 0.0
    shape_iou: float = 0.0


def placements(asked: Sequence[Sight], found: Sequence[Sight]) -> list[Placement]:
    """Return for each asked thing the found one of its noun that overlaps it most: one to one, the best pairs first."""
    pairs = [(_overlap(one, other), i, j) for i, one in enumerate(asked) for j, other in enumerate(found)]
    answers: dict[int, Placement] = {}
    taken: set[int] = set()
    for (box_iou, shape_iou), i, j in sorted(pairs, key=lambda pair: (-sum(pair[0]), *pair[1:])):
        if asked[i].noun == found[j].noun and i not in answers and j not in taken:
            answers[i] = Placement(j, box_iou, shape_iou)
            taken.add(j)
    return [answers.get(i, Placement()) for i in range(len(asked))]


def _overlap(one: Sight, other: Sight) -> tuple[float, float]:
    boxes = one.box.iou(other.box)
    if one.shape is None or other.shape is None:
        return boxes, 0.0
    return boxes, mask_iou(one.shape, other.shape)


def mask_iou(one: np.ndarray, other: np.ndarray) -> float:
    """Return intersection over union of two masks; 0 when both are empty."""
    either = np.logical_or(one, other).sum()
    return float(np.logical_and(one, other).sum() / either) if either else 0.0


def box_of(mask: np.ndarray) -> Box | None:
    """Return the tight box around a mask, None when it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    height, width = mask.shape
    return Box(
        x0=int(columns[0]) / width,
        y0=int(rows[0]) / height,
        x1=int(columns[-1] + 1) / width,
        y1=int(rows[-1] + 1) / height,
    )


def in_box(box: Box, width: int, height: int) -> np.ndarray:
    """Return the mask of a box."""
    mask = np.zeros((height, width), dtype=bool)
    x0, y0, x1, y1 = box.pixels(width, height)
    mask[y0:y1, x0:x1] = True
    return mask


def difference_outside(before: Image.Image, after: Image.Image, mask: np.ndarray) -> int:
    """Return the largest difference of a channel, 0..255, outside a mask: 0 when all of it was left alone."""
    apart = np.abs(_pixels(before) - _pixels(after)).max(axis=2)
    return int(apart[~mask].max(initial=0))


def seam(image: Image.Image, mask: np.ndarray) -> float | None:
    """Return how much steeper colours change across a mask's edge than along it; about 1 where no edge shows.

    A level of 255 is added to both, so that flat places do not decide; 1 when the mask has no edge, None when its edge
    is nowhere long enough to go along.
    """
    pixels = _pixels(image)
    pairs = [_steps(pixels, mask), _steps(pixels.swapaxes(0, 1), mask.T)]
    across, along = (np.concatenate(some) for some in zip(*pairs, strict=True))
    if not len(across):
        return 1.0
    return float((across.mean() + 1) / (along.mean() + 1)) if len(along) else None


def _steps(pixels: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps between horizontal neighbours across the edge, and the vertical ones beside them."""
    edge = mask[:, 1:] != mask[:, :-1]
    across = np.abs(np.diff(pixels, axis=1)).mean(axis=2)[edge]
    along = np.abs(np.diff(pixels, axis=0)).mean(axis=2)
    beside = edge[:-1] & edge[1:]
    return across, np.concatenate([along[:, 1:][beside], along[:, :-1][beside]])


def oklab(colours: np.ndarray) -> np.ndarray:
    """Return sRGB colours (..., 3) of 0..255 in OKLab, where distances are as they look (Ottosson 2020)."""
    share = np.asarray(colours, dtype=np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    lab: np.ndarray = np.cbrt(linear @ np.array(_TO_CONE).T) @ np.array(_TO_LAB).T
    return lab


def colour_shares(image: Image.Image, mask: np.ndarray | None = None) -> dict[str, float]:
    """Return which share of the pixels of a picture, or of a mask in it, each basic colour word describes best."""
    pixels = _pixels(image)[mask if mask is not None else slice(None)].reshape(-1, 3)
    counts = np.bincount(_nearest(pixels), minlength=len(COLOURS)) / max(len(pixels), 1)
    return dict(zip(COLOURS, counts.tolist(), strict=True))


def colour_agreement(image: Image.Image, word: str, mask: np.ndarray | None = None) -> float | None:
    """Return how well a colour word describes what a mask shows: its share over the commonest colour's, 0..1.

    None when the word is no colour. Black, white and grey are no rivals of a colour: outlines and eyes have them.
    """
    basic = basic_colour(word)
    if basic is None:
        return None
    shares = colour_shares(image, mask)
    rivals = shares if basic in NEUTRAL else [name for name in shares if name not in NEUTRAL]
    return shares[basic] / max(*(shares[name] for name in rivals), 1e-9)


def main_colour(image: Image.Image, mask: np.ndarray | None = None, *, least: float = 0.5) -> str | None:
    """Return the basic word for at least that share of a mask's pixels, None when no colour has so many."""
    word, share = max(colour_shares(image, mask).items(), key=lambda item: item[1])
    return word if share >= least else None


def basic_colour(word: str) -> str | None:
    """Return the basic word of colour words: of "light blue", or of "navy" as CSS knows it; None when they are none."""
    *_, last = word.lower().split() or ("",)
    name = ALIASES.get(last, last)
    if name in SHADES:
        return name
    try:
        rgb = ImageColor.getrgb(name.replace(" ", ""))[:3]
    except ValueError:
        return None
    return COLOURS[int(_nearest(np.array([rgb]))[0])]


def _nearest(pixels: np.ndarray) -> np.ndarray:
    """Return the indices of the basic words nearest to pixels (N, 3), rounded to 32 levels a channel."""
    red, green, blue = (pixels >> 3).T
    found: np.ndarray = _words()[red, green, blue]
    return found


@cache
def _words() -> np.ndarray:
    """Return the index of the nearest basic word, (32, 32, 32), of colours in steps of eight."""
    shades = oklab(np.concatenate([np.array(some) for some in SHADES.values()])) * (_LIGHTNESS, 1, 1)
    owner = np.repeat(np.arange(len(SHADES)), [len(some) for some in SHADES.values()])
    levels = np.stack(np.meshgrid(*[np.arange(4, 256, 8)] * 3, indexing="ij"), axis=-1)
    space = oklab(levels) * (_LIGHTNESS, 1, 1)
    words: np.ndarray = owner[((space[..., None, :] - shades) ** 2).sum(axis=-1).argmin(axis=-1)]
    return words


def _pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"), dtype=int)
