"""What makes pictures cheaper, each held to what it promises: nothing changed, or by how much."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.lora import LoraLayer
from PIL import Image

from eligen.tools.conditions import Conditioning
from eligen.tools.eligen import FluxEliGenPipeline
from eligen.tools.errors import UserError
from eligen.tools.merged import merged_loras
from eligen.tools.padding import merge_pads, with_short_texts
from eligen.tools.precomputed import TableRows, precomputed
from eligen.tools.presets import EXACT, PRESETS
from eligen.tools.stepcache import StepCache


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# -- pads


def test_equal_pads_become_few_that_weigh_as_much() -> None:
    words, pad = torch.randn(2, 5, 8, generator=seeded()), torch.randn(1, 1, 8, generator=seeded(1))
    embeds = torch.cat([words, pad.expand(2, 59, 8)], dim=1)
    merged, log_masses = merge_pads(embeds, [5, 3])
    assert merged.shape == (2, 6, 8)
    assert torch.equal(merged[:, :5], words)
    torch.testing.assert_close(merged[:, 5:], pad.expand(2, 1, 8))
    assert log_masses.exp().sum(1).tolist() == pytest.approx([64, 64])
    assert log_masses[0].tolist() == pytest.approx([0, 0, 0, 0, 0, math.log(59)])


@pytest.mark.parametrize(("real", "kept"), [([3], 16), ([13], 32), ([12], 16), ([500], 512), ([512], 512)])
def test_lengths_are_rounded_so_that_few_are_compiled(real: list[int], kept: int) -> None:
    merged, log_masses = merge_pads(torch.randn(1, 512, 4, generator=seeded()), real)
    assert merged.shape[1] == log_masses.shape[1] == kept
    assert log_masses.exp().sum().item() == pytest.approx(512)


# -- steps


def line(name: str) -> Callable[[float], torch.Tensor]:
    slope = {"cond": 2.0, "uncond": -3.0}[name]
    return lambda sigma: torch.tensor([slope * sigma + 1])


def test_passes_are_continued_apart() -> None:
    """Predictions on a line are continued exactly, each pass's own, whatever the other does between."""
    cache = StepCache()
    for number, sigma in enumerate([1.0, 0.9, 0.7, 0.6, 0.2]):
        for name in ("cond", "uncond"):
            computed = number in (0, 1, 3) if name == "cond" else number in (0, 2)
            found = cache.predict(name, sigma, lambda s=sigma, n=name: line(n)(s), computed=computed)
            if number >= 2 or computed:
                torch.testing.assert_close(found, line(name)(sigma))


def test_what_was_never_computed_is_computed() -> None:
    cache = StepCache()
    assert cache.predict("uncond", 0.5, lambda: torch.ones(1), computed=False) == 1
    assert cache.predict("uncond", 0.4, lambda: torch.zeros(1), computed=False) == 1


def test_the_schedule_of_a_preset() -> None:
    fast = PRESETS["fast"]
    assert [step for step in range(10) if fast.computed(step, 10)] == [0, 1, 3, 5, 7, 9]
    assert [step for step in range(9) if fast.computed(step, 9)] == [0, 1, 3, 5, 7, 8]
    assert all(EXACT.computed(step, 9) and EXACT.guided(step, 9) for step in range(9))
    part = replace(EXACT, guidance_from=0.2, guidance_to=0.6)
    assert [step for step in range(10) if part.guided(step, 10)] == [2, 3, 4, 5]


# -- once a picture


