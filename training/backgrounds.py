"""Painted backgrounds: one formula (two gradients that meet at a wavy horizon) and a few details on top."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Background:
    """Colours of sky and ground (top, bottom), where they meet and how, and the details painted over them."""

    sky: tuple[Rgb, Rgb]
    ground: tuple[Rgb, Rgb]
    horizon: float = 0.5
    waves: float = 0.02
    grain: float = 0.06
    detail: str = ""


BACKGROUNDS: dict[str, Background] = {
    "plain": Background(((0.93, 0.92, 0.88),) * 2, ((0.93, 0.92, 0.88),) * 2, grain=0.0),
    "white": Background(((1, 1, 1),) * 2, ((1, 1, 1),) * 2, grain=0.0),
    "meadow": Background(((0.45, 0.7, 0.95), (0.8, 0.92, 1)), ((0.5, 0.78, 0.35), (0.25, 0.58, 0.2)), detail="clouds"),
    "beach": Background(((0.4, 0.72, 0.95), (0.75, 0.92, 1)), ((0.98, 0.9, 0.68), (0.9, 0.78, 0.5)), detail="shore"),
    "sea": Background(
        ((0.55, 0.8, 0.97), (0.85, 0.95, 1)), ((0.15, 0.5, 0.75), (0.03, 0.25, 0.5)), 0.45, detail="ripples"
    ),
    "underwater": Background(
        ((0.2, 0.65, 0.8), (0.05, 0.35, 0.6)), ((0.5, 0.5, 0.4), (0.3, 0.33, 0.3)), 0.85, detail="bubbles"
    ),
    "night": Background(
        ((0.02, 0.03, 0.15), (0.12, 0.12, 0.35)), ((0.06, 0.12, 0.12), (0.03, 0.06, 0.07)), 0.8, detail="stars"
    ),
    "sky": Background(((0.3, 0.6, 0.95), (0.65, 0.85, 1)), ((0.65, 0.85, 1), (0.75, 0.9, 1)), 0.9, detail="clouds"),
    "sunset": Background(
        ((0.4, 0.2, 0.5), (1, 0.6, 0.3)), ((0.5, 0.25, 0.3), (0.25, 0.12, 0.2)), 0.62, detail="sunglow"
    ),
    "snow": Background(
        ((0.72, 0.8, 0.9), (0.88, 0.93, 0.98)), ((0.95, 0.97, 1), (0.85, 0.9, 0.97)), 0.5, 0.05, 0.02, "flakes"
    ),
    "forest": Background(
        ((0.35, 0.6, 0.4), (0.55, 0.75, 0.5)), ((0.3, 0.42, 0.2), (0.2, 0.3, 0.12)), 0.6, detail="trunks"
    ),
    "desert": Background(((0.55, 0.78, 0.95), (0.95, 0.9, 0.75)), ((0.93, 0.75, 0.45), (0.8, 0.58, 0.3)), 0.5, 0.07),
    "mountains": Background(
        ((0.5, 0.72, 0.95), (0.85, 0.92, 1)), ((0.45, 0.62, 0.4), (0.3, 0.5, 0.28)), 0.62, 0.03, detail="peaks"
    ),
    "street": Background(
        ((0.6, 0.78, 0.92), (0.82, 0.9, 0.95)), ((0.5, 0.5, 0.52), (0.35, 0.35, 0.38)), 0.6, 0, detail="road"
    ),
    "city": Background(
        ((0.7, 0.8, 0.92), (0.92, 0.9, 0.88)), ((0.6, 0.6, 0.62), (0.48, 0.48, 0.5)), 0.7, 0, detail="towers"
    ),
    "room": Background(
        ((0.93, 0.85, 0.72), (0.9, 0.8, 0.66)), ((0.68, 0.47, 0.3), (0.55, 0.36, 0.22)), 0.62, 0, 0.03, "planks"
    ),
    "kitchen": Background(
        ((0.85, 0.93, 0.93), (0.8, 0.9, 0.9)), ((0.78, 0.74, 0.68), (0.66, 0.62, 0.58)), 0.62, 0, 0.02, "tiles"
    ),
    "space": Background(
        ((0.02, 0.0, 0.08), (0.1, 0.03, 0.2)), ((0.1, 0.03, 0.2), (0.03, 0.02, 0.1)), 0.6, 0.1, detail="stars"
    ),
}
TINTS: dict[str, Rgb] = {
    "red": (0.88, 0.35, 0.32), "orange": (0.97, 0.65, 0.3), "yellow": (0.98, 0.9, 0.45), "green": (0.5, 0.78, 0.45),
    "blue": (0.42, 0.62, 0.9), "purple": (0.65, 0.47, 0.8), "pink": (0.98, 0.72, 0.8), "brown": (0.62, 0.45, 0.32),
    "black": (0.1, 0.1, 0.11), "gray": (0.6, 0.6, 0.61),
}  # fmt: skip
NAMES = [*BACKGROUNDS, *(f"plain {tint}" for tint in TINTS)]


def named(name: str) -> Background:
    """Return the background of that name; `plain COLOUR` is one tint all over."""
    if name.startswith("plain ") and (tint := TINTS.get(name.removeprefix("plain "))):
        return Background((tint, tint), (tint, tint), grain=0.0)
    return BACKGROUNDS[name]


def noise(batch: int, cells: int, size: int, rng: torch.Generator) -> Tensor:
    """Return smooth noise (batch, 1, size, size), about -1..1, with that many cells a side."""
    grid = torch.rand(batch, 1, cells + 1, cells + 1, generator=rng, device=rng.device) * 2 - 1
    return F.interpolate(grid, size=(size, size), mode="bicubic", align_corners=True)


def paint(names: list[str], size: int, rng: torch.Generator) -> Tensor:
    """Return backgrounds (len(names), 3, size, size) in 0..1 on the generator's device."""
    kinds, b, device = [named(n) for n in names], len(names), rng.device

    def colours(values: list[Rgb]) -> Tensor:
        jitter = (torch.rand(b, 3, generator=rng, device=device) - 0.5) * 0.1
        return (torch.tensor(values, device=device, dtype=torch.float32) + jitter).clamp(0, 1)[:, :, None, None]

    def numbers(values: list[float]) -> Tensor:
        return torch.tensor(values, device=device, dtype=torch.float32).view(b, 1, 1, 1)

    axis = (torch.arange(size, device=device) + 0.5) / size
    y, x = axis.view(1, 1, size, 1), axis.view(1, 1, 1, size)
    wobble = noise(b, 3, size, rng)[:, :, :1] * numbers([k.waves for k in kinds])
    lift = (torch.rand(b, 1, 1, 1, generator=rng, device=device) - 0.5) * 0.16
    horizon = (numbers([k.horizon for k in kinds]) + lift + wobble).clamp(0.05, 0.97)
    sky = torch.lerp(colours([k.sky[0] for k in kinds]), colours([k.sky[1] for k in kinds]), (y / horizon).clamp(0, 1))
    depth = ((y - horizon) / (1 - horizon)).clamp(0, 1)
    ground = torch.lerp(colours([k.ground[0] for k in kinds]), colours([k.ground[1] for k in kinds]), depth)
    grain = noise(b, 12, size, rng) * numbers([k.grain for k in kinds])
    below = ((y - horizon) * size).clamp(0, 1)
    image = torch.lerp(sky, ground + grain, below)
    flat = [i for i, n in enumerate(names) if n == "white" or n.startswith("plain")]
    image[flat] = ground[flat].mean(dim=(2, 3), keepdim=True).expand(-1, -1, size, size)
    for detail, draw in DETAILS.items():
        if chosen := [i for i, kind in enumerate(kinds) if kind.detail == detail]:
            image[chosen] = draw(image[chosen], x, y, horizon[chosen], rng)
    return image.clamp(0, 1)


