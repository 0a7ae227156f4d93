"""Models of FLUX's form with random weights, small enough to build in a test session."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel, T5Tokenizer

from eligen.tools.manifest import write_manifest
from eligen.tools.segmentation import SamConfig, build_sam, save_sam

NOUNS = ("cat", "dog", "tree", "boat")
TINY_SAM = SamConfig(
    image_size=64, patch_size=8, embed_dim=16, depth=1, num_heads=2, mlp_ratio=2, window_size=0,
    global_attn_indexes=(0,), use_rel_pos=False, prompt_dim=16, decoder_heads=2, decoder_mlp_dim=16, points_per_side=4,
    pred_iou_thresh=0, stability_score_thresh=0,
)  # fmt: skip
WORDS = (*NOUNS, "a", "red", "blue", "on", "the", "and", "grass", "in", "style", "of")


@dataclass(frozen=True)
class Widths:
    """What makes a FLUX-shaped model small or large; the defaults are small."""

    transformer: dict[str, Any] = field(
        default_factory=lambda: {
            "num_layers": 1,
            "num_single_layers": 1,
            "attention_head_dim": 16,
            "num_attention_heads": 2,
            "joint_attention_dim": 32,
            "pooled_projection_dim": 32,
            "axes_dims_rope": (4, 6, 6),
            "guidance_embeds": True,
        }
    )
    vae_channels: tuple[int, ...] = (8, 8, 16, 16)
    vae_layers: int = 1
    clip: dict[str, Any] = field(
        default_factory=lambda: {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
    )
    t5: dict[str, Any] = field(default_factory=lambda: {"d_model": 32, "d_ff": 64, "d_kv": 16, "num_heads": 2})
    dtype: torch.dtype = torch.float32


def clip_tokenizer() -> CLIPTokenizer:
    """Return a real CLIP tokenizer of single characters and the few words the tests use."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={piece: index for index, piece in enumerate(pieces)}, merges=[], model_max_length=77)


def t5_tokenizer() -> T5Tokenizer:
    """Return a real T5 tokenizer (unigram) of whole words, falling back to letters."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -4.0)]
    pieces += [("▁" + word, -2.0) for word in WORDS if len(word) > 1] + [(letter, -6.0) for letter in letters]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=512)


def build_flux(widths: Widths) -> FluxPipeline:
    """Return a FluxPipeline of these widths with the same random weights each time."""
    tokenizer, tokenizer_2 = clip_tokenizer(), t5_tokenizer()
    marks = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    clip = CLIPTextConfig(num_hidden_layers=1, **marks, **({"vocab_size": len(tokenizer)} | widths.clip))
    gated = {"num_layers": 1, "feed_forward_proj": "gated-gelu", "vocab_size": len(tokenizer_2)}
    t5 = T5Config(**(gated | widths.t5))
    vae = {
        "latent_channels": 16,
        "block_out_channels": widths.vae_channels,
        "layers_per_block": widths.vae_layers,
        "norm_num_groups": min(32, widths.vae_channels[0]),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "scaling_factor": 0.3611,
        "shift_factor": 0.1159,
        "use_quant_conv": False,
        "use_post_quant_conv": False,
    }
    with torch.device("meta"):
        transformer = FluxTransformer2DModel(in_channels=64, **widths.transformer)
        text_encoder_2 = T5EncoderModel(t5)
        autoencoder = AutoencoderKL(**vae)
    text_encoder = CLIPTextModel(clip).to(widths.dtype)
    return FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        transformer=filled(transformer, widths.dtype),
        vae=filled(autoencoder, widths.dtype),
        text_encoder=text_encoder,
        text_encoder_2=filled(text_encoder_2, widths.dtype),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer_2,
    )


def filled(model: torch.nn.Module, dtype: torch.dtype) -> torch.nn.Module:
    """Return a model built on the meta device with weights of one repeated noise: large ones take no time."""
    noise = torch.randn(1_000_003, generator=torch.Generator().manual_seed(0)).to(dtype)
    model.to(dtype).to_empty(device="cpu")
    for name, weight in model.named_parameters():
        if weight.ndim == 1:
            weight.data.fill_(float(name.endswith("weight")))  # norms; the others are biases
        else:
            tiled = noise.repeat(-(-weight.numel() // len(noise)))[: weight.numel()].view_as(weight)
            weight.data.copy_(tiled / weight[0].numel() ** 0.5)
    if isinstance(model, T5EncoderModel):
        model.tie_weights()
    return model


def peft_lora(transformer: FluxTransformer2DModel, rank: int = 4, scale: float = 0.3) -> dict[str, torch.Tensor]:
    """Return a LoRA in the peft layout over the attention of every block, strong enough to see."""
    generator = torch.Generator().manual_seed(1)
    state = {}
    for name, module in transformer.named_modules():
        if isinstance(module, torch.nn.Linear) and name.rpartition(".")[2] in {"to_q", "to_k", "to_v"}:
            for side, shape in (("A", (rank, module.in_features)), ("B", (module.out_features, rank))):
                weight = torch.randn(shape, generator=generator) * scale
                state[f"transformer.{name}.lora_{side}.weight"] = weight.to(module.weight.dtype)
    return state


def save_mini(folder: Path) -> None:
    """Write a folder of the mini profile's form: random weights, a LoRA, a Sam, a vocabulary and a manifest."""
    pipeline = build_flux(Widths())
    pipeline.save_pretrained(folder)
    save_file(peft_lora(pipeline.transformer), folder / "eligen_lora.safetensors")
    torch.manual_seed(2)
    save_sam(build_sam(TINY_SAM), folder / "sam")
    vocabulary = [{"noun": noun, "codepoint": "1F408", "plural": f"{noun}s"} for noun in NOUNS]
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary))
    write_manifest(folder)
