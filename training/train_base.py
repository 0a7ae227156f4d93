"""Train the FLUX-shaped base on drawn scenes, captions only: python -m training.train_base --minutes 60.

Several processes share a CPU's cores, or several GPUs, through torchrun; one process needs nothing.
"""

import json
import random
from pathlib import Path

import torch
import torch.distributed as dist
from diffusers import FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
from torch import Tensor, nn

from training.common import Clock, Log, MovingAverage, arguments, precision, quick_attention, set_rate
from training.latents import Encoders, Pool, noised, pack, positions
from training.scenes import World, save_sheet

CONFIG = {
    "patch_size": 1, "in_channels": 64, "num_layers": 2, "num_single_layers": 6, "attention_head_dim": 32,
    "num_attention_heads": 8, "guidance_embeds": False, "axes_dims_rope": (4, 14, 14),
}  # fmt: skip
SHEET_PROMPTS = (
    "a red cat", "a blue car on a street", "a green tree on a meadow", "a yellow bird in the sky",
    "a house in the snow", "a purple fish under water", "a pizza on a white background", "a lion in the desert",
    "two apples on a blue background",
    "a red ball to the left of a blue chair", "a robot above a golden key, in a room", "a boy and a girl at the beach",
    "a black cat on the left and a white dog on the right, on a meadow", "a castle at night, watercolour painting",
    "a cup, a book and a clock in a kitchen", "a brown bear in a forest, pixel art",
)  # fmt: skip


def optimizers(model: nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """Return Muon for the blocks' matrices and AdamW for all else."""
    hidden = [p for n, p in model.named_parameters() if p.ndim == 2 and "blocks" in n and p.requires_grad]
    ids = {id(p) for p in hidden}
    rest = [p for p in model.parameters() if id(p) not in ids and p.requires_grad]
    muon = torch.optim.Muon(hidden, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    return [muon, torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)]


def share_gradients(model: nn.Module, world_size: int) -> None:
    """Average the gradients over all processes."""
    if world_size > 1:
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        flat = torch.cat([g.flatten() for g in grads])
        dist.all_reduce(flat)
        flat /= world_size
        for grad, piece in zip(grads, flat.split([g.numel() for g in grads]), strict=True):
            grad.copy_(piece.view_as(grad))


def sample(
    model: nn.Module, encoders: Encoders, prompts: tuple[str, ...], size: int, steps: int = 16, cfg: float = 3.0
) -> Tensor:
    """Return pictures (B, 3, size, size) in 0..1 of captions, for the sample sheet."""
    device = encoders.device
    text, pooled = encoders.text(prompts)
    blank, blank_pooled = encoders.text([""] * len(prompts))
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(steps)
    generator = torch.Generator(device).manual_seed(0)
    x = pack(torch.randn(len(prompts), 16, size // 8, size // 8, generator=generator, device=device))
    ids, text_ids = positions(size // 16, size // 16, device), torch.zeros(text.shape[1], 3, device=device)
    with torch.no_grad(), precision(str(device)):
        for t, dt in zip(scheduler.sigmas[:-1], scheduler.sigmas.diff(), strict=True):
            time = torch.full((len(prompts),), t.item(), device=device)
            v, u = (
                model(x, e, p, time, ids, text_ids, return_dict=False)[0].float()
                for e, p in ((text, pooled), (blank, blank_pooled))
            )
            x = x + dt.item() * (u + cfg * (v - u))
    return encoders.decode(x, size)


def main() -> None:
    parser = arguments(__doc__ or "", batch=96, lr=1e-3)
    parser.add_argument("--size", type=int, default=128, help="picture side in pixels")
    parser.add_argument("--text-length", type=int, default=64)
    parser.add_argument("--data", type=Path, required=True, help="folder made by training.latents")
    parser.add_argument("--compile", action="store_true", help="a third faster after a minute of compiling")
    args = parser.parse_args()
    ranks, rank = 1, 0
    if dist.is_torchelastic_launched():
        dist.init_process_group("nccl" if args.device == "cuda" else "gloo")
        ranks, rank = dist.get_world_size(), dist.get_rank()
    world, rng = World(args.device), random.Random(args.seed + rank)
    torch.manual_seed(args.seed)
    encoders = Encoders(args.model, args.device, args.text_length)
    folder = args.model / "transformer"
    if args.fresh:
        model = FluxTransformer2DModel(
            **CONFIG, joint_attention_dim=encoders.width, pooled_projection_dim=encoders.pooled_width
        )
    else:
        model = FluxTransformer2DModel.from_pretrained(folder, torch_dtype=torch.float32)
    model = model.to(args.device).train()
    if args.compile:
        model.compile_repeated_blocks()
    torch.manual_seed(args.seed + 1000 + rank)
    opts = optimizers(model, args.lr)
    average, clock = MovingAverage(model, 0.9995), Clock(args.minutes)
    log = Log(args.runs, f"base-{rank}")
    pool = Pool(args.data, world)
    ids = positions(args.size // 16, args.size // 16, args.device)

    def save() -> None:
        average.swap()
        pictures = sample(model, encoders, SHEET_PROMPTS, args.size)
        save_sheet(pictures, args.runs / "base.png")
        model.to(torch.bfloat16).save_pretrained(folder)
        model.to(torch.float32)
        average.swap()

    saved = 0
    for _ in clock:
        for opt in opts:
            set_rate(opt, clock.learning_rate(args.lr, warmup=200))
        latents, captions = pool.batch(args.batch // ranks, rng)
        text, pooled = encoders.text(captions)
        x, target, time = noised(pack(latents.to(args.device)))
        text_ids = torch.zeros(text.shape[1], 3, device=args.device)
        with precision(args.device), quick_attention(args.device):
            v = model(x, text, pooled, time, ids, text_ids, return_dict=False)[0]
        loss = (v.float() - target).pow(2).mean()
        loss.backward()
        share_gradients(model, ranks)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for opt in opts:
            opt.step()
            opt.zero_grad(set_to_none=True)
        average.update()
        log.add(clock, loss=loss.detach())
        if rank == 0 and int(clock.share * 4) > saved:
            saved = int(clock.share * 4)
            save()
    if rank == 0:
        save()
        log.note(done=json.dumps({"steps": clock.step, "batch": args.batch, "minutes": args.minutes}))


if __name__ == "__main__":
    main()