@pytest.fixture(scope="module")
def pipe(tiny_model_dir: Path) -> FluxEliGenPipeline:
    pipe = FluxEliGenPipeline.from_pretrained(tiny_model_dir, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def conditionings(pipe: FluxEliGenPipeline) -> list[Conditioning]:
    made = []
    for seed, length in ((1, 7), (2, 4)):
        texts = torch.randn(1, length, 32, generator=seeded(seed)), torch.randn(1, 32, generator=seeded(seed))
        made.append(pipe.conditioning(*texts, 64, 64))
    return made


def test_modulation_and_rotary_tables_are_made_once_and_change_nothing(pipe: FluxEliGenPipeline) -> None:
    told, timesteps = conditionings(pipe), torch.tensor([1000.0, 871.5, 333.3, 2.9])
    noise = pipe.prepare_noise(64, 64, 2, seeded())
    passes = [(timestep, one) for timestep in timesteps for one in told]
    expected = [pipe.predict_noise(noise, *one, 2.5) for one in passes]
    before = {name: id(module) for name, module in pipe.transformer.named_modules()}
    calls: list[str] = []
    watched = [module for module in pipe.transformer.modules() if isinstance(module, torch.nn.Linear)]
    hooks = [module.register_forward_hook(lambda *_: calls.append("linear")) for module in watched]
    with precomputed(pipe.transformer, timesteps, told, 2.5):
        calls.clear()
        found = [pipe.predict_noise(noise, *one, 2.5) for one in passes]
        inside = len(calls) / len(passes)
        replaced = sum(isinstance(module, TableRows) for module in pipe.transformer.modules())
    for hook in hooks:
        hook.remove()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert replaced == 4  # two norms of the double block, one of the single, one at the end
    assert inside == len(watched) - replaced - 6  # neither modulation nor time, guidance and text embedding
    assert {name: id(module) for name, module in pipe.transformer.named_modules()} == before


def test_bfloat16_tables_give_the_same_rows(pipe: FluxEliGenPipeline) -> None:
    told, timesteps = conditionings(pipe), torch.linspace(1000, 3, 50)
    noise = pipe.prepare_noise(64, 64, 1, seeded())
    transformer = pipe.transformer
    pipe.transformer = type(transformer).from_config(transformer.config).to(torch.bfloat16)
    try:
        expected = [pipe.predict_noise(noise, timesteps[i], told[i % 2]) for i in (0, 3, 49)]
        with precomputed(pipe.transformer, timesteps, told, 3.5):
            found = [pipe.predict_noise(noise, timesteps[i], told[i % 2]) for i in (0, 3, 49)]
    finally:
        pipe.transformer = transformer
    torch.testing.assert_close(found, expected, rtol=0, atol=0.03)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_loras_are_multiplied_out_for_a_picture_in_float32(tiny_model_dir: Path, dtype: torch.dtype) -> None:
    pipe = FluxEliGenPipeline.from_pretrained(tiny_model_dir, local_files_only=True, dtype=dtype)
    bare, noise, time = conditionings(pipe)[0], pipe.prepare_noise(64, 64, 1, seeded()), torch.tensor([500.0])
    without = pipe.predict_noise(noise, time, bare)
    for name, weight in (("one", 1.0), ("other", -0.7)):
        pipe.load_lora_weights(tiny_model_dir / "eligen_lora.safetensors", adapter_name=name, weight=weight)
    expected = pipe.predict_noise(noise, time, bare)
    before = {name: id(module) for name, module in pipe.transformer.named_modules()}

    def layers() -> int:
        return sum(isinstance(module, LoraLayer) for module in pipe.transformer.modules())

    count = layers()
    with merged_loras(pipe.transformer):
        inside, found = layers(), pipe.predict_noise(noise, time, bare)
    assert (count > 0, inside) == (True, 0 if dtype == torch.float32 else count)
    assert (expected - without).abs().max() > 1e-3
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert {name: id(module) for name, module in pipe.transformer.named_modules()} == before
    pipe.disable_lora()
    with merged_loras(pipe.transformer):
        torch.testing.assert_close(pipe.predict_noise(noise, time, bare), without, rtol=0, atol=1e-5)


def test_a_call_that_fails_leaves_no_device_behind(pipe: FluxEliGenPipeline) -> None:
    with pytest.raises(UserError, match="inpainting needs an image"):
        pipe("a cat", inpaint=True)
    assert pipe._device is None


# -- the pipeline


SIDE = 64
PICTURE = {
    "height": SIDE,
    "width": SIDE,
    "max_sequence_length": 32,
    "entity_max_sequence_length": 16,
    "output_type": "latent",
}


def half(side: str) -> Image.Image:
    mask = Image.new("L", (SIDE, SIDE))
    mask.paste(255, (0, 0, SIDE // 2, SIDE) if side == "left" else (SIDE // 2, 0, SIDE, SIDE))
    return mask


def latents(pipe: FluxEliGenPipeline, **arguments: Any) -> torch.Tensor:
    entities = {"entity_prompts": ["a dog", "a red boat"], "entity_masks": [half("left"), half("right")]}
    settings = {"prompt": "a cat on grass", "num_inference_steps": 4, "true_cfg_scale": 3.0, "generator": seeded()}
    return pipe(**PICTURE | entities | settings | arguments).images


def test_merged_pads_reach_both_passes_and_change_little(pipe: FluxEliGenPipeline) -> None:
    texts = pipe.embed_both("a cat on grass", None, None, 32)
    told = pipe.conditioning(
        *texts, SIDE, SIDE, pipe.embed_each(["a dog", "a boat"], 16), [half("left"), half("right")]
    )
    short = pipe.shortened(told, ["a dog", "a boat"], "a cat on grass")
    assert short.regions is not None
    assert short.text.shape[1] == sum(short.regions.text_lengths) < told.text.shape[1] / 2
    assert short.regions.text_bias is not None
    assert short.regions.text_bias.exp().sum().item() == pytest.approx(told.text.shape[1])
    alone = pipe.shortened(pipe.conditioning(*texts, SIDE, SIDE), (), "a cat on grass")
    assert alone.regions is not None
    assert alone.regions.token_masks.shape == (1, 0, 16)
    merged = latents(pipe, preset=replace(EXACT, merge_pads=True))
    dropped = latents(pipe, max_sequence_length=6, entity_max_sequence_length=4)
    exact = latents(pipe)
    assert 0 < (merged - exact).abs().mean() < (dropped - exact).abs().mean()


def test_texts_of_equal_pads_lose_nothing(pipe: FluxEliGenPipeline) -> None:
    """In every layer and both block kinds: the whole denoising, when pads are equal, is the same to rounding."""
    noise = pipe.prepare_noise(SIDE, SIDE, 1, seeded())
    embeds = torch.randn(3, 32, 32, generator=seeded(5))
    embeds[:, 4:] = embeds[:, 4:5]
    shapes = [half("left"), half("right")]
    told = pipe.conditioning(embeds[2:], torch.randn(1, 32, generator=seeded()), SIDE, SIDE, embeds[None, :2], shapes)
    short = with_short_texts(told, [4, 4, 4])
    assert short.text.shape[1] == 18
    found, expected = (pipe.denoise(noise, pipe.prepare_schedule(3, SIDE, SIDE), one) for one in (short, told))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("path", ["split", "flex"])
def test_the_whole_denoising_by_another_path(
    pipe: FluxEliGenPipeline, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = replace(EXACT, merge_pads=True)
    expected = latents(pipe), latents(pipe, preset=preset)
    monkeypatch.setenv("ELIGEN_ATTENTION", path)
    found = latents(pipe), latents(pipe, preset=preset)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_steps_and_guidance_are_left_out_as_the_preset_says(pipe: FluxEliGenPipeline) -> None:
    calls: list[int] = []
    hook = pipe.transformer.proj_out.register_forward_hook(lambda *_: calls.append(1))
    counts = []
    for preset in (EXACT, replace(EXACT, guidance_to=0.5), replace(EXACT, compute_every=2), PRESETS["fast"]):
        calls.clear()
        found = latents(pipe, num_inference_steps=8, preset=preset)
        assert found.isfinite().all()
        counts.append(len(calls))
    hook.remove()
    assert counts == [16, 12, 10, 8]


def test_the_exact_preset_changes_nothing(pipe: FluxEliGenPipeline) -> None:
    assert torch.equal(latents(pipe), latents(pipe, preset=EXACT))
