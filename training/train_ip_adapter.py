"""Train the IP-Adapter that takes over styles: python -m training.train_ip_adapter --minutes 25 --data DIR.

DIR holds drawn scenes made by training.latents. Of each scene the words say everything but the style: that shows in a
reference, another scene drawn in it. The base, its EliGen LoRA and the image encoder (clip/ of the model folder) are
frozen: after any of them has changed, train again. Before anything is painted the projection learns to tell the styles
of the references apart, which takes seconds and saves most of the steps.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import FluxTransformer2DModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from eligen.tools.attention import ImageTokens, regional_attention
from eligen.tools.errors import UserError
from eligen.tools.ip_adapter import ImageProjection, IPAdapter
from eligen.tools.lora import adapt, attach, read
from eligen.tools.manifest import sha256_of
from eligen.tools.profiles import IMAGE_ENCODER_FOLDER, IP_ADAPTER_FILE, MINI
from eligen.tools.styling import ImageEncoder
from training import styles
from training.captions import caption, entity_prompt
from training.common import Clock, Log, MovingAverage, arguments, precision, quick_attention, set_rate
from training.entity_batches import Batch, scene_cells, shortened
from training.latents import Encoders, Pool, read_scene
from training.lora_training import TIMES, flow_error, load_base
from training.scenes import World
from training.train_eligen_lora import NAME

HIDDEN, TOKENS, WIDTH = 192, 4, 64
SAVES = 4


@dataclass(frozen=True, eq=False)
class References:
    """Embeddings (N, E) of drawn scenes and the indices (N,) of their styles."""

    embeds: Tensor
    labels: Tensor

    def pick(self, wanted: Sequence[int], rng: random.Random) -> Tensor:
        """Return the embeddings (B, E) of random references in the wanted styles."""
        return self.embeds[[rng.choice(self.rows[style]) for style in wanted]]

    @cached_property
    def rows(self) -> list[list[int]]:
        """Return where the references of each style are."""
        return [(self.labels == style).nonzero()[:, 0].tolist() for style in range(len(styles.NAMES))]


def draw_references(world: World, encoder: ImageEncoder, side: int, each: int, seed: int) -> References:
    """Return so many references of each style: random scenes on pictures of a side, as the encoder sees them."""
    rng, generator = random.Random(seed), torch.Generator(world.device).manual_seed(seed)
    embeds = []
    for _ in range(each):
        scenes = [replace(world.sample(rng, None, 4), style=name) for name in styles.NAMES]
        images, _ = world.draw(scenes, side, generator)
        seen = F.interpolate(images.cpu(), (encoder.side,) * 2, mode="bicubic", antialias=True)
        embeds.append(encoder(seen.clamp(0, 1)))
    return References(torch.cat(embeds), torch.arange(len(styles.NAMES)).repeat(each))


def kept_references(world: World, folder: Path, runs: Path, side: int, each: int, seed: int) -> References:
    """Return what `draw_references` does for the image encoder in a folder, drawn once and kept among the runs."""
    path = runs / f"references-{sha256_of(folder / 'model.safetensors')[:12]}-{side}-{each}-{seed}.safetensors"
    if path.is_file():
        return References(**load_file(path))
    references = draw_references(world, ImageEncoder(folder, MINI.image_features), side, each, seed)
    runs.mkdir(parents=True, exist_ok=True)
    save_file({"embeds": references.embeds, "labels": references.labels}, path)
    return references


class StyledScenes:
    """Scenes of a folder with entities, each style as often as any other, in words that are silent about it."""

    ENTITY_LENGTH = 16

    def __init__(self, data: Path, model: Path, world: World) -> None:
        self.world, self.pool, self.encoders = world, Pool(data, world), Encoders(model, world.device, 64)
        self.places: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for shard, row in self.pool.where:
            scene = self.pool.rows[shard][row]
            key = len(scene["things"]), styles.NAMES.index(scene["style"])
            self.places.setdefault(key, []).append((shard, row))
        self.side = self.pool.latents[0].shape[-1] * 8
        self.counts = sorted({count for count, _ in self.places if count})
        if not self.counts:
            raise UserError(f"{data} holds no scene with things")

    def batch(self, count: int, rng: random.Random) -> tuple[Batch, list[int]]:
        """Return scenes with the same number of things, and the indices of their styles."""
        things = rng.choice(self.counts)
        known = [style for style in range(len(styles.NAMES)) if (things, style) in self.places]
        wanted = [rng.choice(known) for _ in range(count)]
        chosen = [rng.choice(self.places[things, style]) for style in wanted]
        latents = torch.from_numpy(np.stack([self.pool.latents[s][i] for s, i in chosen])).float()
        rows = [self.pool.rows[s][i] for s, i in chosen]
        scenes = [replace(read_scene(row), style="flat") for row in rows]
        captions = [caption(self.world, scene, rng).text for scene in scenes]
        text, pooled = self.encoders.text(captions)
        prompts = [entity_prompt(self.world, thing, rng) for scene in scenes for thing in scene.things]
        entities = self.encoders.tokens(prompts, self.ENTITY_LENGTH).unflatten(0, (count, things))
        cells = torch.stack([scene_cells(row, latents.shape[-1], rng) for row in rows])
        batch = Batch(latents, text, pooled, entities, cells)
        return shortened(batch, self.encoders.count(captions), self.encoders.count(prompts)), wanted


def new_adapter(base: FluxTransformer2DModel, references: References) -> IPAdapter:
    """Return an adapter that changes nothing yet, whose projection sees the embeddings as equally spread numbers."""
    projection = ImageProjection(references.embeds.shape[1], HIDDEN, TOKENS, WIDTH)
    adapter = IPAdapter.for_transformer(base, projection)
    first, mean, spread = projection.proj[0], references.embeds.mean(0), references.embeds.std(0) + 1e-3
    assert isinstance(first, nn.Linear)
    with torch.no_grad():
        first.weight.div_(spread)
        first.bias.sub_(first.weight @ mean)
        for name, weight in adapter.named_parameters():
            if "to_v_ip" in name:
                weight.zero_()
    return adapter


def tell_apart(projection: ImageProjection, references: References, steps: int) -> float:
    """Train the projection to tell the references' styles apart; return the share that it gets right of them."""
    embeds, labels = references.embeds, references.labels
    head = nn.Linear(TOKENS * WIDTH, len(styles.NAMES))
    optimizer = torch.optim.AdamW([*projection.parameters(), *head.parameters()], lr=2e-3, weight_decay=0.05)
    spread = embeds.std(0)
    for step in range(steps):
        set_rate(optimizer, 2e-3 * (1 - step / steps))
        rows = torch.randint(len(embeds), (256,))
        blurred = embeds[rows] + 0.2 * spread * torch.randn(len(rows), embeds.shape[1])
        loss = F.cross_entropy(head(projection(blurred).flatten(1)), labels[rows], label_smoothing=0.05)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    with torch.no_grad():
        return (head(projection(embeds).flatten(1)).argmax(1) == labels).float().mean().item()


