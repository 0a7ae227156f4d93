"""How LoRA files for FLUX spell the modules of its blocks, and what diffusers calls them.

| who writes it | a module |
|---|---|
| DiffSynth | `blocks.0.attn.a_to_qkv.lora_A.default.weight` |
| kohya, DiffSynth aligned | `lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight` |
| ComfyUI, in Black Forest Labs' own names | `diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight` |
| XLabs | `double_blocks.0.processor.qkv_lora1.down.weight` |
| diffusers, ai-toolkit | `transformer.transformer_blocks.0.attn.to_q.lora_A.weight` |
| OneTrainer | `lora_transformer_transformer_blocks_0_attn_to_q.lora_down.weight` |
"""

from __future__ import annotations

import re

from diffusers import FluxTransformer2DModel

# A block's module in DiffSynth's spelling, in Black Forest Labs', in XLabs' (where it has one), and in diffusers'. A
# fused module stands for several of diffusers', stacked by rows in this order.
DOUBLE_BLOCK = (
    ("norm1_a.linear", "img_mod_lin", None, ("norm1.linear",)),
    ("norm1_b.linear", "txt_mod_lin", None, ("norm1_context.linear",)),
    ("attn.a_to_qkv", "img_attn_qkv", "processor_qkv_lora1", ("attn.to_q", "attn.to_k", "attn.to_v")),
    (
        "attn.b_to_qkv",
        "txt_attn_qkv",
        "processor_qkv_lora2",
        ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    ),
    ("attn.a_to_out", "img_attn_proj", "processor_proj_lora1", ("attn.to_out.0",)),
    ("attn.b_to_out", "txt_attn_proj", "processor_proj_lora2", ("attn.to_add_out",)),
    ("ff_a.0", "img_mlp_0", None, ("ff.net.0.proj",)),
    ("ff_a.2", "img_mlp_2", None, ("ff.net.2",)),
    ("ff_b.0", "txt_mlp_0", None, ("ff_context.net.0.proj",)),
    ("ff_b.2", "txt_mlp_2", None, ("ff_context.net.2",)),
)
SINGLE_BLOCK = (
    ("norm.linear", "modulation_lin", None, ("norm.linear",)),
    ("to_qkv_mlp", "linear1", None, ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp")),
    ("proj_out", "linear2", "processor_proj_lora", ("proj_out",)),
    (None, None, "processor_qkv_lora", ("attn.to_q", "attn.to_k", "attn.to_v")),
)
BLOCKS: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    kind: (blocks, {name.replace(".", "_"): to for *spelt, to in table for name in spelt if name})
    for kind, blocks, table in (
        ("double", "transformer_blocks", DOUBLE_BLOCK),
        ("single", "single_transformer_blocks", SINGLE_BLOCK),
    )
}

KEY = re.compile(
    r"(?P<module>.+?)\.(?:(?P<part>lora_A|lora_B|lora_down|lora_up|down|up)(?:\.[^.]+)?\.weight|(?P<alpha>alpha))"
)
PARTS = {name: part for part, names in (("down", "A down"), ("up", "B up")) for name in names.split()}
PARTS |= {f"lora_{name}": part for name, part in PARTS.items()}
BLOCK = re.compile(
    r"(?:lora_unet_|(?:model\.)?diffusion_model\.|pipe\.|dit\.)*(?:(?P<kind>double|single)_)?blocks[._]"
    r"(?P<number>\d+)[._](?P<name>.+)"
)
PEFT_PREFIX = re.compile(r"^(?:base_model\.model\.)?(?:transformer\.|diffusion_model\.)?")
FLAT_PREFIX = "lora_transformer_"
TEXT_ENCODERS = ("lora_te", "text_encoder", "text_encoders.")


def diffusers_names(module: str, transformer: FluxTransformer2DModel) -> list[str]:
    """Return what diffusers calls a file's module: several where it is fused, none where it is no module of FLUX."""
    if module.startswith(FLAT_PREFIX):
        flat = module.removeprefix(FLAT_PREFIX)
        return [name for name, _ in transformer.named_modules() if name.replace(".", "_") == flat]
    match = BLOCK.fullmatch(module)
    if match is None:
        return [peft_name(module)]
    blocks, names = BLOCKS[match["kind"] or "double"]
    return [f"{blocks}.{match['number']}.{layer}" for layer in names.get(match["name"].replace(".", "_"), ())]


def peft_name(module: str) -> str:
    """Return a module's name without what peft, diffusers and ComfyUI put before it."""
    return PEFT_PREFIX.sub("", module)
