"""How a LoRA on a frozen FLUX-shaped base is trained, whatever it learns: modules, noise levels, the loop, files.

Several processes share the work through torchrun or accelerate launch.
"""

import argparse
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from diffusers import FluxTransformer2DModel
from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import save_file
from torch import Tensor, nn

from eligen.tools.attention import regional_attention
from eligen.tools.errors import UserError
from eligen.tools.lora import adapt, read
from eligen.tools.schedules import eligen_schedule
from training.common import Clock, Log, MovingAverage, arguments, quick_attention, set_rate
from training.entity_batches import Batch, Source
from training.latents import noised, pack, positions, tilted

if TYPE_CHECKING:
    from eligen.tools.hardware import Quantization

RANK = 32
MODULES = (
    r"(transformer_blocks|single_transformer_blocks)\.\d+\."
    r"(norm\.linear|norm1(_context)?\.linear|attn\.(to_[qkv]|add_[qkv]_proj|to_out\.0|to_add_out)"
    r"|ff(_context)?\.net\.(0\.proj|2)|proj_mlp|proj_out)"
)
SAVES = 6

Times = Callable[[int, torch.device], tuple[Tensor, Tensor]]
Loss = Callable[[nn.Module, Any, Times, float | None], Tensor]


def unweighted(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return noise levels (count,) in 0..1, logit-normal and tilted to the noisy side, and loss weights, all 1."""
    return tilted(count, device), torch.ones(count, device=device)


def reference(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return noise levels and loss weights (count,) as the EliGen reference trains.

    A thousand shifted levels, each as likely as any other, weighted by a bell around 0.5 that is 0 at the far end.
    """
    levels = eligen_schedule(1000, device=device).sigmas[:-1]
    bell = torch.exp(-2 * (levels - 0.5) ** 2)
    bell = bell - bell.min()
    drawn = torch.randint(len(levels), (count,), device=device)
    return levels[drawn], (bell / bell.mean())[drawn]


def shifted(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return noise levels as pictures are painted at, all of the same weight."""
    levels = eligen_schedule(1000, device=device).sigmas[:-1]
    return levels[torch.randint(len(levels), (count,), device=device)], torch.ones(count, device=device)


TIMES: dict[str, Times] = {"tilted": unweighted, "reference": reference, "shifted": shifted}


def flow_error(
    model: nn.Module, batch: Batch, times: Times, guidance: float | None, *, left: int = 0, **told: Any
) -> tuple[Tensor, Tensor]:
    """Return the squared error of the predicted velocity at random noise levels (B, T, 4C), and weights (B,).

    `left` is the first column's position, and `told` what the attention is told besides the batch's regions.
    """
    device = batch.latents.device
    level, weight = times(len(batch.latents), device)
    x, target, level = noised(pack(batch.latents), level)
    rows, columns = batch.latents.shape[-2:]
    predicted = model(
        hidden_states=x,
        encoder_hidden_states=batch.states,
        pooled_projections=batch.pooled,
        timestep=level,
        img_ids=positions(rows // 2, columns // 2, device, left),
        txt_ids=torch.zeros(batch.states.shape[1], 3, device=device),
        guidance=None if guidance is None else torch.full_like(level, guidance),
        joint_attention_kwargs={"regions": batch.regions, **told},
        return_dict=False,
    )[0]
    return (predicted.float() - target).pow(2), weight


def flow_loss(model: nn.Module, batch: Batch, times: Times = unweighted, guidance: float | None = None) -> Tensor:
    """Return the mean squared error of the predicted velocity, weighted."""
    error, weight = flow_error(model, batch, times, guidance)
    return (error.mean((1, 2)) * weight).mean()


def load_base(folder: Path, dtype: str, quantization: "Quantization | None" = None) -> FluxTransformer2DModel:
    """Return the frozen transformer of a diffusers folder."""
    settings: dict[str, Any] = {"torch_dtype": getattr(torch, dtype)}
    if quantization:
        from eligen.tools.loading import check_installed, quantization_config

        check_installed(quantization)
        if config := quantization_config(quantization):
            settings["quantization_config"] = config.quant_mapping["transformer"]
    model = FluxTransformer2DModel.from_pretrained(folder / "transformer", **settings)
    model.requires_grad_(False)
    return model


def add_lora(
    model: FluxTransformer2DModel, path: Path | None, modules: str = MODULES, rank: int = RANK
) -> list[nn.Parameter]:
    """Give the model a LoRA, that of a file of any known layout or a new one, and return its float32 parameters."""
    model.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=modules, init_lora_weights=True))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.data = parameter.data.float()
    if path:
        stored = adapt(*read(path), model)
        if other := {part.rank for part in stored.values()} - {rank}:
            raise UserError(f"{path} has rank {other.pop()}, not {rank}")
        state = {f"{name}.lora_A.weight": part.down for name, part in stored.items()}
        state |= {f"{name}.lora_B.weight": part.up * (part.alpha / rank) for name, part in stored.items()}
        if strange := set_peft_model_state_dict(model, state).unexpected_keys:  # type: ignore[attr-defined]
            raise UserError(f"{path} trains other modules: {strange[0]}")
    return trained


def save_lora(model: FluxTransformer2DModel, path: Path) -> None:
    """Write the LoRA in the peft layout, bfloat16."""
    state = get_peft_model_state_dict(model)
    state = {f"transformer.{name}": weight.to("cpu", torch.bfloat16).contiguous() for name, weight in state.items()}
    rank = next(len(weight) for name, weight in state.items() if "lora_A" in name)
    save_file(state, path, metadata={"format": "pt", "rank": str(rank)})


def in_step(clock: Clock, device: torch.device) -> Iterator[None]:
    """Yield until the first process's clock is over: one that took a step more than the others would wait for ever."""
    while broadcast(torch.tensor(float(clock.share < 1), device=device)):
        clock.step += 1
        yield


def lora_options(description: str, name: str, *, batch: int, times: str = "tilted") -> argparse.ArgumentParser:
    """Return a parser with the options of all LoRA training."""
    parser = arguments(description, batch=batch, lr=1e-3)
    add = parser.add_argument
    add("--lora", type=Path, help=f"file to go on from and to write; by default {name} of the model")
    add("--steps", type=int, help="length of the run in steps instead of minutes")
    add("--warmup", type=int, default=100, help="steps until the learning rate is reached")
    add("--accumulate", type=int, default=1, help="parts in which each process works off its share of a batch")
    add("--silent", type=float, default=0.1, help="share of batches without words and entities, for guidance")
    add("--times", choices=TIMES, default=times, help="noise levels and their weights")
    add("--dtype", choices=("float32", "bfloat16"), default="float32", help="of the frozen base's weights")
    add("--quantization", choices=("int8", "fp8", "nf4"), help="of the frozen base")
    add(
        "--checkpointing",
        action="store_true",
        help="compute activations again for the gradients instead of keeping them",
    )
    add("--compile", action="store_true", help="a third faster after a minute or two of compiling")
    return parser


def make_accelerator(args: argparse.Namespace) -> Accelerator:
    """Return what runs the training; UserError when a batch does not divide."""
    accelerator = Accelerator(
        cpu=args.device == "cpu", mixed_precision="bf16", gradient_accumulation_steps=args.accumulate
    )
    if args.batch % (accelerator.num_processes * args.accumulate):
        ranks = accelerator.num_processes
        raise UserError(f"a batch of {args.batch} does not divide into {ranks} processes x {args.accumulate} parts")
    return accelerator


def fit(
    args: argparse.Namespace,
    accelerator: Accelerator,
    base: FluxTransformer2DModel,
    trained: list[nn.Parameter],
    source: Source,
    loss_of: Loss,
    lora: Path,
) -> None:
    """Train a base's LoRA on a source's batches and write its moving average, now and then and at the end."""
    device, rank = accelerator.device, accelerator.process_index
    count = args.batch // (accelerator.num_processes * args.accumulate)
    lora.parent.mkdir(parents=True, exist_ok=True)
    rng = random.Random(args.seed + rank)
    if args.checkpointing:
        base.enable_gradient_checkpointing()
    guidance = 1.0 if base.config.guidance_embeds else None
    torch.manual_seed(args.seed + 1000 + rank)
    optimizer = torch.optim.AdamW(trained, lr=args.lr, betas=(0.9, 0.98), weight_decay=0.0)
    average, log = MovingAverage(base, 0.999), Log(args.runs, f"{lora.stem}-{rank}")
    clock, saved = Clock(args.minutes, args.steps), 0

    def save() -> None:
        average.swap()
        save_lora(base, lora)
        average.swap()

    with regional_attention(base), quick_attention(device.type):
        if args.compile:
            base.compile_repeated_blocks(dynamic=True)
        model, optimizer = accelerator.prepare(base, optimizer)
        for _ in in_step(clock, device):
            set_rate(optimizer, clock.learning_rate(args.lr, args.warmup))
            for _ in range(args.accumulate):
                batch = source.batch(count, rng, silent=rng.random() < args.silent).to(device)
                with accelerator.accumulate(model):
                    loss = loss_of(model, batch, TIMES[args.times], guidance)
                    accelerator.backward(loss)
                    if accelerator.sync_gradients:
                        accelerator.clip_grad_norm_(trained, 1.0)
                    optimizer.step()
                    optimizer.zero_grad(set_to_none=True)
            average.update()
            log.add(clock, loss=loss.item())
            if rank == 0 and int(clock.share * SAVES) > saved:
                saved = int(clock.share * SAVES)
                save()
    if rank == 0:
        save()
    accelerator.end_training()
