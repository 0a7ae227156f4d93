"""Draw scenes once and keep their VAE latents for training: python -m training.latents OUT --count 20000 --nouns 50."""

import json
import random
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer, T5EncoderModel, T5Tokenizer

from training.captions import caption
from training.common import Clock, arguments, precision
from training.scenes import Scene, Thing, World, tight_box


class Encoders:
    """The frozen companions of the transformer: text encoders and VAE of a model folder."""

    def __init__(self, model: Path, device: str, length: int) -> None:
        self.device, self.length = torch.device(device), length
        self.t5 = T5EncoderModel.from_pretrained(model / "text_encoder_2", dtype=torch.float32).to(device).eval()
        self.clip = CLIPTextModel.from_pretrained(model / "text_encoder", dtype=torch.float32).to(device).eval()
        self.vae = AutoencoderKL.from_pretrained(model / "vae", torch_dtype=torch.float32).to(device).eval()
        self.t5_tokenizer = T5Tokenizer.from_pretrained(model / "tokenizer_2")
        self.clip_tokenizer = CLIPTokenizer.from_pretrained(model / "tokenizer")
        self.width, self.pooled_width = self.t5.config.d_model, self.clip.config.hidden_size

    @torch.no_grad()
    def tokens(self, prompts: Sequence[str], length: int | None = None) -> Tensor:
        """Return the T5 states (B, length, width) as FluxPipeline makes them: padded, unmasked."""
        length = length or self.length
        ids = self.t5_tokenizer(
            list(prompts), padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        ).input_ids
        with precision(self.device.type):
            return self.t5(ids.to(self.device)).last_hidden_state.float()

    def count(self, prompts: Sequence[str]) -> list[int]:
        """Return how many T5 tokens each prompt has, without pads."""
        return [min(len(ids), self.length) for ids in self.t5_tokenizer(list(prompts)).input_ids]

    @torch.no_grad()
    def text(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return T5 states (B, length, width) and pooled CLIP states (B, pooled_width)."""
        ids = self.clip_tokenizer(
            list(prompts), padding="max_length", truncation=True, max_length=64, return_tensors="pt"
        ).input_ids
        with precision(self.device.type):
            pooled = self.clip(ids.to(self.device)).pooler_output.float()
        return self.tokens(prompts), pooled

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Return scaled latents (B, 16, S/8, S/8) of pictures (B, 3, S, S) in 0..1."""
        with precision(self.device.type):
            latents = self.vae.encode((images * 2 - 1).contiguous(memory_format=torch.channels_last)).latent_dist.mean
        return (latents.float() - self.vae.config.shift_factor) * self.vae.config.scaling_factor

    @torch.no_grad()
    def decode(self, tokens: Tensor, size: int) -> Tensor:
        """Return pictures (B, 3, size, size) in 0..1 of packed latents (B, (size/16)^2, 64)."""
        side = size // 16
        latents = tokens.view(-1, side, side, 16, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(-1, 16, side * 2, side * 2)
        return (
            self.vae.decode(latents / self.vae.config.scaling_factor + self.vae.config.shift_factor).sample.clamp(-1, 1)
            / 2
            + 0.5
        )


def pack(latents: Tensor) -> Tensor:
    """Return (B, 16, h, w) latents as tokens (B, h/2 * w/2, 64), as FluxPipeline packs them."""
    b, c, h, w = latents.shape
    return latents.view(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(b, h * w // 4, c * 4)


def positions(rows: int, columns: int, device: torch.device | str, left: int = 0) -> Tensor:
    """Return the image ids (rows * columns, 3) of a picture of so many tokens, the first column's being `left`."""
    ids = torch.zeros(rows, columns, 3, device=device)
    ids[..., 1] = torch.arange(rows, device=device)[:, None]
    ids[..., 2] = torch.arange(left, left + columns, device=device)[None]
    return ids.view(-1, 3)


def tilted(count: int, device: torch.device) -> Tensor:
    """Return noise levels (count,) in 0..1, logit-normal and tilted to the noisy side."""
    return torch.sigmoid(torch.randn(count, device=device) + 0.4)


def noised(x: Tensor, t: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Return x_t, the velocity to learn (noise - x) and t (B,) in 0..1, tilted unless given."""
    t = tilted(len(x), x.device) if t is None else t
    noise = torch.randn_like(x)
    mix = t.view(-1, 1, 1)
    return (1 - mix) * x + mix * noise, noise - x, t


class Pool:
    """Latents and scenes of a folder; every batch says its scenes in fresh words."""

    def __init__(self, folder: Path, world: World) -> None:
        self.world = world
        shards = sorted(folder.glob("*.json"))
        self.latents = [np.load(s.with_suffix(".npy"), mmap_mode="r") for s in shards]
        self.rows = [json.loads(s.read_text(encoding="utf-8")) for s in shards]
        self.where = [(s, i) for s, rows in enumerate(self.rows) for i in range(len(rows))]

    def pick(self, count: int, rng: random.Random) -> tuple[Tensor, list[dict]]:
        """Return latents (count, 16, h, w) and their rows: {"scene": Scene, "boxes", "shapes"}."""
        chosen = [rng.choice(self.where) for _ in range(count)]
        latents = torch.from_numpy(np.stack([self.latents[s][i] for s, i in chosen])).float()
        return latents, [self.rows[s][i] for s, i in chosen]

    def say(self, rows: list[dict], rng: random.Random, silent: float = 0.1) -> list[str]:
        """Return captions of rows, a share of them empty for classifier-free guidance."""
        return ["" if rng.random() < silent else caption(self.world, read_scene(r), rng).text for r in rows]

    def batch(self, count: int, rng: random.Random) -> tuple[Tensor, list[str]]:
        """Return latents (count, 16, h, w) and captions."""
        latents, rows = self.pick(count, rng)
        return latents, self.say(rows, rng)


def read_scene(row: dict) -> Scene:
    """Return the scene of a stored row."""
    return Scene(tuple(Thing(*t) for t in row["things"]), row["background"], row["style"])


def main() -> None:
    parser = arguments(__doc__ or "", batch=32)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=20_000, help="fewer when the minutes are over first")
    parser.add_argument("--nouns", type=int, help="only the first so many of the vocabulary")
    parser.add_argument("--most", type=int, default=4, help="things in a scene at most")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--upright", action="store_true", help="mirror and tilt nothing: less to learn")
    args = parser.parse_args()
    world, rng = World(args.device), random.Random(args.seed)
    generator = torch.Generator(args.device).manual_seed(args.seed)
    encoders = Encoders(args.model, args.device, 64)
    args.out.mkdir(parents=True, exist_ok=True)
    latents: list[np.ndarray] = []
    rows: list[dict] = []
    for _ in Clock(args.minutes):
        scenes = [world.sample(rng, args.nouns, args.most, upright=args.upright) for _ in range(args.batch)]
        images, shapes = world.draw(scenes, args.size, generator)
        latents.append(encoders.encode(images).half().cpu().numpy())
        for scene, cut in zip(scenes, shapes, strict=True):
            near = [shape.cpu() for shape in cut]
            seen = [(t, s) for t, s in zip(scene.things, near, strict=True) if s.sum() > args.size**2 / 256]
            rows.append({
                "background": scene.background, "style": scene.style,
                "things": [list(asdict(t).values()) for t, _ in seen],
                "boxes": [tight_box(s) for _, s in seen],
                "shapes": [np.packbits(s[4::8, 4::8].numpy()).tobytes().hex() for _, s in seen],
            })  # fmt: skip
        if len(rows) % 3200 < args.batch:
            print(len(rows), flush=True)
        if len(rows) >= args.count:
            break
    np.save(args.out / f"{args.seed}.npy", np.concatenate(latents)[: args.count])
    (args.out / f"{args.seed}.json").write_text(json.dumps(rows[: args.count]), encoding="utf-8")


if __name__ == "__main__":
    main()
