"""A parity folder of other dimensions than the golden one, its expected numbers by the rules of its README alone.

The arithmetic is diffusers' own transformer with a dense mask, LoRAs multiplied out into its weights, and the reference
images' share added behind its attention: nothing of `eligen`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from diffusers import FluxTransformer2DModel
from diffusers.models.embeddings import apply_rotary_emb
from diffusers.models.transformers.transformer_flux import FluxAttnProcessor
from safetensors.torch import save_file
from torch.nn import functional

HEADS, HEAD_DIM, DOUBLE, SINGLE = 2, 24, 1, 3
WIDTH = HEADS * HEAD_DIM
TEXT, POOLED, LENGTH = 40, 20, 5
EMBEDDING, TOKENS = 17, 3
STEPS, CFG, SHIFT, STRENGTH = 3, 2.5, 3.0, 1.0
TOLERANCE = {"noise_pred": 2e-5, "sigmas": 2e-7, "initial_latents": 1e-6, "latents_trace": 1e-4, "final_latents": 1e-4}

Tensors = dict[str, torch.Tensor]
KeysValues = list[tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Sketch:
    """What one case has; `loras` are (file, weight), `broken` shifts one expected number by a thousandth."""

    kind: str
    hw: tuple[int, int]
    entities: int = 0
    images: int = 0
    scale: float = 0.7
    loras: tuple[tuple[str, float], ...] = ()
    broken: bool = False


CASES = {
    "ip_two_images_no_entities": Sketch("forward", (48, 80), images=2),
    "ip_den_two_images": Sketch("denoise", (64, 48), entities=2, images=2, scale=1.3),
    "lora_two_at_once": Sketch("forward", (80, 48), entities=3, loras=(("halved", 0.6), ("plain", 1.3))),
    "lora_and_ip": Sketch("forward", (48, 64), entities=1, images=1, loras=(("plain", -0.8),)),
    "ip_corrupted": Sketch("forward", (48, 48), images=2, broken=True),
    "lora_corrupted": Sketch("forward", (48, 48), loras=(("halved", 1.0),), broken=True),
}


def write_folder(folder: Path) -> None:
    """Write the folder: a model, an IP-Adapter, two LoRA files and the cases."""
    draw = torch.Generator().manual_seed(2024)
    torch.manual_seed(2024)
    model = FluxTransformer2DModel(
        num_layers=DOUBLE,
        num_single_layers=SINGLE,
        attention_head_dim=HEAD_DIM,
        num_attention_heads=HEADS,
        joint_attention_dim=TEXT,
        pooled_projection_dim=POOLED,
        axes_dims_rope=(8, 8, 8),
        guidance_embeds=False,
    ).eval()
    model.save_pretrained(folder / "models" / "tiny_b")
    adapter = _adapter(draw)
    (folder / "ip_adapter").mkdir()
    nested = {part: {k.removeprefix(f"{part}."): v for k, v in adapter.items() if k.startswith(part)} for part in PARTS}
    torch.save(nested, folder / "ip_adapter" / "ip_b.bin")
    files = _loras(draw)
    (folder / "lora").mkdir()
    for name, (tensors, _) in files.items():
        save_file(tensors, folder / "lora" / f"{name}.safetensors")
    for name, case in CASES.items():
        tensors = _inputs(case, draw)
        changed = [(files[file][1], weight) for file, weight in case.loras]
        merged = _merged(folder / "models" / "tiny_b", changed)
        with torch.no_grad():
            tensors |= (_forward if case.kind == "forward" else _denoised)(merged, adapter, case, tensors)
        if case.broken:
            tensors["noise_pred"][0, 0, 0, 0] += 1e-3
        _write(folder / name, case, tensors)


# -- weights

PARTS = ("image_proj", "ip_adapter")


def _adapter(draw: torch.Generator) -> Tensors:
    def weight(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=draw) / shape[-1] ** 0.5

    tensors = {
        "image_proj.proj.0.weight": weight(11, EMBEDDING),
        "image_proj.proj.0.bias": weight(11),
        "image_proj.proj.2.weight": weight(TOKENS * TEXT, 11),
        "image_proj.proj.2.bias": weight(TOKENS * TEXT),
        "image_proj.norm.weight": 1 + weight(TEXT),
        "image_proj.norm.bias": weight(TEXT),
    }
    for block in range(DOUBLE + SINGLE):
        tensors |= {f"ip_adapter.{block}.to_{name}_ip.weight": weight(WIDTH, TEXT) for name in "kv"}
    return tensors


def _loras(draw: torch.Generator) -> dict[str, tuple[Tensors, Tensors]]:
    """Return two LoRAs, each as the tensors of its file and as what it adds to diffusers' weights."""

    def low_rank(rank: int, rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.randn(rank, columns, generator=draw) / 8, torch.randn(rows, rank, generator=draw) / 8

    file, adds = Tensors(), Tensors()
    for module, rows, columns in (
        ("transformer_blocks.0.attn.to_q", WIDTH, WIDTH),
        ("transformer_blocks.0.ff_context.net.2", WIDTH, 4 * WIDTH),
        ("single_transformer_blocks.2.proj_out", WIDTH, 5 * WIDTH),
    ):
        down, up = low_rank(4, rows, columns)
        file |= {f"transformer.{module}.lora_A.weight": down, f"transformer.{module}.lora_B.weight": up}
        adds[module] = up @ down
    halved, halves = Tensors(), Tensors()
    for module, names, rows in (
        ("double_blocks_0_img_attn_qkv", ("attn.to_q", "attn.to_k", "attn.to_v"), (WIDTH,) * 3),
        ("single_blocks_1_linear1", ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"), (*(WIDTH,) * 3, 4 * WIDTH)),
    ):
        down, up = low_rank(6, sum(rows), WIDTH)
        key = f"lora_unet_{module}"
        halved |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.alpha": torch.tensor(3.0)}
        block = "transformer_blocks.0" if module.startswith("double") else "single_transformer_blocks.1"
        deltas = (0.5 * up @ down).split(rows)
        halves |= {f"{block}.{name}": delta for name, delta in zip(names, deltas, strict=True)}
    return {"plain": (file, adds), "halved": (halved, halves)}


def _merged(folder: Path, changes: Sequence[tuple[Tensors, float]]) -> FluxTransformer2DModel:
    model = FluxTransformer2DModel.from_pretrained(folder)
    with torch.no_grad():
        for deltas, weight in changes:
            for module, delta in deltas.items():
                model.get_submodule(module).weight += weight * delta
    return model


# -- inputs


def _inputs(case: Sketch, draw: torch.Generator) -> Tensors:
    height, width = case.hw

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=draw)

    tensors = {"prompt_embeds": 0.8 * random(1, LENGTH, TEXT), "pooled_prompt_embeds": random(1, POOLED)}
    if case.kind == "forward":
        tensors |= {"latents": random(1, 16, height // 8, width // 8), "timestep": torch.tensor([640.0])}
    else:
        noise = torch.randn(1, 16, height // 8, width // 8, generator=torch.Generator().manual_seed(31))
        tensors |= {"negative_prompt_embeds": 0.8 * random(1, LENGTH, TEXT), "noise": noise}
        tensors["negative_pooled_prompt_embeds"] = random(1, POOLED)
    if case.images:
        tensors["ip_image_embeds"] = random(case.images, EMBEDDING)
    if case.entities:
        tensors["entity_prompt_embeds"] = 0.8 * random(1, case.entities, LENGTH, TEXT)
        pixels = torch.zeros(case.entities, height, width, dtype=torch.uint8)
        for number, mask in enumerate(pixels):
            mask[8 * number : 8 * number + 24, 8 : 32 + 8 * number] = 255
        tensors["entity_masks_px"] = pixels
        latent = pixels[:, 4::8, 4::8] // 255  # whole cells: any nearest sampling agrees
        tensors["entity_masks_latent"] = latent
        tensors["entity_token_masks"] = _cells(latent).amax(-1).flatten(1)
    return tensors


def _cells(latents: torch.Tensor) -> torch.Tensor:
    """Return the four cells of each token, (..., H/16, W/16, 4)."""
    return latents.unflatten(-1, (-1, 2)).unflatten(-3, (-1, 2)).movedim(-3, -2).flatten(-2)


# -- expected numbers


def _forward(model: FluxTransformer2DModel, adapter: Tensors, case: Sketch, tensors: Tensors) -> Tensors:
    tokens = {"ip_tokens": _image_tokens(adapter, tensors["ip_image_embeds"])} if case.images else {}
    shown = _shown(adapter, tensors.get("ip_image_embeds"), case.scale)
    return tokens | {"noise_pred": _predicted(model, tensors["latents"], 640.0, tensors, shown)}


def _denoised(model: FluxTransformer2DModel, adapter: Tensors, case: Sketch, tensors: Tensors) -> Tensors:
    """Rules 4, 5, 6 and 8: Euler steps on the shifted schedule, reference images in the negative pass too."""
    last = 0.003 / 1.002
    line = torch.linspace(last + (1 - last) * STRENGTH, last, STEPS)
    sigmas = torch.cat([SHIFT * line / (1 + (SHIFT - 1) * line), torch.zeros(1)])
    shown = _shown(adapter, tensors["ip_image_embeds"], case.scale)
    hidden = _shown(adapter, torch.zeros(1, EMBEDDING), 1.0)
    opposite = {name.removeprefix("negative_"): value for name, value in tensors.items() if name.startswith("negative")}
    x, trace = tensors["noise"], []
    for sigma, following in pairwise(sigmas):
        told = _predicted(model, x, 1000 * sigma.item(), tensors, shown)
        untold = _predicted(model, x, 1000 * sigma.item(), opposite, hidden)
        x = x + (following - sigma) * (untold + CFG * (told - untold))
        trace.append(x)
    return {
        "initial_latents": tensors["noise"].clone(),
        "sigmas": sigmas,
        "timesteps": 1000 * sigmas[:-1],
        "latents_trace": torch.cat(trace),
        "final_latents": x.clone(),
    }


def _predicted(
    model: FluxTransformer2DModel, latents: torch.Tensor, timestep: float, tensors: Mapping[str, Any], shown: KeysValues
) -> torch.Tensor:
    """Rules 3 and 8 on diffusers' model: (1, 16, H/8, W/8) in and out."""
    rows, columns = latents.shape[2] // 2, latents.shape[3] // 2
    packed = _cells(latents).permute(0, 2, 3, 1, 4).flatten(3).flatten(1, 2)
    texts = [tensors["prompt_embeds"]]
    masks = torch.zeros(0, rows * columns, dtype=torch.bool)
    if "entity_prompt_embeds" in tensors:
        texts = [tensors["entity_prompt_embeds"].flatten(1, 2), *texts]
        masks = tensors["entity_token_masks"].bool()
    text = torch.cat(texts, dim=1)
    grid = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
    model.set_attn_processor(
        {name: _Looking(shown[i] if shown else None) for i, name in enumerate(model.attn_processors)}
    )
    out = model(
        hidden_states=packed,
        encoder_hidden_states=text,
        pooled_projections=tensors["pooled_prompt_embeds"],
        timestep=torch.tensor([timestep / 1000]),
        img_ids=functional.pad(grid, (1, 0)).float(),
        txt_ids=torch.zeros(text.shape[1], 3),
        joint_attention_kwargs={"attention_mask": _allowed(masks)[None, None]},
        return_dict=False,
    )[0]
    cells = out.unflatten(-1, (16, 2, 2)).unflatten(1, (rows, columns))
    return cells.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)


def _allowed(masks: torch.Tensor) -> torch.Tensor:
    """Rule 3, pair by pair."""
    count, tokens = masks.shape
    owner = [number for number in range(count + 1) for _ in range(LENGTH)]
    size = len(owner) + tokens
    allowed = torch.ones(size, size, dtype=torch.bool)
    for row, text in enumerate(owner):
        for column, other in enumerate(owner):
            allowed[row, column] = text == other
        if text < count:
            allowed[row, len(owner) :] = allowed[len(owner) :, row] = masks[text]
    return allowed


def _image_tokens(adapter: Tensors, embeds: torch.Tensor) -> torch.Tensor:
    """Return (1, n * TOKENS, TEXT)."""
    inner = functional.linear(embeds, adapter["image_proj.proj.0.weight"], adapter["image_proj.proj.0.bias"])
    wide = functional.linear(
        functional.gelu(inner), adapter["image_proj.proj.2.weight"], adapter["image_proj.proj.2.bias"]
    )
    tokens = wide.view(1, -1, TEXT)
    return functional.layer_norm(
        tokens, (TEXT,), adapter["image_proj.norm.weight"], adapter["image_proj.norm.bias"], 1e-5
    )


def _shown(adapter: Tensors, embeds: torch.Tensor | None, scale: float) -> KeysValues:
    """Return each block's keys and values, times the scale, (1, heads, tokens, head_dim)."""
    if embeds is None:
        return []
    tokens = _image_tokens(adapter, embeds)
    shown = []
    for block in range(DOUBLE + SINGLE):
        key, value = (
            (tokens @ adapter[f"ip_adapter.{block}.to_{name}_ip.weight"].T).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for name in "kv"
        )
        shown.append((key / (key.square().mean(-1, keepdim=True) + 1e-5).sqrt(), scale * value))
    return shown


class _Looking(FluxAttnProcessor):
    """diffusers' attention, and behind it what the queries see of reference images."""

    def __init__(self, shown: tuple[torch.Tensor, torch.Tensor] | None) -> None:
        super().__init__()
        self.shown = shown

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: Any = None,
    ) -> Any:
        out = super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask, image_rotary_emb)
        if self.shown is None:
            return out
        query = attn.norm_q(attn.to_q(hidden_states).unflatten(-1, (HEADS, -1)))
        if encoder_hidden_states is None:
            query = apply_rotary_emb(query, image_rotary_emb, sequence_dim=1)
        key, value = self.shown
        weights = (query.transpose(1, 2) @ key.mT / HEAD_DIM**0.5).softmax(-1)
        added = (weights @ value).transpose(1, 2).flatten(2)
        if encoder_hidden_states is None:
            return out + added
        return out[0] + added @ attn.to_out[0].weight.T, *out[1:]


# -- files


def _write(folder: Path, case: Sketch, tensors: Tensors) -> None:
    folder.mkdir()
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "case.safetensors")
    config: dict[str, Any] = {
        "name": folder.name,
        "kind": case.kind,
        "model": "tiny_b",
        "hw": list(case.hw),
        "text_tokens": LENGTH,
        "num_entities": case.entities,
        "embedded_guidance": 3.5,
        "tolerance": {name: limit for name, limit in TOLERANCE.items() if name in tensors},
    }
    if case.kind == "denoise":
        config |= {"num_inference_steps": STEPS, "cfg_scale": CFG, "denoising_strength": STRENGTH, "seed": 31}
        config |= {"sigma_shift": SHIFT, "on_negative": False}
    if case.images:
        config["ip"] = {"file": "ip_b", "n_img": case.images, "scale": case.scale}
    if case.loras:
        config["loras"] = [{"file": file, "alpha": weight} for file, weight in case.loras]
    (folder / "case.json").write_text(json.dumps(config))
