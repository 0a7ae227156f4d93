"""A folder with FLUX.1-dev's configs at one block of each kind, and an EliGen LoRA of its width, all random."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from tiny_models import Widths, build_flux

WIDTH = 3072
RANK = 8

FLUX_DEV_WIDTHS = Widths(
    transformer={
        "num_layers": 1,
        "num_single_layers": 1,
        "attention_head_dim": 128,
        "num_attention_heads": 24,
        "joint_attention_dim": 4096,
        "pooled_projection_dim": 768,
        "guidance_embeds": True,
    },
    vae_channels=(128, 256, 512, 512),
    vae_layers=2,
    clip={"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "vocab_size": 49408},
    t5={"d_model": 4096, "d_ff": 10240, "d_kv": 64, "num_heads": 64, "vocab_size": 32128},
    dtype=torch.bfloat16,
)

# Raw and aligned name, rows and columns in widths.
DOUBLE = (
    ("norm1_a.linear", "img_mod_lin", 6, 1),
    ("norm1_b.linear", "txt_mod_lin", 6, 1),
    ("attn.a_to_qkv", "img_attn_qkv", 3, 1),
    ("attn.b_to_qkv", "txt_attn_qkv", 3, 1),
    ("attn.a_to_out", "img_attn_proj", 1, 1),
    ("attn.b_to_out", "txt_attn_proj", 1, 1),
    ("ff_a.0", "img_mlp_0", 4, 1),
    ("ff_a.2", "img_mlp_2", 1, 4),
    ("ff_b.0", "txt_mlp_0", 4, 1),
    ("ff_b.2", "txt_mlp_2", 1, 4),
)
SINGLE = (("norm.linear", "modulation_lin", 3, 1), ("to_qkv_mlp", "linear1", 7, 1), ("proj_out", "linear2", 1, 5))


def save_flux_dev(folder: Path) -> None:
    """Write the pipeline folder, 2.4 GB of it."""
    build_flux(FLUX_DEV_WIDTHS).save_pretrained(folder)


def save_loras(folder: Path) -> tuple[Path, Path]:
    """Write one LoRA in the aligned and in the raw layout; return both files."""
    generator = torch.Generator().manual_seed(1)
    aligned, raw = {}, {}
    for modules, blocks, kind in ((DOUBLE, "blocks", "double"), (SINGLE, "single_blocks", "single")):
        for raw_name, aligned_name, rows, columns in modules:
            down = (torch.randn(RANK, columns * WIDTH, generator=generator) * 0.05).bfloat16()
            up = (torch.randn(rows * WIDTH, RANK, generator=generator) * 0.05).bfloat16()
            key = f"lora_unet_{kind}_blocks_0_{aligned_name}"
            aligned |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up}
            aligned[f"{key}.alpha"] = torch.tensor(float(RANK))
            key = f"{blocks}.0.{raw_name}"
            raw |= {f"{key}.lora_A.default.weight": down, f"{key}.lora_B.default.weight": up}
    save_file(aligned, folder / "aligned.safetensors")
    save_file(raw, folder / "raw.safetensors")
    return folder / "aligned.safetensors", folder / "raw.safetensors"
