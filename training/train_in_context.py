"""Train the In-Context LoRA: python -m training.train_in_context --minutes 25 --data DIR.

DIR holds drawn scenes made by training.latents. A canvas has a scene on the right and, on the left, one of its things
drawn again: of the same noun and colouring, of another size and turn, on another background. What counts is the thing's
mask on the right, which the words do not describe: its look has to come from the left. Positions are the scene's own,
which the base knows; the reference lies left of them. The base and its EliGen LoRA
are frozen; the LoRA (rank 16) sits on the image's side of the attention. After either has changed, train again.
"""

import argparse
import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import FluxTransformer2DModel
from torch import Tensor, nn

from eligen.tools.errors import UserError
from eligen.tools.lora import adapt, read
from eligen.tools.profiles import IN_CONTEXT_FILE, get_profile
from eligen.tools.transfer import in_words
from training import backgrounds
from training.captions import PLACES, caption, noun_phrase
from training.entity_batches import Batch, scene_cells, shortened, without_entities
from training.latents import Encoders, Pool, pack, read_scene
from training.lora_training import (
    Times,
    add_lora,
    fit,
    flow_error,
    load_base,
    lora_options,
    make_accelerator,
    shifted,
)
from training.scenes import Scene, Thing, World
from training.styles import STYLES
from training.train_eligen_lora import NAME

RANK = 16
MODULES = (
    r"transformer_blocks\.\d+\.(attn\.(to_[qkv]|to_out\.0)|ff\.net\.(0\.proj|2))"
    r"|single_transformer_blocks\.\d+\.(attn\.to_[qkv]|proj_out)"
)
SMALLEST = 0.03  # of the picture, for a thing's box
USUAL = 6  # one thing of so many that have no colouring of their own is shown
SAID = 0.2  # share of things whose colouring the words say too
HELD_OUT = 8  # one look of so many is never shown


def held_out(noun: str, colouring: str) -> bool:
    """Return whether a noun in a colouring is kept for judging."""
    return bool(colouring) and zlib.crc32(f"{colouring} {noun}".encode()) % HELD_OUT == 0


def alone(thing: Thing, rng: random.Random) -> Scene:
    """Return a thing of the same look that fills most of a picture of its own."""
    size = rng.uniform(0.6, 0.95)
    shift = (1 - size) / 2
    cx, cy = (0.5 + rng.uniform(-shift, shift) for _ in range(2))
    style = "flat" if rng.random() < 0.9 else rng.choice(list(STYLES))
    turned = Thing(thing.noun, cx, cy, size, thing.colour, thing.material, rng.random() < 0.5, rng.gauss(0, 5))
    return Scene((turned,), rng.choice(backgrounds.NAMES), style)


@dataclass(frozen=True, eq=False)
class Canvases(Batch):
    """A batch of canvases; `painted` are the latent cells that count, bool (B, h, 2w)."""

    painted: Tensor