def save_adapter(adapter: IPAdapter, path: Path) -> None:
    """Write the adapter in InstantX's layout, bfloat16."""
    weights = {name: weight.to("cpu", torch.bfloat16).contiguous() for name, weight in adapter.state_dict().items()}
    save_file(weights, path, metadata={"format": "pt"})


def options() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = arguments(__doc__ or "", batch=32, lr=2e-3)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder made by training.latents")
    add("--adapter", type=Path, help=f"file to go on from and to write; by default {IP_ADAPTER_FILE} of the model")
    add("--steps", type=int, help="length of the run in steps instead of minutes")
    add("--references", type=int, default=200, help="references of each style")
    add("--lessons", type=int, default=600, help="steps in which a new projection learns to tell styles apart")
    add("--blind", type=float, default=0.1, help="share of scenes without a reference, for guidance")
    add("--times", choices=TIMES, default="shifted", help="noise levels and their weights")
    return parser


def train(args: argparse.Namespace) -> None:
    """Train as the command line says; UserError for what does not fit together."""
    device, path = torch.device(args.device), args.adapter or args.model / IP_ADAPTER_FILE
    world, rng = World(args.device), random.Random(args.seed)
    torch.manual_seed(args.seed)
    base = load_base(args.model, "float32").to(device)
    attach(base, adapt(*read(args.model / NAME), base))
    base.requires_grad_(False)
    scenes = StyledScenes(args.data, args.model, world)
    folder = args.model / IMAGE_ENCODER_FOLDER
    references = kept_references(world, folder, args.runs, scenes.side, args.references, args.seed)
    log = Log(args.runs, "ip_adapter")
    adapter = new_adapter(base, references)
    if path.is_file() and not args.fresh:
        adapter.load_state_dict(load_file(path))
    else:
        log.note(told_apart=tell_apart(adapter.image_proj, references, args.lessons))
    adapter = adapter.float().to(device)
    optimizer = torch.optim.AdamW(adapter.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=0.0)
    average, clock, saved = MovingAverage(adapter), Clock(args.minutes, args.steps), 0
    guidance = 1.0 if base.config.guidance_embeds else None

    def save() -> None:
        average.swap()
        save_adapter(adapter, path)
        average.swap()

    with regional_attention(base), quick_attention(device.type):
        for _ in clock:
            set_rate(optimizer, clock.learning_rate(args.lr, warmup=20))
            batch, wanted = scenes.batch(args.batch, rng)
            embeds = references.pick(wanted, rng)
            embeds[torch.rand(len(embeds)) < args.blind] = 0
            with precision(device.type):
                seen = ImageTokens(adapter(embeds[:, None].to(device)))
                error, weight = flow_error(base, batch.to(device), TIMES[args.times], guidance, image_tokens=(seen,))
            loss = (error.mean((1, 2)) * weight).mean()
            loss.backward()
            nn.utils.clip_grad_norm_(adapter.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            average.update()
            log.add(clock, loss=loss.item())
            if int(clock.share * SAVES) > saved:
                saved = int(clock.share * SAVES)
                save()
    save()


def main(arguments: Sequence[str] | None = None) -> None:
    try:
        train(options().parse_args(arguments))
    except UserError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