def _rand(n: int, *shape: int, rng: torch.Generator) -> Tensor:
    return torch.rand(n, *shape, generator=rng, device=rng.device)


def _over(image: Tensor, colour: Rgb, alpha: Tensor) -> Tensor:
    paint_ = torch.tensor(colour, device=image.device, dtype=image.dtype).view(1, 3, 1, 1)
    return torch.lerp(image, paint_.expand_as(image), alpha.expand_as(image))


def _clouds(image: Tensor, x: Tensor, y: Tensor, horizon: Tensor, rng: torch.Generator) -> Tensor:
    puffs = (noise(len(image), 5, image.shape[-1], rng) * 3 - 0.9).clamp(0, 1) * (y < horizon - 0.08)
    return _over(image, (1, 1, 1), puffs * 0.8)


def _shore(image: Tensor, x: Tensor, y: Tensor, horizon: Tensor, rng: torch.Generator) -> Tensor:
    surf = 0.16 + 0.03 * torch.sin(x * 12 + _rand(len(image), 1, 1, 1, rng=rng) * 6)
    return _over(image, (0.2, 0.6, 0.8), ((y > horizon) & (y < horizon + surf)).float())


def _ripples(image: Tensor, x: Tensor, y: Tensor, horizon: Tensor, rng: torch.Generator) -> Tensor:
    phase = _rand(len(image), 1, 1, 1, rng=rng) * 6
    lines = (torch.sin(y * 90 + torch.sin(x * 14 + phase) * 1.5) > 0.75) & (y > horizon)
    return _over(image, (0.6, 0.85, 0.95), lines.float() * 0.45)


def _bubbles(image: Tensor, x: Tensor, y: Tensor, horizon: Tensor, rng: torch.Generator) -> Tensor:
    rays = (torch.sin(x * 9 + y * 3 + _rand(len(image), 1, 1, 1, rng=rng) * 6) > 0.6) & (y < horizon)
    return _over(image, (0.7, 0.95, 1), rays.float() * 0.15)


def _stars(image: Tensor, x: Tensor, y: Tensor, horizon: Tensor, rng: torch.Generator) -> Tensor:
    cells = image.shape[-1] // 4
    dots = (_rand(len(image), 1, cells, cells, rng=rng) > 0.975).float()
    dots = F.interpolate(dots, size=image.shape[-2:], mode="bilinear", align_corners=False)
    return _over(image, (1, 1, 0.9), dots * (y < horizon))