class Panels:
    """Canvases of drawn scenes: latents of the scenes from a folder, of the references drawn as they are needed."""

    ENTITY_LENGTH = 16

    def __init__(self, data: Path, model: Path, device: str, seed: int) -> None:
        self.world, self.template = World(device), get_profile("mini").two_panels
        self.pool, self.encoders = Pool(data, self.world), Encoders(model, device, 64)
        self.generator = torch.Generator(device).manual_seed(seed)
        self.places = [(shard, row, at) for shard, row in self.pool.where for at in self._shown(shard, row)]
        if not self.places:
            raise UserError(f"{data} holds no thing to show")

    def _shown(self, shard: int, row: int) -> Iterator[int]:
        """Yield which things of a stored scene may be shown: those large enough, few of them in their usual colours."""
        stored = self.pool.rows[shard][row]
        for at, (thing, (x0, y0, x1, y1)) in enumerate(zip(read_scene(stored).things, stored["boxes"], strict=True)):
            look = thing.colour or thing.material
            usual = not look and (row + at) % USUAL
            if (x1 - x0) * (y1 - y0) > SMALLEST and not usual and not held_out(self._noun(thing), look):
                yield at

    def _noun(self, thing: Thing) -> str:
        return str(self.world.nouns[thing.noun]["noun"])

    def batch(self, count: int, rng: random.Random, *, silent: bool = False) -> Batch:
        """Return canvases (count, C, h, 2w), their words, and the mask of one thing in each right panel."""
        chosen = [rng.choice(self.places) for _ in range(count)]
        rows = [self.pool.rows[shard][row] for shard, row, _ in chosen]
        scenes = [read_scene(row) for row in rows]
        things = [scene.things[at] for scene, (_, _, at) in zip(scenes, chosen, strict=True)]
        right = torch.from_numpy(np.stack([self.pool.latents[shard][row] for shard, row, _ in chosen])).float()
        side = right.shape[-1]
        images, _ = self.world.draw([alone(thing, rng) for thing in things], side * 8, self.generator)
        latents = torch.cat([self.encoders.encode(images).cpu(), right], 3)
        masks = torch.stack([scene_cells(row, side, rng)[at] for row, (_, _, at) in zip(rows, chosen, strict=True)])
        painted = torch.cat([torch.zeros_like(masks), masks], 2)
        if silent:
            quiet = Canvases(**vars(without_entities(latents, *self.encoders.text([""] * count))), painted=painted)
            return shortened(quiet, [1] * count)
        prompts = [self._name(thing, rng) for thing in things]
        said = [self._scene(scene, rng) for scene in scenes]
        texts = [in_words(self.template, prompt, scene) for prompt, scene in zip(prompts, said, strict=True)]
        entities = self.encoders.tokens(prompts, self.ENTITY_LENGTH)[:, None]
        canvases = Canvases(latents, *self.encoders.text(texts), entities, painted[:, None], painted)
        return shortened(canvases, self.encoders.count(texts), self.encoders.count(prompts))

    def _name(self, thing: Thing, rng: random.Random) -> str:
        """Return words for a thing, most of the time without its colouring."""
        plain = Thing(thing.noun, thing.cx, thing.cy, thing.size)
        return noun_phrase(self.world, thing if rng.random() < SAID else plain, rng)

    def _scene(self, scene: Scene, rng: random.Random) -> str:
        """Return words for a scene: all of it, or its background and style as a layout has them."""
        if rng.random() < 0.2:
            return caption(self.world, scene, rng).text
        tint = scene.background.removeprefix("plain ")
        where = rng.choice((*PLACES.get(scene.background, ()), f"on a {tint} background", tint))
        return where if scene.style == "flat" else f"{where}, {scene.style}"


def painted_loss(model: nn.Module, batch: Canvases, times: Times = shifted, guidance: float | None = None) -> Tensor:
    """Return the mean squared error of the predicted velocity under the masks, weighted."""
    beside = -(batch.latents.shape[-1] // 4)  # columns of tokens that the reference takes, left of the picture
    error, weight = flow_error(model, batch, times, guidance, left=beside)
    on = pack(batch.painted[:, None].expand(-1, batch.latents.shape[1], -1, -1).float())
    return ((error * on).sum((1, 2)) / on.sum((1, 2)).clamp(min=1) * weight).mean()


def merge(model: FluxTransformer2DModel, path: Path) -> None:
    """Add a LoRA file to the weights of a float32 model for good."""
    for name, part in adapt(*read(path), model).items():
        layer = model.get_submodule(name)
        layer.weight.data += part.alpha / part.rank * part.up.float() @ part.down.float()


def options() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = lora_options(__doc__ or "", str(IN_CONTEXT_FILE), batch=32, times="shifted")
    parser.add_argument("--data", type=Path, required=True, help="folder made by training.latents")
    parser.add_argument("--eligen", type=Path, help=f"the EliGen LoRA to train beside; by default {NAME} of the model")
    return parser


def train(args: argparse.Namespace) -> None:
    """Train as the command line says; UserError for what does not fit together."""
    accelerator = make_accelerator(args)
    lora = args.lora or args.model / IN_CONTEXT_FILE
    source = Panels(args.data, args.model, str(accelerator.device), args.seed + accelerator.process_index)
    base = load_base(args.model, args.dtype, args.quantization)
    merge(base, args.eligen or args.model / NAME)
    torch.manual_seed(args.seed)
    trained = add_lora(base.to(accelerator.device), None if args.fresh else lora, MODULES, RANK)
    fit(args, accelerator, base, trained, source, painted_loss, lora)


def main(arguments: Sequence[str] | None = None) -> None:
    try:
        train(options().parse_args(arguments))
    except UserError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
