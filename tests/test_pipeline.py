"""The pipeline on a tiny real FLUX: isolation, inpainting, and diffusers' own manners."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from peft import LoraConfig, inject_adapter_in_model
from PIL import Image, ImageDraw
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from eligen.tools import masks
from eligen.tools.attention import EliGenAttnProcessor, regional_attention
from eligen.tools.conditions import Conditioning
from eligen.tools.eligen import FluxEliGenPipeline
from eligen.tools.errors import UserError
from eligen.tools.regions import Regions

SIDE = 64
QUICK: dict[str, Any] = {
    "height": SIDE,
    "width": SIDE,
    "num_inference_steps": 2,
    "max_sequence_length": 12,
    "entity_max_sequence_length": 6,
}


@pytest.fixture(scope="module")
def pipe(tiny_model_dir: Path) -> FluxEliGenPipeline:
    pipe = FluxEliGenPipeline.from_pretrained(tiny_model_dir, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def half(side: str) -> Image.Image:
    mask = Image.new("L", (SIDE, SIDE))
    mask.paste(255, (0, 0, SIDE // 2, SIDE) if side == "left" else (SIDE // 2, 0, SIDE, SIDE))
    return mask


def disc() -> Image.Image:
    mask = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(mask).circle((30, 34), 17, fill=255)
    return mask


def photo(seed: int = 1) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))


def paint(pipe: FluxEliGenPipeline, **arguments: Any) -> Any:
    settings = QUICK | {"prompt": "a red cat on grass", "generator": seeded()} | arguments
    return pipe(**settings).images


def latents(pipe: FluxEliGenPipeline, **arguments: Any) -> torch.Tensor:
    return paint(pipe, output_type="latent", **arguments)


# -- entities


def test_without_entities_it_is_flux(pipe: FluxEliGenPipeline, tiny_model_dir: Path) -> None:
    plain = FluxPipeline.from_pretrained(tiny_model_dir, local_files_only=True)
    plain.set_progress_bar_config(disable=True)
    shared: dict[str, Any] = {"true_cfg_scale": 2.0, "negative_prompt": "a dog"}
    same = {name: value for name, value in QUICK.items() if name != "entity_max_sequence_length"}
    expected = plain("a red cat on grass", generator=seeded(), output_type="latent", **same, **shared).images
    torch.testing.assert_close(latents(pipe, schedule="flux", **shared), expected, rtol=0, atol=1e-5)


def one_layer(pipe: FluxEliGenPipeline, entity_embeds: torch.Tensor) -> torch.Tensor:
    """The image tokens after one regional attention, with two entities, left and right half."""
    tokens = masks.token_masks(masks.latent_masks([half("left"), half("right")], SIDE // 8, SIDE // 8))
    regions = Regions(tokens[None], (6, 6, 12))
    generator = seeded(3)
    image, prompt = torch.randn(1, 16, 32, generator=generator), torch.randn(1, 12, 32, generator=generator)
    attention = pipe.transformer.transformer_blocks[0].attn
    with regional_attention(pipe.transformer), torch.no_grad():
        return attention(image, torch.cat([entity_embeds, prompt], dim=1), regions=regions)[0]


def test_an_entity_s_text_reaches_its_region_and_nothing_else(pipe: FluxEliGenPipeline) -> None:
    before = torch.randn(1, 12, 32, generator=seeded(4))
    after = before.clone()
    after[:, :6] += 1
    changed = (one_layer(pipe, after) - one_layer(pipe, before)).abs().amax(dim=2).view(4, 4)
    assert (changed[:, :2] > 0).all()
    assert (changed[:, 2:] == 0).all()


@pytest.mark.parametrize(
    "config",
    [
        {"attention_head_dim": 24, "num_attention_heads": 1, "axes_dims_rope": (8, 8, 8), "guidance_embeds": False},
        {"attention_head_dim": 8, "num_attention_heads": 5, "axes_dims_rope": (4, 2, 2), "guidance_embeds": True},
    ],
)
def test_models_of_other_shapes_agree_with_diffusers_masked_attention(config: dict[str, Any]) -> None:
    """The stock processors, given the same mask, are a second opinion on any width, head size and guidance."""
    torch.manual_seed(0)
    shape = {"num_layers": 1, "num_single_layers": 2, "joint_attention_dim": 20, "pooled_projection_dim": 12}
    transformer = FluxTransformer2DModel(**shape, **config)
    none = dict.fromkeys(("vae", "text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"))
    pipe = FluxEliGenPipeline(scheduler=FlowMatchEulerDiscreteScheduler(), transformer=transformer, **none)
    entity_embeds, prompt_embeds = torch.randn(1, 3, 5, 20), torch.randn(1, 7, 20)
    shapes = [half("left"), disc(), Image.new("L", (9, 9))]
    told = pipe.conditioning(prompt_embeds, torch.randn(1, 12), SIDE, 2 * SIDE, entity_embeds, shapes)
    noise, timestep = pipe.prepare_noise(SIDE, 2 * SIDE, generator=seeded()), torch.tensor([417.0])
    assert told.regions is not None
    with torch.no_grad():
        stock = transformer(
            hidden_states=noise,
            encoder_hidden_states=told.text,
            pooled_projections=told.pooled_prompt_embeds,
            timestep=timestep / 1000,
            guidance=torch.tensor([2.5]) if config["guidance_embeds"] else None,
            img_ids=told.img_ids,
            txt_ids=torch.zeros(22, 3),
            joint_attention_kwargs={"attention_mask": told.regions.attention_mask},
            return_dict=False,
        )[0]
    torch.testing.assert_close(pipe.predict_noise(noise, timestep, told, 2.5), stock, rtol=0, atol=1e-5)


def test_texts_do_not_see_each_other(pipe: FluxEliGenPipeline) -> None:
    tokens = masks.token_masks(masks.latent_masks([half("left"), Image.new("L", (SIDE, SIDE))], 8, 8))
    allowed = Regions(tokens[None], (2, 3, 4)).attention_mask
    assert allowed.dtype == torch.bool
    assert allowed.shape == (1, 1, 25, 25)
    text = torch.block_diag(*(torch.ones(length, length) for length in (2, 3, 4))).bool()
    assert torch.equal(allowed[0, 0, :9, :9], text)
    assert torch.equal(allowed, allowed.mT)
    assert not allowed[0, 0, 2:5, 9:].any()
    assert allowed[0, 0, 5:, 9:].all()


def test_regions_may_differ_within_a_batch() -> None:
    tokens = torch.rand(3, 2, 16, generator=seeded()) > 0.5
    together = Regions(tokens, (4, 5, 6)).attention_mask
    for one, mask in zip(tokens, together, strict=True):
        assert torch.equal(Regions(one[None], (4, 5, 6)).attention_mask[0], mask)


def test_entities_change_the_picture_and_an_empty_mask_is_inert(pipe: FluxEliGenPipeline) -> None:
    plain = latents(pipe)
    empty = latents(pipe, entity_prompts=["a blue boat"], entity_masks=[Image.new("L", (SIDE, SIDE))])
    torch.testing.assert_close(empty, plain, rtol=0, atol=1e-5)
    entities = latents(pipe, entity_prompts=["a blue boat"], entity_masks=[disc()])
    assert (entities - plain).abs().max() > 1e-4


def test_the_negative_prompt_has_no_entities_unless_asked(pipe: FluxEliGenPipeline) -> None:
    entities: dict[str, Any] = {"entity_prompts": ["a dog"], "entity_masks": [disc()], "negative_prompt": "a tree"}
    given = QUICK | {"num_inference_steps": 1}
    outputs = {
        (scale, on): latents(pipe, **given, **entities, true_cfg_scale=scale, eligen_on_negative=on)
        for scale in (1.0, 0.0, 2.0)
        for on in (False, True)
    }
    bare = latents(pipe, **given | {"prompt": "a tree"})
    torch.testing.assert_close(outputs[0.0, False], bare, rtol=0, atol=1e-5)
    assert (outputs[0.0, True] - bare).abs().max() > 1e-4
    torch.testing.assert_close(outputs[1.0, True], outputs[1.0, False], rtol=0, atol=0)
    guided = 2 * outputs[1.0, False] - bare
    torch.testing.assert_close(outputs[2.0, False], guided, rtol=0, atol=1e-4)


def test_a_missing_negative_prompt_is_the_empty_one(pipe: FluxEliGenPipeline) -> None:
    assert torch.equal(latents(pipe, true_cfg_scale=2.0), latents(pipe, true_cfg_scale=2.0, negative_prompt=""))


# -- the attention processors


def test_processors_are_back_after_use_and_after_errors(pipe: FluxEliGenPipeline) -> None:
    before = dict(pipe.transformer.attn_processors)
    with regional_attention(pipe.transformer):
        inside = dict(pipe.transformer.attn_processors)
        with regional_attention(pipe.transformer):
            assert all(pipe.transformer.attn_processors[name] is one for name, one in inside.items())
        assert all(isinstance(processor, EliGenAttnProcessor) for processor in inside.values())

    def fail(*_: Any) -> dict[str, torch.Tensor]:
        assert isinstance(next(iter(pipe.transformer.attn_processors.values())), EliGenAttnProcessor)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        paint(pipe, callback_on_step_end=fail)
    after = pipe.transformer.attn_processors
    assert after.keys() == before.keys()
    assert all(after[name] is processor for name, processor in before.items())


class AttentionMasks(TorchFunctionMode):
    """Notes the masks that reach scaled dot-product attention."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[torch.Tensor | None] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is functional.scaled_dot_product_attention:
            self.seen.append(kwargs["attn_mask"])
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_gets_one_bool_mask_built_once(tiny_model_dir: Path, dtype: torch.dtype) -> None:
    """Never an fp32 mask beside bf16 queries, which cuDNN attention misreads in silence."""
    pipe = FluxEliGenPipeline.from_pretrained(tiny_model_dir, local_files_only=True, dtype=dtype)
    pipe.set_progress_bar_config(disable=True)
    texts = pipe.embed_both("a cat", None, None, 12)
    told = pipe.conditioning(*texts, SIDE, SIDE, pipe.embed_each(["a dog"], 6), [disc()])
    assert told.regions is not None
    with AttentionMasks() as watched:
        final = pipe.denoise(pipe.prepare_noise(SIDE, SIDE), pipe.prepare_schedule(2, SIDE, SIDE), told)
    assert final.dtype == torch.float32
    layers = len(pipe.transformer.attn_processors)
    assert len(watched.seen) == 2 * layers
    assert all(mask is told.regions.attention_mask for mask in watched.seen)
    assert told.regions.attention_mask.dtype == torch.bool


