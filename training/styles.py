"""Painterly styles: each turns pictures (B, 3, S, S) in 0..1 into the same scene in another hand."""

import torch
import torch.nn.functional as F
from torch import Tensor

from training.backgrounds import noise


def _blur(image: Tensor, radius: int) -> Tensor:
    padded = F.pad(image, (radius,) * 4, mode="replicate")
    return F.avg_pool2d(padded, 2 * radius + 1, stride=1)


def _grey(image: Tensor) -> Tensor:
    weights = torch.tensor([0.299, 0.587, 0.114], device=image.device).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True)


def _edges(image: Tensor) -> Tensor:
    padded = F.pad(_grey(image), (1, 1, 1, 1), mode="replicate")
    dx = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
    dy = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
    return (dx.abs() + dy.abs()).clamp(0, 1)


def _pencil(image: Tensor, rng: torch.Generator) -> Tensor:
    paper = 0.5 * image + 0.5 * _grey(image)
    size = image.shape[-1]
    hatch = torch.sin(
        (torch.arange(size, device=image.device).view(-1, 1) + torch.arange(size, device=image.device)) * 1.6
    )
    light = 0.45 + 0.55 * paper
    return light - 1.6 * _edges(image) - 0.05 * hatch.clamp(min=0) * (1 - _grey(image)) * 2


def _watercolour(image: Tensor, rng: torch.Generator) -> Tensor:
    wet = _blur(image, max(1, image.shape[-1] // 96))
    stain = noise(len(image), 7, image.shape[-1], rng) * 0.1
    return 0.22 + 0.78 * wet + stain - 0.35 * _edges(wet)


def _pixel_art(image: Tensor, rng: torch.Generator) -> Tensor:
    cells = F.adaptive_avg_pool2d(image, 42)
    return F.interpolate((cells * 7).round() / 7, size=image.shape[-2:], mode="nearest")


def _neon(image: Tensor, rng: torch.Generator) -> Tensor:
    glow = _blur(_edges(image), 1) * 2.5
    vivid = image - _grey(image)
    return (
        0.22 * image
        + glow * (0.55 + 1.6 * vivid)
        + torch.tensor([0.03, 0.0, 0.08], device=image.device).view(1, 3, 1, 1)
    )


def _sepia(image: Tensor, rng: torch.Generator) -> Tensor:
    return _grey(image) * torch.tensor([1.05, 0.86, 0.62], device=image.device).view(1, 3, 1, 1) + 0.04


def _oil(image: Tensor, rng: torch.Generator) -> Tensor:
    high = F.max_pool2d(image, 3, 1, 1)
    low = -F.max_pool2d(-image, 3, 1, 1)
    strokes = noise(len(image), 24, image.shape[-1], rng)
    return torch.where(strokes > 0, high, low) * 0.92 + 0.06 * strokes


def _comic(image: Tensor, rng: torch.Generator) -> Tensor:
    flat = (image * 4).round() / 4
    return flat * (1 - (3 * _edges(_blur(image, 1)) - 0.2).clamp(0, 1))


def _monochrome(image: Tensor, rng: torch.Generator) -> Tensor:
    return _grey(image).expand_as(image)


def _pastel(image: Tensor, rng: torch.Generator) -> Tensor:
    return 0.5 + 0.5 * _blur(image, 1)


STYLES = {
    "pencil": _pencil, "watercolour": _watercolour, "pixel art": _pixel_art, "neon": _neon, "sepia": _sepia,
    "oil": _oil, "comic": _comic, "black and white": _monochrome, "pastel": _pastel,
}  # fmt: skip
NAMES = ["flat", *STYLES]


def apply(images: Tensor, names: list[str], rng: torch.Generator) -> Tensor:
    """Return the pictures, each in the style of its name ("flat" leaves it)."""
    out = images.clone()
    for name, draw in STYLES.items():
        if chosen := [i for i, n in enumerate(names) if n == name]:
            out[chosen] = draw(images[chosen], rng)
    return out.clamp(0, 1)
