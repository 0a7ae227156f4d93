"""Train the EliGen LoRA on the frozen base: python -m training.train_eligen_lora --minutes 30 --data DIR.

Regional attention comes from eligen.tools.attention; the LoRA (rank 32) sits on the modules that the reference trains.
"""

import random
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from diffusers import FluxTransformer2DModel
from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import Tensor

from eligen.tools.attention import Regions, regional_attention
from training.captions import entity_prompt
from training.common import Clock, Log, MovingAverage, arguments, precision, quick_attention, set_rate
from training.latents import Encoders, Pool, noised, pack, positions, read_scene
from training.scenes import World
from training.train_base import share_gradients

RANK = 32
MODULES = (
    r"(transformer_blocks|single_transformer_blocks)\.\d+\."
    r"(norm\.linear|norm1(_context)?\.linear|attn\.(to_[qkv]|add_[qkv]_proj|to_out\.0|to_add_out)"
    r"|ff(_context)?\.net\.(0\.proj|2)|proj_mlp|proj_out)"
)
ENTITY_LENGTH = 16


class Buckets:
    """Rows of the pool by their number of things, so that a batch needs no padding."""

    def __init__(self, pool: Pool, world: World) -> None:
        self.pool, self.world = pool, world
        self.rows: dict[int, list[tuple[int, int]]] = {}
        for shard, row in pool.where:
            if count := len(pool.rows[shard][row]["things"]):
                self.rows.setdefault(count, []).append((shard, row))

    def pick(self, count: int, rng: random.Random) -> tuple[Tensor, list[dict]]:
        """Return latents (count, 16, h, w) and rows that all have the same number of things."""
        sizes = list(self.rows)
        things = rng.choices(sizes, [len(self.rows[n]) * n**0.5 for n in sizes])[0]
        chosen = [rng.choice(self.rows[things]) for _ in range(count)]
        latents = np.stack([self.pool.latents[s][i] for s, i in chosen])
        return torch.from_numpy(latents).float(), [self.pool.rows[s][i] for s, i in chosen]


def loosened(box: list[float], rng: random.Random) -> tuple[float, ...]:
    """Return the tight box, in half of the cases up to 30 % larger on each side."""
    if rng.random() < 0.5:
        return tuple(box)
    x0, y0, x1, y1 = box
    w, h = (x1 - x0) * 0.3, (y1 - y0) * 0.3
    moved = (x0 - w * rng.random(), y0 - h * rng.random(), x1 + w * rng.random(), y1 + h * rng.random())
    return tuple(min(max(v, 0.0), 1.0) for v in moved)


def cells(row: dict, side: int, rng: random.Random) -> Tensor:
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


def token_masks(latent: Tensor) -> Tensor:
    """Return (..., side/2 * side/2) from (..., side, side): a token is on if any of its cells is."""
    *lead, side, _ = latent.shape
    return latent.view(*lead, side // 2, 2, side // 2, 2).any(-1).any(-2).flatten(-2)


def main() -> None:
    parser = arguments(__doc__ or "", batch=64, lr=1e-3)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--data", type=Path, required=True, help="folder made by training.latents")
    parser.add_argument("--compile", action="store_true", help="a third faster after a minute or two of compiling")
    args = parser.parse_args()
    ranks, rank = 1, 0
    if dist.is_torchelastic_launched():
        dist.init_process_group("nccl" if args.device == "cuda" else "gloo")
        ranks, rank = dist.get_world_size(), dist.get_rank()
    world, rng = World(args.device), random.Random(args.seed + rank)
    encoders = Encoders(args.model, args.device, 64)
    model = FluxTransformer2DModel.from_pretrained(args.model / "transformer", torch_dtype=torch.float32).to(
        args.device
    )
    model.requires_grad_(False)
    torch.manual_seed(args.seed)
    model.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=MODULES, init_lora_weights=True))
    path = args.model / "eligen_lora.safetensors"
    if not args.fresh:
        stored = {k.removeprefix("transformer."): v.float() for k, v in load_file(path).items()}
        set_peft_model_state_dict(model, stored)
    processors = ExitStack()
    processors.enter_context(regional_attention(model))
    if args.compile:
        model.compile_repeated_blocks(dynamic=True)
    torch.manual_seed(args.seed + 1000 + rank)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=args.lr, betas=(0.9, 0.98), weight_decay=0.0)
    average, log, clock = MovingAverage(model, 0.999), Log(args.runs, f"eligen-{rank}"), Clock(args.minutes)
    buckets = Buckets(Pool(args.data, world), world)
    side = args.size // 8
    ids = positions(side // 2, args.device)

    def save() -> None:
        average.swap()
        state = {
            f"transformer.{k}": v.to(torch.bfloat16).contiguous() for k, v in get_peft_model_state_dict(model).items()
        }
        save_file(state, path, metadata={"format": "pt", "rank": str(RANK)})
        average.swap()

    saved = 0
    for _ in clock:
        set_rate(optimizer, clock.learning_rate(args.lr))
        latents, rows = buckets.pick(args.batch // ranks, rng)
        if rng.random() < 0.1:  # the negative pass of guidance has no entities, so the LoRA must know it too
            states, pooled = encoders.text([""] * len(rows))
            regions = None
        else:
            text, pooled = encoders.text(buckets.pool.say(rows, rng))
            things = [t for r in rows for t in read_scene(r).things]
            prompts = [entity_prompt(world, t, rng) for t in things]
            entities = encoders.tokens(prompts, ENTITY_LENGTH).view(len(rows), -1, text.shape[2])
            masks = token_masks(torch.stack([cells(r, side, rng) for r in rows])).to(args.device)
            regions = Regions(masks, (ENTITY_LENGTH,) * masks.shape[1] + (text.shape[1],))
            states = torch.cat([entities, text], 1)
        x, target, time = noised(pack(latents.to(args.device)))
        text_ids = torch.zeros(states.shape[1], 3, device=args.device)
        with precision(args.device), quick_attention(args.device):
            kwargs = {"regions": regions}
            v = model(x, states, pooled, time, ids, text_ids, joint_attention_kwargs=kwargs, return_dict=False)[0]
        loss = (v.float() - target).pow(2).mean()
        loss.backward()
        share_gradients(model, ranks)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        average.update()
        log.add(clock, loss=loss.detach())
        if rank == 0 and int(clock.share * 6) > saved:
            saved = int(clock.share * 6)
            save()
    processors.close()
    if rank == 0:
        save()


if __name__ == "__main__":
    main()