# -- prompts


def test_prompts_are_encoded_once(tiny_model_dir: Path) -> None:
    pipe = FluxEliGenPipeline.from_pretrained(tiny_model_dir, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    entities: dict[str, Any] = {"entity_prompts": ["a dog", "a dog", "a cat"], "entity_masks": [disc()] * 3}
    first = latents(pipe, **entities)
    assert (pipe.prompt_cache.hits, pipe.prompt_cache.misses) == (1, 4)
    assert torch.equal(latents(pipe, **entities), first)
    assert (pipe.prompt_cache.hits, pipe.prompt_cache.misses) == (6, 4)
    pipe.embed("a dog", 12)
    assert pipe.prompt_cache.misses == 5


def swap(pipe: FluxEliGenPipeline) -> None:
    pipe.text_encoder_2 = type(pipe.text_encoder_2)(pipe.text_encoder_2.config)


def write(pipe: FluxEliGenPipeline) -> None:
    with torch.no_grad():
        pipe.text_encoder_2.encoder.final_layer_norm.weight.mul_(2)


def add_lora(pipe: FluxEliGenPipeline) -> None:
    config = LoraConfig(target_modules=["q"], init_lora_weights=False)
    inject_adapter_in_model(config, pipe.text_encoder_2, adapter_name="style")


@pytest.mark.parametrize("change", [swap, write, add_lora])
def test_embeddings_follow_the_encoder(tiny_model_dir: Path, change: Callable[[FluxEliGenPipeline], None]) -> None:
    pipe = FluxEliGenPipeline.from_pretrained(tiny_model_dir, local_files_only=True)
    before = pipe.embed("a dog", 6)
    assert torch.equal(pipe.embed("a dog", 6), before)
    change(pipe)
    after = pipe.embed("a dog", 6)
    assert pipe.prompt_cache.misses == 2
    assert not torch.equal(after, before)


def test_a_lora_s_weight_on_the_encoder_counts(tiny_model_dir: Path) -> None:
    pipe = FluxEliGenPipeline.from_pretrained(tiny_model_dir, local_files_only=True)
    add_lora(pipe)
    whole = pipe.embed("a dog", 6)
    for layer in pipe.text_encoder_2.modules():
        if hasattr(layer, "set_scale"):
            layer.set_scale("style", 0.5)
    assert not torch.equal(pipe.embed("a dog", 6), whole)


def test_the_cache_forgets_the_oldest(pipe: FluxEliGenPipeline) -> None:
    cache = type(pipe.prompt_cache)(capacity=2)
    made: list[str] = []

    def make(name: str) -> torch.Tensor:
        def tensor() -> torch.Tensor:
            made.append(name)
            return torch.zeros(1)

        return cache.get(name, tensor)

    for name in "abacab":
        make(name)
    assert "".join(made) == "abcb"


def test_token_count_includes_the_end_mark(pipe: FluxEliGenPipeline) -> None:
    assert pipe.token_count("a red cat") == len(pipe.tokenizer_2("a red cat").input_ids)
    assert pipe.token_count("cat " * 700) > 700


def test_embeddings_may_be_given_instead_of_texts(pipe: FluxEliGenPipeline) -> None:
    texts = latents(
        pipe,
        entity_prompts=["a dog", "a boat"],
        entity_masks=[half("left"), half("right")],
        negative_prompt="a tree",
        true_cfg_scale=1.5,
    )
    given = latents(
        pipe,
        prompt=None,
        prompt_embeds=pipe.embed("a red cat on grass", 12),
        pooled_prompt_embeds=pipe.embed_pooled("a red cat on grass"),
        negative_prompt_embeds=pipe.embed("a tree", 12),
        negative_pooled_prompt_embeds=pipe.embed_pooled("a tree"),
        entity_prompt_embeds=pipe.embed_each(["a dog", "a boat"], 6),
        entity_masks=[half("left"), half("right")],
        true_cfg_scale=1.5,
    )
    assert torch.equal(given, texts)


# -- diffusers' manners


def test_the_same_seed_is_the_same_picture(pipe: FluxEliGenPipeline) -> None:
    first, again, other = (np.asarray(paint(pipe, generator=seeded(seed))[0]) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_output_types_agree(pipe: FluxEliGenPipeline) -> None:
    pictures = {kind: paint(pipe, output_type=kind) for kind in ("pil", "np", "pt", "latent")}
    assert pictures["pil"][0].size == (SIDE, SIDE)
    assert pictures["np"].shape == (1, SIDE, SIDE, 3)
    assert pictures["pt"].shape == (1, 3, SIDE, SIDE)
    assert pictures["latent"].shape == (1, 16, 64)
    assert np.array_equal(pictures["np"], pictures["pt"].permute(0, 2, 3, 1).numpy())
    assert np.array_equal(np.asarray(pictures["pil"][0]), (pictures["np"][0] * 255).round())
    assert torch.equal(pipe.decode(pictures["latent"], SIDE, SIDE), pictures["pt"])
    assert isinstance(pipe("a cat", **QUICK, output_type="latent", return_dict=False), tuple)


def test_several_pictures_of_one_prompt(pipe: FluxEliGenPipeline) -> None:
    entities: dict[str, Any] = {"entity_prompts": ["a dog"], "entity_masks": [disc()], "true_cfg_scale": 2.0}
    both = latents(pipe, num_images_per_prompt=2, generator=[seeded(1), seeded(2)], **entities)
    for one, seed in zip(both, (1, 2), strict=True):
        alone = latents(pipe, generator=seeded(seed), **entities)[0]
        torch.testing.assert_close(one, alone, rtol=0, atol=1e-4)


def test_the_callback_sees_and_may_change_every_step(pipe: FluxEliGenPipeline) -> None:
    seen = []

    def callback(
        pipe: Any, step: int, timestep: torch.Tensor, given: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        seen.append((step, timestep.item(), sorted(given), given["latents"].shape))
        return {"latents": torch.zeros_like(given["latents"])}

    final = latents(
        pipe, callback_on_step_end=callback, callback_on_step_end_tensor_inputs=["latents", "prompt_embeds"]
    )
    assert [step for step, *_ in seen] == [0, 1]
    assert [timestep for _, timestep, *_ in seen] == pipe.prepare_schedule(2, SIDE, SIDE).timesteps.tolist()
    assert all(names == ["latents", "prompt_embeds"] and shape == (1, 16, 64) for *_, names, shape in seen)
    assert not final.any()


def test_an_interrupt_stops_after_the_step(pipe: FluxEliGenPipeline) -> None:
    steps: list[int] = []
    stopped_at: list[torch.Tensor] = []

    def callback(
        pipe: Any, step: int, timestep: torch.Tensor, given: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        steps.append(step)
        stopped_at.append(given["latents"])
        pipe._interrupt = step == 1
        return given

    final = latents(pipe, **QUICK | {"num_inference_steps": 4}, callback_on_step_end=callback)
    assert steps == [0, 1]
    assert torch.equal(final, stopped_at[-1])
    assert len(paint(pipe)) == 1


def test_the_pipeline_s_own_scheduler_is_left_alone(pipe: FluxEliGenPipeline) -> None:
    before = pipe.scheduler.sigmas.clone(), dict(pipe.scheduler.config)
    for schedule in ("eligen", "flux"):
        paint(pipe, schedule=schedule, shift=2.0)
    assert torch.equal(pipe.scheduler.sigmas, before[0])
    assert dict(pipe.scheduler.config) == before[1]


@pytest.mark.parametrize("schedule", ["eligen", "flux"])
def test_shift_overrides_either_schedule(pipe: FluxEliGenPipeline, schedule: Any) -> None:
    straight = pipe.prepare_schedule(5, SIDE, SIDE, schedule, 1.0).sigmas
    shifted = pipe.prepare_schedule(5, SIDE, SIDE, schedule, 2.5).sigmas
    torch.testing.assert_close(shifted, 2.5 * straight / (1 + 1.5 * straight), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("schedule", "steps"), [("eligen", 10), ("flux", 3)])
def test_strength_starts_from_less_noise(pipe: FluxEliGenPipeline, schedule: Any, steps: int) -> None:
    sigmas = pipe.prepare_schedule(10, SIDE, SIDE, schedule, 1.0, 0.3).sigmas
    assert len(sigmas) == steps + 1
    assert sigmas[0] == pytest.approx(0.3, abs=0.01)


# -- inpainting


def test_pixels_outside_stay_bit_identical_over_several_edits(pipe: FluxEliGenPipeline) -> None:
    original = picture = photo()
    off = np.asarray(disc()) == 0
    for seed in range(3):
        picture = paint(
            pipe,
            image=picture,
            entity_prompts=["a dog"],
            entity_masks=[disc()],
            true_cfg_scale=3.0,
            negative_prompt="a tree",
            generator=seeded(seed),
        )[0]
        assert np.array_equal(np.asarray(picture)[off], np.asarray(original)[off])
    assert not np.array_equal(np.asarray(picture)[~off], np.asarray(original)[~off])


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_latents_outside_end_where_the_image_was(pipe: FluxEliGenPipeline, strength: float) -> None:
    final = latents(
        pipe, image=photo(), mask_image=disc(), strength=strength, true_cfg_scale=3.0, negative_prompt="dog"
    )
    image = pipe.image_latents(photo(), SIDE, SIDE)
    foreground = pipe.background(image, [disc()], SIDE, SIDE).strengths > 0
    assert (final - image)[~foreground].abs().max() <= 1e-6
    assert (final - image)[foreground].abs().max() > 1e-2


def test_the_mask_defaults_to_the_union_of_the_entities(pipe: FluxEliGenPipeline) -> None:
    left, right = disc(), Image.new("L", (SIDE, SIDE))
    right.paste(255, (40, 0, 64, 24))
    entities: dict[str, Any] = {"entity_prompts": ["a dog", "a boat"], "entity_masks": [left, right]}
    default = np.asarray(paint(pipe, image=photo(), **entities)[0])
    union = np.asarray(paint(pipe, image=photo(), mask_image=masks.union([left, right], SIDE, SIDE), **entities)[0])
    assert np.array_equal(default, union)


def test_inpaint_false_repaints_everything(pipe: FluxEliGenPipeline) -> None:
    entities: dict[str, Any] = {"entity_prompts": ["a dog"], "entity_masks": [disc()]}
    whole = np.asarray(paint(pipe, image=photo(), strength=0.8, inpaint=False, **entities)[0])
    off = np.asarray(disc()) == 0
    assert not np.array_equal(whole[off], np.asarray(photo())[off])


@pytest.mark.parametrize("kind", ["np", "pt"])
def test_pasted_pixels_are_exact_in_floats_too(pipe: FluxEliGenPipeline, kind: str) -> None:
    picture = paint(pipe, image=photo(), mask_image=disc(), output_type=kind)
    values = picture[0] if kind == "np" else picture[0].permute(1, 2, 0).numpy()
    off = np.asarray(disc()) == 0
    assert np.array_equal(values[off], (np.asarray(photo()).astype(np.float32) / 255)[off])


def test_an_empty_mask_repaints_nothing(pipe: FluxEliGenPipeline) -> None:
    picture = paint(pipe, image=photo(), mask_image=Image.new("L", (SIDE, SIDE)))[0]
    assert np.array_equal(np.asarray(picture), np.asarray(photo()))


def test_the_size_defaults_to_the_image_s(pipe: FluxEliGenPipeline) -> None:
    image = photo().resize((48, 32))
    assert paint(pipe, image=image, mask_image=disc(), height=None, width=None)[0].size == (48, 32)


# -- what does not belong together

EMBEDS = torch.zeros(1, 2, 6, 32)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"entity_prompts": ["a dog"], "entity_masks": [disc(), disc()]}, "2 entity masks for 1 entity prompts"),
        ({"entity_prompts": ["a dog"]}, "0 entity masks for 1 entity prompts"),
        ({"entity_masks": [disc()]}, "1 entity masks for 0 entity prompts"),
        ({"entity_prompts": ["a dog"], "entity_prompt_embeds": EMBEDS, "entity_masks": [disc()]}, "not both"),
        ({"prompt": ["a dog", "a cat"]}, "one prompt per call"),
        ({"height": 60}, "64x60 is not a multiple of 16"),
        ({"mask_image": disc()}, "needs an image"),
        ({"inpaint": True}, "needs an image"),
        ({"image": photo(), "inpaint": True}, "needs a mask_image or entity masks"),
        ({"image": photo(), "mask_image": disc(), "inpaint": False}, "makes no sense"),
        ({"image": photo(), "strength": 0.0}, "strength 0.0"),
        ({"image": photo(), "strength": 1.5, "schedule": "flux"}, "strength 1.5"),
    ],
)
def test_contradictions_are_refused(pipe: FluxEliGenPipeline, arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        paint(pipe, **arguments)


def test_prompt_embeds_of_two_prompts_are_refused(pipe: FluxEliGenPipeline) -> None:
    with pytest.raises(UserError, match="one prompt per call, not 2"):
        pipe.conditioning(torch.zeros(2, 12, 32), torch.zeros(2, 32), SIDE, SIDE)


def test_conditioning_puts_the_global_prompt_last(pipe: FluxEliGenPipeline) -> None:
    told = pipe.conditioning(
        torch.full((1, 12, 32), 9.0),
        torch.zeros(1, 32),
        SIDE,
        SIDE,
        torch.arange(2.0).view(1, 2, 1, 1).expand_as(EMBEDS),
        [disc()] * 2,
    )
    assert isinstance(told, Conditioning)
    assert told.text[0, :, 0].tolist() == [0.0] * 6 + [1.0] * 6 + [9.0] * 12
    assert told.regions is not None
    assert told.regions.text_lengths == (6, 6, 12)
