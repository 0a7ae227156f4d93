"""Train the FLUX-shaped base on drawn scenes, and the EliGen LoRA with it: python -m training.train_base --data DIR.

A picture that says where its things are teaches far more than one that does not. So the base sees some batches alone,
captions only, and runs the others with the LoRA, entity prompts and boxes, and both learn. No region is ever shown to
the base by itself: control is the LoRA's. Two things spare more pictures: what each token shows is read off halfway
by a head that is thrown away afterwards (alignment.py), and tokens of things weigh more than background.

Several processes share a CPU's cores, or several GPUs, through torchrun; one process needs nothing.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.distributed as dist
from diffusers import FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
from torch import Tensor, nn

from eligen.tools.attention import regional_attention
from training.alignment import Head, Sight, sight
from training.common import Clock, Log, MovingAverage, arguments, precision, quick_attention, set_rate
from training.entity_batches import Batch, DrawnScenes
from training.latents import Encoders, noised, pack, positions
from training.lora_training import add_lora, load_base, save_lora
from training.scenes import save_sheet

CONFIG = {
    "patch_size": 1, "in_channels": 64, "num_layers": 2, "num_single_layers": 6, "attention_head_dim": 32,
    "num_attention_heads": 8, "guidance_embeds": False, "axes_dims_rope": (4, 14, 14),
}  # fmt: skip
LORA = "eligen_lora.safetensors"
SHEET_PROMPTS = (
    "a red cat", "a blue car on a street", "a green tree on a meadow", "a yellow bird in the sky",
    "a house in the snow", "a purple fish under water", "a pizza on a white background", "a lion in the desert",
    "two apples on a blue background",
    "a red ball to the left of a blue chair", "a robot above a golden key, in a room", "a boy and a girl at the beach",
    "a black cat on the left and a white dog on the right, on a meadow", "a castle at night, watercolour painting",
    "a cup, a book and a clock in a kitchen", "a brown bear in a forest, pixel art",
)  # fmt: skip


def optimizers(model: nn.Module, reader: nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """Return Muon for the base's attention and feed-forward matrices and AdamW for the LoRA and all else."""
    named = list(model.named_parameters())
    hidden = [p for name, p in named if p.ndim == 2 and "blocks" in name and not ("lora" in name or "norm" in name)]
    ids = {id(p) for p in hidden}
    rest = [p for _, p in named if id(p) not in ids] + list(reader.parameters())
    muon = torch.optim.Muon(hidden, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    return [muon, torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)]


def share_gradients(parameters: Sequence[Tensor], world_size: int) -> None:
    """Average the gradients over all processes."""
    if world_size > 1:
        grads = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.flatten() for g in grads])
        dist.all_reduce(flat)
        flat /= world_size
        for grad, piece in zip(grads, flat.split([g.numel() for g in grads]), strict=True):
            grad.copy_(piece.view_as(grad))


def goes_on(clock: Clock, world_size: int) -> bool:
    """Count a step and return whether the first process's clock allows it: all must take the same number."""
    on = [clock.share < 1]
    if world_size > 1:
        dist.broadcast_object_list(on, 0)
    clock.step += 1
    return on[0]


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
    with torch.no_grad(), precision(device.type):
        for t, dt in zip(scheduler.sigmas[:-1], scheduler.sigmas.diff(), strict=True):
            time = torch.full((len(prompts),), t.item(), device=device)
            v, u = (
                model(x, e, p, time, ids, text_ids, return_dict=False)[0].float()
                for e, p in ((text, pooled), (blank, blank_pooled))
            )
            x = x + dt.item() * (u + cfg * (v - u))
    return encoders.decode(x, size)


def save_base(model: FluxTransformer2DModel, folder: Path) -> None:
    """Write the base without its LoRA, bfloat16."""
    bare = FluxTransformer2DModel.from_config(model.config)
    state = {name.replace(".base_layer.", "."): p for name, p in model.state_dict().items() if ".lora_" not in name}
    bare.load_state_dict(state)
    bare.to(torch.bfloat16).save_pretrained(folder)


def new_base(encoders: Encoders) -> FluxTransformer2DModel:
    """Return a base of random weights."""
    return FluxTransformer2DModel(
        **CONFIG, joint_attention_dim=encoders.width, pooled_projection_dim=encoders.pooled_width
    )


def levels(count: int, device: torch.device) -> Tensor:
    """Return noise levels (count,) in 0..1: mostly those at which it is decided what is painted."""
    return torch.sigmoid(torch.randn(count, device=device) * 1.1 + 0.7)