def _sunglow(image: Tensor, x: Tensor, y: Tensor, horizon: Tensor, rng: torch.Generator) -> Tensor:
    centre = 0.3 + 0.4 * _rand(len(image), 1, 1, 1, rng=rng)
    distance = ((x - centre) ** 2 + (y - horizon) ** 2).sqrt()
    return _over(image, (1, 0.85, 0.5), ((0.3 - distance) * 3).clamp(0, 1) * (y < horizon))


def _flakes(image: Tensor, x: Tensor, y: Tensor, horizon: Tensor, rng: torch.Generator) -> Tensor:
    cells = image.shape[-1] // 5
    dots = (_rand(len(image), 1, cells, cells, rng=rng) > 0.95).float()
    return _over(image, (1, 1, 1), F.interpolate(dots, size=image.shape[-2:], mode="bilinear", align_corners=False))


def _trunks(image: Tensor, x: Tensor, y: Tensor, horizon: Tensor, rng: torch.Generator) -> Tensor:
    phase, pace = _rand(len(image), 1, 1, 1, rng=rng) * 6, 30 + 12 * _rand(len(image), 1, 1, 1, rng=rng)
    trunks = (torch.sin(x * pace + phase + 0.5 * torch.sin(x * 7)) > 0.72) & (y < horizon + 0.06)
    image = _over(image, (0.36, 0.25, 0.16), trunks.float())
    leaves = (noise(len(image), 9, image.shape[-1], rng) + 0.9 - y * 3.2).clamp(0, 0.25) * 4
    return _over(image, (0.16, 0.42, 0.2), leaves)


def _peaks(image: Tensor, x: Tensor, y: Tensor, horizon: Tensor, rng: torch.Generator) -> Tensor:
    offset = _rand(len(image), 1, 1, 1, rng=rng)
    saw = ((x * 2.5 + offset) % 1 - 0.5).abs() * 2
    top = horizon - 0.1 - 0.28 * (1 - saw)
    image = _over(image, (0.47, 0.48, 0.56), ((y > top) & (y < horizon)).float())
    return _over(image, (0.96, 0.97, 1), ((y > top) & (y < top + 0.09 * (1 - saw)) & (y < horizon)).float())


def _road(image: Tensor, x: Tensor, y: Tensor, horizon: Tensor, rng: torch.Generator) -> Tensor:
    walls = ((x * 4 + _rand(len(image), 1, 1, 1, rng=rng)) % 1 < 0.92) & (y > horizon - 0.3) & (y < horizon - 0.04)
    image = _over(image, (0.78, 0.62, 0.52), walls.float())
    image = _over(image, (0.75, 0.75, 0.74), ((y > horizon - 0.04) & (y < horizon + 0.03)).float())
    dashes = ((x * 5) % 1 < 0.55) & ((y - (horizon + 1) / 2).abs() < 0.013)
    return _over(image, (0.97, 0.95, 0.85), dashes.float())


def _towers(image: Tensor, x: Tensor, y: Tensor, horizon: Tensor, rng: torch.Generator) -> Tensor:
    n, size = len(image), image.shape[-1]
    heights = F.interpolate(_rand(n, 1, 1, 8, rng=rng), size=(1, size), mode="nearest") * 0.35 + 0.15
    shade = F.interpolate(_rand(n, 1, 1, 8, rng=rng), size=(1, size), mode="nearest") * 0.2
    tower = ((y > horizon - heights) & (y < horizon)).float()
    image = torch.lerp(image, (0.42 + shade).expand_as(image), tower.expand_as(image))
    panes = ((x * 32) % 1 > 0.55) & ((y * 24) % 1 > 0.55)
    return _over(image, (0.98, 0.93, 0.65), tower * panes * 0.7)


def _planks(image: Tensor, x: Tensor, y: Tensor, horizon: Tensor, rng: torch.Generator) -> Tensor:
    seams = ((y * 16) % 1 < 0.1) & (y > horizon)
    image = _over(image, (0.35, 0.22, 0.12), seams.float() * 0.6)
    return _over(image, (0.98, 0.96, 0.92), ((y > horizon - 0.035) & (y < horizon)).float())


def _tiles(image: Tensor, x: Tensor, y: Tensor, horizon: Tensor, rng: torch.Generator) -> Tensor:
    seams = (((x * 10) % 1 < 0.08) | ((y * 10) % 1 < 0.08)) & (y < horizon)
    image = _over(image, (0.62, 0.74, 0.76), seams.float() * 0.7)
    return _over(image, (0.5, 0.36, 0.26), ((y > horizon) & (y < horizon + 0.05)).float())


DETAILS = {
    "clouds": _clouds, "shore": _shore, "ripples": _ripples, "bubbles": _bubbles, "stars": _stars, "sunglow": _sunglow,
    "flakes": _flakes, "trunks": _trunks, "peaks": _peaks, "road": _road, "towers": _towers, "planks": _planks,
    "tiles": _tiles,
}  # fmt: skip
