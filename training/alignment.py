"""What each token of a drawn scene shows, and a head that reads it off a block: it teaches the block where it is."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.latents import read_scene
from training.scenes import COLOURS, MATERIALS

LOOKS = {name: number for number, name in enumerate(["", *COLOURS, *MATERIALS])}


@dataclass(frozen=True, eq=False)
class Sight:
    """What B pictures show at each of their T tokens.

    Nouns (B, T), the number of nouns where there is no thing; looks (B, T); and the place within the thing's glyph
    (B, T, 2) in -1..1, mirrored as the glyph is.
    """

    nouns: Tensor
    looks: Tensor
    places: Tensor

    def to(self, device: torch.device) -> "Sight":
        """Return the same on a device."""
        return Sight(self.nouns.to(device), self.looks.to(device), self.places.to(device))


def sight(rows: list[dict], side: int, nothing: int) -> Sight:
    """Return what pictures of side x side tokens show, from their stored scenes."""
    nouns = torch.full((len(rows), side, side), nothing)
    looks = torch.zeros(len(rows), side, side, dtype=torch.long)
    places = torch.zeros(len(rows), side, side, 2)
    centres = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    for b, row in enumerate(rows):
        for thing, packed in zip(read_scene(row).things, row["shapes"], strict=True):
            bits = np.unpackbits(np.frombuffer(bytes.fromhex(packed), np.uint8))[: 4 * side * side]
            on = torch.from_numpy(bits.reshape(side, 2, side, 2).sum((1, 3)) >= 2)
            nouns[b][on], looks[b][on] = thing.noun, LOOKS[thing.colour or thing.material]
            across = (x - thing.cx) * (-2 if thing.flip else 2) / thing.size
            places[b][on] = torch.stack([across, (y - thing.cy) * 2 / thing.size], -1)[on]
    return Sight(nouns.flatten(1), looks.flatten(1), places.flatten(1, 2))


class Head(nn.Module):
    """Reads noun, look and place off the image tokens of a block (B, S, C)."""

    def __init__(self, width: int, nouns: int) -> None:
        super().__init__()
        self.sizes = (nouns + 1, len(LOOKS), 2)
        self.layers = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, sum(self.sizes))
        )

    def losses(self, states: Tensor, seen: Sight) -> tuple[Tensor, Tensor]:
        """Return how badly nouns (with looks) and places are read."""
        noun, look, place = self.layers(states[:, -seen.nouns.shape[1] :].float()).split(self.sizes, -1)
        on = (seen.nouns < self.sizes[0] - 1).float()
        nouns = F.cross_entropy(noun.flatten(0, 1), seen.nouns.flatten())
        looks = F.cross_entropy(look.flatten(0, 1), seen.looks.flatten(), reduction="none").view_as(on)
        return nouns + (looks * on).mean(), ((place - seen.places).pow(2).sum(-1) * on).mean()
