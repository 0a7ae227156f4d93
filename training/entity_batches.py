"""What one training step of entity control sees, and the drawn scenes as a source of it."""

import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import torch
from torch import Tensor

from eligen.tools.masks import token_masks
from eligen.tools.regions import Regions
from training.captions import entity_prompt
from training.latents import Encoders, Pool, read_scene
from training.scenes import World

METADATA = ("metadata.json", "metadata.jsonl")


@dataclass(frozen=True, eq=False)
class Batch:
    """B pictures of one size with N entities each, N perhaps 0.

    Latents (B, C, h, w) in model scale, embeddings (B, L, D) and (B, P) of the global prompts and (B, N, L', D) of the
    entities', and bool latent cells (B, N, h, w) where each entity is.
    """

    latents: Tensor
    text: Tensor
    pooled: Tensor
    entities: Tensor
    cells: Tensor

    def to(self, device: torch.device) -> Self:
        """Return the batch on a device."""
        return replace(self, **{name: tensor.to(device) for name, tensor in vars(self).items()})

    @property
    def states(self) -> Tensor:
        """Return the text sequence (B, N * L' + L, D): the entities' prompts, then the global one."""
        return torch.cat([self.entities.flatten(1, 2), self.text], 1)

    @property
    def regions(self) -> Regions | None:
        """Return who may attend to whom, None without entities."""
        batch, count = self.cells.shape[:2]
        if not count:
            return None
        tokens = token_masks(self.cells.flatten(0, 1)).unflatten(0, (batch, count))
        return Regions(tokens, (self.entities.shape[2],) * count + (self.text.shape[1],))


class Source(Protocol):
    """Where batches come from."""

    def batch(self, count: int, rng: random.Random, *, silent: bool = False) -> Batch:
        """Return random pictures, all of one size and number of entities; `silent` ones without words or entities."""


def metadata_file(folder: Path) -> Path | None:
    """Return the file that makes a folder one of annotated pictures, None where there is none."""
    return next((folder / name for name in METADATA if (folder / name).is_file()), None)


class DrawnScenes:
    """Latents of drawn scenes from a folder made by training.latents, said in fresh words each time."""

    ENTITY_LENGTH = 16

    def __init__(self, data: Path, model: Path, device: str) -> None:
        self.world = World(device)
        self.pool, self.encoders = Pool(data, self.world), Encoders(model, device, 64)
        self.rows: dict[int, list[tuple[int, int]]] = {}
        for shard, row in self.pool.where:
            if count := len(self.pool.rows[shard][row]["things"]):
                self.rows.setdefault(count, []).append((shard, row))

    def batch(self, count: int, rng: random.Random, *, silent: bool = False) -> Batch:
        """Return random scenes with the same number of things, crowded ones more often than they occur."""
        sizes = list(self.rows)
        things = rng.choices(sizes, [len(self.rows[n]) * n**0.5 for n in sizes])[0]
        chosen = [rng.choice(self.rows[things]) for _ in range(count)]
        latents = torch.from_numpy(np.stack([self.pool.latents[s][i] for s, i in chosen])).float()
        rows = [self.pool.rows[s][i] for s, i in chosen]
        if silent:
            text, pooled = self.encoders.text([""] * count)
            return without_entities(latents, text, pooled)
        text, pooled = self.encoders.text(self.pool.say(rows, rng))
        prompts = [entity_prompt(self.world, thing, rng) for row in rows for thing in read_scene(row).things]
        entities = self.encoders.tokens(prompts, self.ENTITY_LENGTH).unflatten(0, (count, things))
        cells = torch.stack([scene_cells(row, latents.shape[-1], rng) for row in rows])
        return Batch(latents, text, pooled, entities, cells)


def without_entities(latents: Tensor, text: Tensor, pooled: Tensor) -> Batch:
    """Return the batch of pictures (B, C, h, w) that only a global prompt describes."""
    batch, _, rows, columns = latents.shape
    cells = torch.zeros(batch, 0, rows, columns, dtype=torch.bool)
    return Batch(latents, text, pooled, text.new_zeros(batch, 0, 1, text.shape[2]), cells)


def scene_cells(row: dict, side: int, rng: random.Random) -> Tensor:
    """Return the entities' latent masks (N, side, side): boxes for most scenes, true shapes for the rest."""
    shaped = rng.random() < 0.3
    out = torch.zeros(len(row["things"]), side, side, dtype=torch.bool)
    for mask, box, packed in zip(out, row["boxes"], row["shapes"], strict=True):
        if shaped:
            bits = np.unpackbits(np.frombuffer(bytes.fromhex(packed), np.uint8))[: side * side]
            mask.copy_(torch.from_numpy(bits.reshape(side, side)).bool())
        else:  # nearest sampling at cell centres, as eligen.tools.masks does with pixels
            x0, y0, x1, y1 = (round(v * side - 0.5 + 1e-4) for v in loosened(box, rng))
            mask[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)] = True
    return out


def loosened(box: list[float], rng: random.Random) -> tuple[float, ...]:
    """Return the tight box, in half of the cases up to 30 % larger on each side."""
    if rng.random() < 0.5:
        return tuple(box)
    x0, y0, x1, y1 = box
    w, h = (x1 - x0) * 0.3, (y1 - y0) * 0.3
    moved = (x0 - w * rng.random(), y0 - h * rng.random(), x1 + w * rng.random(), y1 + h * rng.random())
    return tuple(min(max(v, 0.0), 1.0) for v in moved)
