"""Golden cases of the reference, and how the pipeline is held to them; what is reached is printed as table rows."""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
from PIL import Image
from safetensors.torch import load_file

from eligen.tools import masks
from eligen.tools.conditions import Conditioning
from eligen.tools.eligen import FluxEliGenPipeline
from eligen.tools.ip_adapter import ImagePrompt, load_ip_adapter

FOLDER = Path(os.environ.get("ELIGEN_PARITY_DIR") or Path(__file__).parent / "fixtures" / "parity")
NOISE_TOLERANCE = 1e-6
BACKGROUND_TOLERANCE = 1e-6
IMAGE_TOKENS_TOLERANCE = 1e-5


def cases() -> list[Path]:
    found = sorted(path.parent for path in FOLDER.glob("*/case.json"))
    if not found:
        raise FileNotFoundError(f"no parity cases in {FOLDER}")
    return found


def bare_pipeline(transformer: FluxTransformer2DModel) -> FluxEliGenPipeline:
    """Return a pipeline that can do all but read text and decode."""
    parts = ("vae", "text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2")
    return FluxEliGenPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), transformer=transformer, **dict.fromkeys(parts)
    )


class Case:
    """One golden case: its configuration, tensors and a pipeline with its model and LoRAs."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.config: dict[str, Any] = json.loads((path / "case.json").read_text())
        self.tensors = load_file(path / "case.safetensors")
        self.height, self.width = self.config["hw"]
        folder = FOLDER / "models" / self.config["model"]
        self.pipe = bare_pipeline(FluxTransformer2DModel.from_pretrained(folder))
        self.pipe.set_progress_bar_config(disable=True)
        for lora in self.config.get("loras") or ():
            self.pipe.load_lora_weights(FOLDER / "lora" / f"{lora['file']}.safetensors", weight=lora["alpha"])

    @property
    def masks(self) -> list[Image.Image]:
        return [Image.fromarray(mask.numpy()) for mask in self.tensors.get("entity_masks_px", ())]

    @cached_property
    def image_prompts(self) -> list[ImagePrompt]:
        """The case's reference images, through its IP-Adapter's file."""
        ip = self.config.get("ip")
        if not ip:
            return []
        file = max((FOLDER / "ip_adapter").glob(f"{ip['file']}.*"))  # .safetensors, where there is a .bin too
        adapter = load_ip_adapter(file, self.pipe.transformer)
        embeds = self.tensors["ip_image_embeds"]
        assert len(embeds) == ip["n_img"]
        if "ip_tokens" in self.tensors:
            self.check_close("ip_tokens", adapter.image_proj(embeds).flatten(0, 1)[None], IMAGE_TOKENS_TOLERANCE)
        return [adapter.prompt(embeds, ip["scale"])]

    def conditioning(self) -> Conditioning:
        names = ("prompt_embeds", "pooled_prompt_embeds")
        told = self.pipe.conditioning(
            *(self.tensors[name] for name in names),
            self.height,
            self.width,
            self.tensors.get("entity_prompt_embeds"),
            self.masks,
        )
        return self.pipe.with_references(told, None, self.image_prompts, (None, None), (None, None))[0]

    def packed(self, name: str) -> torch.Tensor:
        latents = self.tensors[name]
        return self.pipe._pack_latents(latents, *latents.shape)

    def unpacked(self, latents: torch.Tensor) -> torch.Tensor:
        return self.pipe._unpack_latents(latents, self.height, self.width, self.pipe.vae_scale_factor)

    @property
    def guidance(self) -> float:
        return self.tensors["guidance"].item() if "guidance" in self.tensors else self.config["embedded_guidance"]

    def check(self, name: str, actual: torch.Tensor) -> None:
        """Compare with the golden tensor of that name at the case's own tolerance."""
        self.check_close(name, actual, self.config["tolerance"][name])

    def check_close(self, name: str, actual: torch.Tensor, tolerance: float) -> None:
        expected = self.tensors[name]
        assert actual.shape == expected.shape
        self.limit(name, (actual - expected).abs().max().item(), tolerance)

    def limit(self, name: str, reached: float, tolerance: float) -> None:
        print(f"| {self.name} | {name} | {tolerance:.0e} | {reached:.1e} |")
        assert reached <= tolerance, f"{name}: {reached:.3g}"

    def check_all(self) -> None:
        """Hold the masks, and then what the case is about, to the reference."""
        check_masks(self)
        {"forward": check_forward, "denoise": check_denoise}[self.config["kind"]](self)


