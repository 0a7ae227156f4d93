"""What one training step of entity control sees, and the drawn scenes as a source of it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, Self, TypeVar

import numpy as np
import torch
from torch import Tensor

from eligen.tools.masks import token_masks
from eligen.tools.padding import merge_pads
from eligen.tools.regions import Regions
from training.captions import entity_prompt
from training.latents import Encoders, Pool, read_scene
from training.scenes import World

METADATA = ("metadata.json", "metadata.jsonl")


@dataclass(frozen=True, eq=False)
class Batch:
    """B pictures of one size with N entities each, N perhaps 0.

    Latents (B, C, h, w) in model scale, embeddings (B, L, D) and (B, P) of the global prompts and (B, N, L', D) of the
    entities', and bool latent cells (B, N, h, w) where each entity is. `bias` (N * L' + L,) is the log of how many
    tokens each of the texts' stands for, None where each stands for itself.
    """

    latents: Tensor
    text: Tensor
    pooled: Tensor
    entities: Tensor
    cells: Tensor
    bias: Tensor | None = field(default=None, kw_only=True)

    def to(self, device: torch.device) -> Self:
        """Return the batch on a device; the bias stays in main memory."""
        moved = {
            name: tensor.to(device) for name, tensor in vars(self).items() if tensor is not None and name != "bias"
        }
        return replace(self, **moved)

    @property
    def states(self) -> Tensor:
        """Return the text sequence (B, N * L' + L, D): the entities' prompts, then the global one."""
        return torch.cat([self.entities.flatten(1, 2), self.text], 1)

    @property
    def regions(self) -> Regions | None:
        """Return who may attend to whom, None where everything may to everything alike."""
        batch, count = self.cells.shape[:2]
        if not count and self.bias is None:
            return None
        tokens = token_masks(self.cells.flatten(0, 1)).unflatten(0, (batch, count))
        return Regions(tokens, (self.entities.shape[2],) * count + (self.text.shape[1],), self.bias, "dense")


AnyBatch = TypeVar("AnyBatch", bound=Batch)


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
        self.side: int = self.pool.latents[0].shape[-1]
        self.rows: dict[int, list[tuple[int, int]]] = {}
        for shard, row in self.pool.where:
            if count := len(self.pool.rows[shard][row]["things"]):
                self.rows.setdefault(count, []).append((shard, row))

    def pick(self, count: int, rng: random.Random) -> tuple[Tensor, list[dict]]:
        """Return latents (count, C, h, w) and rows of random scenes with the same number of things."""
        sizes = list(self.rows)
        things = rng.choices(sizes, [len(self.rows[n]) * n**0.5 for n in sizes])[0]
        chosen = [rng.choice(self.rows[things]) for _ in range(count)]
        latents = torch.from_numpy(np.stack([self.pool.latents[s][i] for s, i in chosen])).float()
        return latents, [self.pool.rows[s][i] for s, i in chosen]

    def batch(self, count: int, rng: random.Random, *, silent: bool = False) -> Batch:
        """Return random scenes with the same number of things, crowded ones more often than they occur."""
        latents, rows = self.pick(count, rng)
        return self.captioned(latents, [""] * count) if silent else self.told(latents, rows, rng)

    def captioned(self, latents: Tensor, captions: list[str]) -> Batch:
        """Return pictures that only a global prompt describes."""
        batch = without_entities(latents, *self.encoders.text(captions))
        return shortened(batch, self.encoders.count(captions))

    def told(self, latents: Tensor, rows: list[dict], rng: random.Random) -> Batch:
        """Return pictures of rows with the same number of things, with what and where those are."""
        captions = self.pool.say(rows, rng)
        text, pooled = self.encoders.text(captions)
        prompts = [entity_prompt(self.world, thing, rng) for row in rows for thing in read_scene(row).things]
        entities = self.encoders.tokens(prompts, self.ENTITY_LENGTH).unflatten(0, (len(rows), -1))
        cells = torch.stack([scene_cells(row, latents.shape[-1], rng) for row in rows])
        batch = Batch(latents, text, pooled, entities, cells)
        return shortened(batch, self.encoders.count(captions), self.encoders.count(prompts))


def without_entities(latents: Tensor, text: Tensor, pooled: Tensor) -> Batch:
    """Return the batch of pictures (B, C, h, w) that only a global prompt describes."""
    batch, _, rows, columns = latents.shape
    cells = torch.zeros(batch, 0, rows, columns, dtype=torch.bool)
    return Batch(latents, text, pooled, text.new_zeros(batch, 0, 1, text.shape[2]), cells)


def shortened(batch: AnyBatch, words: Sequence[int], entity_words: Sequence[int] = ()) -> AnyBatch:
    """Return the batch with its texts' pads merged: of each text so many tokens are words, entities row by row."""
    text, bias = merge_pads(batch.text, words)
    entities, biases = batch.entities, [bias[0]]
    if count := entities.shape[1]:
        each, own = merge_pads(entities.flatten(0, 1), entity_words)
        entities, biases = each.unflatten(0, (len(text), count)), [own[0]] * count + biases
    return replace(batch, text=text, entities=entities, bias=torch.cat(biases))


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
    """Return the tight box, or one up to 60 % wider or higher: the thing is in its middle and fills it one way."""
    if rng.random() < 0.6:
        return tuple(box)
    axis = rng.randrange(2)
    low, high = box[axis], box[axis + 2]
    room = min((high - low) * 0.3 * rng.random(), low, 1 - high)
    grown = list(box)
    grown[axis], grown[axis + 2] = low - room, high + room
    return tuple(grown)