def velocity_error(model: nn.Module, batch: Batch, level: Tensor) -> Tensor:
    """Return the squared error (B, T) of each token's predicted velocity, the mean over its channels."""
    x, target, level = noised(pack(batch.latents), level)
    device, side = x.device, batch.latents.shape[-1] // 2
    with precision(device.type), quick_attention(device.type):
        v = model(
            hidden_states=x,
            encoder_hidden_states=batch.states,
            pooled_projections=batch.pooled,
            timestep=level,
            img_ids=positions(side, side, device),
            txt_ids=torch.zeros(batch.states.shape[1], 3, device=device),
            joint_attention_kwargs={"regions": batch.regions},
            return_dict=False,
        )[0]
    return (v.float() - target).pow(2).mean(-1)


class Reader(nn.Module):
    """A head with the states that it reads: what the single block halfway gives, kept at every pass."""

    def __init__(self, model: FluxTransformer2DModel, nouns: int) -> None:
        super().__init__()
        self.head, self.nothing = Head(model.inner_dim, nouns), nouns
        self.states: Tensor | None = None
        double, single = len(model.transformer_blocks), len(model.single_transformer_blocks)
        halfway = max((double + single) // 2 - double - 1, 0)
        model.single_transformer_blocks[halfway].register_forward_hook(self._keep)

    def _keep(self, block: nn.Module, given: tuple[object, ...], out: tuple[Tensor, Tensor]) -> None:
        self.states = out[1]

    def loss(self, error: Tensor, seen: Sight, *, thing: float, aligned: float) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of a pass with a squared error (B, T), and what to log of it."""
        assert self.states is not None
        weight = 1 + thing * (seen.nouns < self.nothing)
        nouns, places = self.head.losses(self.states, seen)
        loss = (error * weight / weight.mean()).mean() + aligned * (nouns + 2 * places)
        return loss, {"nouns": nouns.item(), "places": places.item()}


def main() -> None:
    parser = arguments(__doc__ or "", batch=48, lr=1e-3)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder made by training.latents")
    add("--alone", type=float, default=0.2, help="share of batches that the base sees without the LoRA")
    add("--aligned", type=float, default=0.2, help="weight of what the head reads")
    add("--thing", type=float, default=2.0, help="what a thing's token weighs more than background")
    add("--compile", action="store_true", help="a third faster after two minutes of compiling")
    args = parser.parse_args()
    ranks, rank = 1, 0
    if dist.is_torchelastic_launched():
        dist.init_process_group("nccl" if args.device == "cuda" else "gloo")
        ranks, rank = dist.get_world_size(), dist.get_rank()
    device = torch.device(args.device)
    torch.manual_seed(args.seed)
    scenes = DrawnScenes(args.data, args.model, args.device)
    folder, nothing = args.model / "transformer", len(scenes.world.nouns)
    lora = args.model / LORA
    model = new_base(scenes.encoders) if args.fresh else load_base(folder.parent, "float32")
    model.to(device).train()
    add_lora(model, None if args.fresh else lora)
    model.requires_grad_(True)
    reader = Reader(model, nothing).to(device)
    if args.compile:
        model.compile_repeated_blocks(dynamic=True)
    opts = optimizers(model, reader, args.lr)
    average, clock, log = MovingAverage(model, 0.999), Clock(args.minutes), Log(args.runs, f"base-{rank}")
    rng, shared, saved = random.Random(args.seed + 1 + rank), random.Random(args.seed), 0
    torch.manual_seed(args.seed + 1000 + rank)

    def save() -> None:
        average.swap()
        save_base(model, folder)
        save_lora(model, lora)
        model.disable_adapters()
        save_sheet(sample(model, scenes.encoders, SHEET_PROMPTS, 8 * scenes.side), args.runs / "base.png")
        average.swap()

    with regional_attention(model):
        while goes_on(clock, ranks):
            for opt in opts:
                set_rate(opt, clock.learning_rate(args.lr))
            latents, rows = scenes.pick(args.batch // ranks, rng)
            if alone := shared.random() < args.alone:
                model.disable_adapters()
                batch = scenes.captioned(latents, scenes.pool.say(rows, rng)).to(device)
            else:
                model.enable_adapters()
                batch = scenes.told(latents, rows, rng).to(device)
            seen = sight(rows, scenes.side // 2, nothing).to(device)
            error = velocity_error(model, batch, levels(len(rows), device))
            loss, told = reader.loss(error, seen, thing=args.thing, aligned=args.aligned)
            loss.backward()
            share_gradients([*model.parameters(), *reader.parameters()], ranks)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for opt in opts:
                opt.step()
                opt.zero_grad(set_to_none=True)
            average.update()
            kind = "alone" if alone else "with the LoRA"
            log.add(clock, **{kind: error.mean().item()}, **told)
            if rank == 0 and int(clock.share * 4) > saved:
                saved = int(clock.share * 4)
                save()
    if rank == 0:
        save()
        log.note(done=json.dumps({"steps": clock.step, "batch": args.batch, "minutes": args.minutes}))


if __name__ == "__main__":
    main()