def check_masks(case: Case) -> None:
    """Rules 1, 2, 3 and 7, exactly."""
    if not case.masks:
        return
    rows, columns = case.height // 8, case.width // 8
    latent = masks.latent_masks(case.masks, rows, columns)
    assert torch.equal(latent, case.tensors["entity_masks_latent"].bool())
    assert torch.equal(masks.token_masks(latent), case.tensors["entity_token_masks"].bool())
    if "attention_allowed" in case.tensors:
        regions = case.conditioning().regions
        assert regions is not None
        assert torch.equal(regions.attention_mask[0, 0], case.tensors["attention_allowed"].bool())
    if "inpaint_foreground_latent" in case.tensors:
        foreground = masks.foreground(case.masks, rows, columns)
        assert torch.equal(foreground, case.tensors["inpaint_foreground_latent"].bool())


def check_forward(case: Case) -> None:
    noise_pred = case.pipe.predict_noise(
        case.packed("latents"), case.tensors["timestep"], case.conditioning(), case.guidance
    )
    case.check("noise_pred", case.unpacked(noise_pred))


def check_denoise(case: Case) -> None:
    config, tensors = case.config, case.tensors
    steps, shift, strength = config["num_inference_steps"], config["sigma_shift"], config["denoising_strength"]
    scheduler = case.pipe.prepare_schedule(steps, case.height, case.width, shift=shift, strength=strength)
    case.check("sigmas", scheduler.sigmas)
    drawn = case.pipe.prepare_noise(case.height, case.width, generator=torch.Generator().manual_seed(config["seed"]))
    case.limit("noise", (case.unpacked(drawn) - tensors["noise"]).abs().max().item(), NOISE_TOLERANCE)
    start = case.packed("noise")
    if "input_latents" in tensors:
        image = case.pipe.image_latents(tensors["input_latents"], case.height, case.width)
        start = case.pipe.noised(image, start, scheduler.sigmas[0])
    case.check("initial_latents", case.unpacked(start))

    trace: list[torch.Tensor] = []

    def record(
        pipe: Any, step: int, timestep: torch.Tensor, tensors: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        trace.append(case.unpacked(tensors["latents"]))
        return tensors

    inpaint = config.get("inpaint", False)
    embeds = {name: tensor for name, tensor in tensors.items() if name.endswith("prompt_embeds")}
    final = case.pipe(
        **embeds,
        entity_masks=case.masks,
        image_prompts=case.image_prompts,
        image=tensors.get("input_latents"),
        inpaint=inpaint,
        strength=strength,
        height=case.height,
        width=case.width,
        num_inference_steps=steps,
        guidance_scale=case.guidance,
        true_cfg_scale=config["cfg_scale"],
        eligen_on_negative=config["on_negative"],
        shift=shift,
        latents=case.packed("noise"),
        output_type="latent",
        callback_on_step_end=record,
    ).images
    assert torch.equal(case.unpacked(final), trace[-1])
    if inpaint and config["cfg_scale"] != 1:
        check_background(case, torch.cat(trace))
    else:
        case.check("latents_trace", torch.cat(trace))
        case.check("final_latents", trace[-1])


def check_background(case: Case, trace: torch.Tensor) -> None:
    """The reference leaves the negative pass unfused, so its background drifts; ours ends where the input was."""
    on = case.tensors["inpaint_foreground_latent"].bool()
    image = case.tensors["input_latents"]

    def drift(latents: torch.Tensor) -> float:
        return (latents - image)[..., ~on].abs().max().item()

    assert drift(case.tensors["final_latents"]) > 1000 * BACKGROUND_TOLERANCE
    print(f"| {case.name} | background, reference | | {drift(case.tensors['final_latents']):.1e} |")
    case.limit("background, ours", drift(trace[-1:]), BACKGROUND_TOLERANCE)
    first = (trace[0] - case.tensors["latents_trace"][0])[..., on]
    case.limit("foreground, first step", first.abs().max().item(), case.config["tolerance"]["latents_trace"])
