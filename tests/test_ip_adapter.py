"""IP-Adapters: both layouts in circulation, where reference images act, and a pipeline that is left as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FluxPipeline
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

from eligen.tools.attention import ImageTokens, regional_attention
from eligen.tools.eligen import FluxEliGenPipeline
from eligen.tools.errors import UserError
from eligen.tools.ip_adapter import ImageProjection, IPAdapter, load_ip_adapter

SIDE, EMBEDDING = 64, 24
QUICK: dict[str, Any] = {
    "prompt": "a red cat on grass",
    "height": SIDE,
    "width": SIDE,
    "num_inference_steps": 2,
    "max_sequence_length": 12,
    "entity_max_sequence_length": 6,
    "output_type": "latent",
}


@pytest.fixture(scope="module")
def pipe(tiny_model_dir: Path) -> FluxEliGenPipeline:
    pipe = FluxEliGenPipeline.from_pretrained(tiny_model_dir, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def adapter(pipe: FluxEliGenPipeline) -> IPAdapter:
    torch.manual_seed(0)
    return IPAdapter.for_transformer(pipe.transformer, ImageProjection(EMBEDDING, 16, 3, 20)).requires_grad_(False)


def embeds(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, EMBEDDING, generator=torch.Generator().manual_seed(seed))


def half(side: str) -> Image.Image:
    mask = Image.new("L", (SIDE, SIDE))
    mask.paste(255, (0, 0, SIDE // 2, SIDE) if side == "left" else (SIDE // 2, 0, SIDE, SIDE))
    return mask


ENTITIES: dict[str, Any] = {"entity_prompts": ["a dog", "a boat"], "entity_masks": [half("left"), half("right")]}


def latents(pipe: FluxEliGenPipeline, **arguments: Any) -> torch.Tensor:
    return pipe(**QUICK | {"generator": torch.Generator().manual_seed(0)} | arguments).images


@contextmanager
def left_as_it_was(pipe: FluxEliGenPipeline) -> Iterator[None]:
    """Hold that processors, weights and attributes of the transformer are afterwards what they were."""
    processors, weights = dict(pipe.transformer.attn_processors), pipe.transformer.state_dict(keep_vars=True)
    values = {name: weight.clone() for name, weight in weights.items()}
    components, config = dict(pipe.components), dict(pipe.transformer.config)
    yield
    after = pipe.transformer.attn_processors
    assert list(after) == list(processors)
    assert all(after[name] is processor for name, processor in processors.items())
    now = pipe.transformer.state_dict(keep_vars=True)
    assert list(now) == list(weights)
    assert all(now[name] is weights[name] and torch.equal(now[name], value) for name, value in values.items())
    assert dict(pipe.components) == components
    assert dict(pipe.transformer.config) == config


# -- InstantX's layout


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_both_kinds_of_file_hold_the_same_adapter(
    pipe: FluxEliGenPipeline, adapter: IPAdapter, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"ip-adapter{suffix}"
    save(adapter.state_dict(), path)
    loaded = load_ip_adapter(path, pipe.transformer)
    assert loaded.state_dict().keys() == adapter.state_dict().keys()
    prompts = [some.prompt(embeds(2), 0.7) for some in (adapter, loaded)]
    torch.testing.assert_close(prompts[1].blocks, prompts[0].blocks, rtol=0, atol=0)
    assert torch.equal(*(latents(pipe, image_prompts=[prompt]) for prompt in prompts))


def save(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Write tensors as the published files are: flat in a .safetensors, nested by their first name in a .bin."""
    if path.suffix == ".safetensors":
        save_file(tensors, path)
        return
    nested: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        nested.setdefault(part, {})[rest] = tensor
    torch.save(nested, path)


def test_the_golden_adapter_as_a_pickled_file(tmp_path: Path) -> None:
    """Its published form; the parity cases read the same weights from a .safetensors."""
    from diffusers import FluxTransformer2DModel

    golden = Path(__file__).parent / "fixtures" / "parity"
    save(load_file(golden / "ip_adapter" / "ip_a.safetensors"), tmp_path / "ip_a.bin")
    transformer = FluxTransformer2DModel.from_pretrained(golden / "models" / "tiny_a")
    pickled = load_ip_adapter(tmp_path / "ip_a.bin", transformer)
    flat = load_ip_adapter(golden / "ip_adapter" / "ip_a.safetensors", transformer)
    assert len(flat.ip_adapter) == 4
    assert all(torch.equal(weight, flat.state_dict()[name]) for name, weight in pickled.state_dict().items())


def test_a_double_block_adds_what_the_formula_says(pipe: FluxEliGenPipeline, adapter: IPAdapter) -> None:
    """Image queries without positions, keys normed by head, before the output layer; the text is not touched."""
    attention = pipe.transformer.transformer_blocks[0].attn
    generator = torch.Generator().manual_seed(3)
    image, text = (torch.randn(1, count, 32, generator=generator) for count in (16, 6))
    block, tokens = adapter.ip_adapter[0], adapter.image_proj(embeds(2)).flatten(0, 1)[None]
    with torch.no_grad(), regional_attention(pipe.transformer):
        plain = attention(image, text)
        seen = ImageTokens(adapter.prompt(embeds(2), 0.6).blocks)
        styled = attention(image, text, image_tokens=(seen,))

        def heads(features: torch.Tensor) -> torch.Tensor:
            return features.unflatten(-1, (2, 16)).transpose(1, 2)

        query = attention.norm_q(heads(attention.to_q(image)))
        key = heads(block.to_k_ip(tokens))
        key = key / key.pow(2).mean(-1, keepdim=True).add(1e-5).sqrt()
        scores = (query @ key.mT / 4).softmax(-1)
        added = (scores @ heads(block.to_v_ip(tokens))).transpose(1, 2).flatten(2)
        expected = plain[0] + functional.linear(0.6 * added, attention.to_out[0].weight)
    torch.testing.assert_close(styled[0], expected, rtol=0, atol=1e-5)
    assert torch.equal(styled[1], plain[1])


def test_entities_and_reference_images_act_together(pipe: FluxEliGenPipeline, adapter: IPAdapter) -> None:
    prompts = [adapter.prompt(embeds(1))]
    outputs = [latents(pipe, image_prompts=some, **one) for some in ((), prompts) for one in ({}, ENTITIES)]
    for index, one in enumerate(outputs):
        assert all((one - other).abs().max() > 1e-3 for other in outputs[:index])


def test_a_scale_weighs_and_zero_is_nothing(pipe: FluxEliGenPipeline, adapter: IPAdapter) -> None:
    plain = latents(pipe)
    torch.testing.assert_close(latents(pipe, image_prompts=[adapter.prompt(embeds(1), 0.0)]), plain)
    apart = [
        (latents(pipe, image_prompts=[adapter.prompt(embeds(1), scale)]) - plain).norm() for scale in (0.3, 0.6, 1.0)
    ]
    assert apart[0] < apart[1] < apart[2]


def test_images_share_one_attention(pipe: FluxEliGenPipeline, adapter: IPAdapter) -> None:
    one, two = embeds(2).split(1)
    both = latents(pipe, image_prompts=[adapter.prompt(torch.cat([one, two]), [0.8, 0.8])])
    swapped = latents(pipe, image_prompts=[adapter.prompt(torch.cat([two, one]), 0.8)])
    torch.testing.assert_close(both, swapped, rtol=0, atol=1e-5)
    twice = latents(pipe, image_prompts=[adapter.prompt(torch.cat([one, one]), 0.8)])
    alone = latents(pipe, image_prompts=[adapter.prompt(one, 0.8)])
    torch.testing.assert_close(twice, alone, rtol=0, atol=1e-5)
    lopsided = latents(pipe, image_prompts=[adapter.prompt(torch.cat([one, two]), [0.8, 0.1])])
    assert (lopsided - both).abs().max() > 1e-4


def test_the_negative_pass_sees_what_no_image_says(pipe: FluxEliGenPipeline, adapter: IPAdapter) -> None:
    """At scale 1, whatever the scale of the positive pass."""
    prompt, blank = adapter.prompt(embeds(1), 0.4), adapter.prompt(torch.zeros(1, EMBEDDING))
    given = ENTITIES | {"num_inference_steps": 1}
    guided = latents(pipe, image_prompts=[prompt], true_cfg_scale=3.0, negative_prompt="a tree", **given)
    positive = latents(pipe, image_prompts=[prompt], **given)
    negative = latents(pipe, image_prompts=[blank], prompt="a tree", num_inference_steps=1)
    torch.testing.assert_close(guided, negative + 3 * (positive - negative), rtol=0, atol=1e-4)


def one_layer(pipe: FluxEliGenPipeline, layer: str, *prompts: Any) -> torch.Tensor:
    """What image prompts add to the tokens of a block: two texts of 6, one of 12, and 4 x 4 image tokens."""
    told = pipe.conditioning(
        torch.zeros(1, 12, 32), torch.zeros(1, 32), SIDE, SIDE, torch.zeros(1, 2, 6, 32), ENTITIES["entity_masks"]
    )
    told, _ = pipe.with_references(told, None, prompts, (None, None), (None, None))
    generator = torch.Generator().manual_seed(3)
    image, text = (torch.randn(1, count, 32, generator=generator) for count in (16, 24))
    attention = getattr(pipe.transformer, layer)[0].attn
    with regional_attention(pipe.transformer), torch.no_grad():
        outputs = []
        for tokens in (told.image_tokens, ()):
            if layer == "transformer_blocks":
                seen, said = attention(image, text, regions=told.regions, image_tokens=tokens)
                outputs.append(torch.cat([said, seen], dim=1))
            else:
                whole = torch.cat([text, image], dim=1)
                outputs.append(attention(whole, regions=told.regions, image_tokens=tokens))
    return (outputs[0] - outputs[1])[0]


@pytest.mark.parametrize("layer", ["transformer_blocks", "single_transformer_blocks"])
def test_an_entity_s_reference_acts_inside_its_mask_alone(
    pipe: FluxEliGenPipeline, adapter: IPAdapter, layer: str
) -> None:
    whole, own = adapter.prompt(embeds(1)), adapter.prompt(embeds(1, seed=1), entity=1)
    right = torch.zeros(4, 4, dtype=torch.bool)
    right[:, 2:] = True
    texts = layer == "single_transformer_blocks"
    mine = torch.cat([torch.zeros(6), torch.full((6,), float(texts)), torch.zeros(12), right.flatten()]).bool()
    others = torch.cat([torch.full((24,), texts), torch.ones(16)]).bool() & ~mine

    alone, both = one_layer(pipe, layer, own), one_layer(pipe, layer, whole, own)
    assert torch.equal(alone.abs().amax(1) > 0, mine)
    torch.testing.assert_close(both[mine], alone[mine])
    torch.testing.assert_close(both[others], one_layer(pipe, layer, whole)[others])


def test_an_entity_s_reference_reaches_its_side_first(pipe: FluxEliGenPipeline, adapter: IPAdapter) -> None:
    plain = latents(pipe, **ENTITIES)
    styled = latents(pipe, image_prompts=[adapter.prompt(embeds(1), entity=0)], true_cfg_scale=2.0, **ENTITIES)
    assert styled.isfinite().all()
    changed = (latents(pipe, image_prompts=[adapter.prompt(embeds(1), entity=0)], **ENTITIES) - plain).abs().mean(2)
    left, right = changed.view(4, 4).split(2, dim=1)
    assert left.mean() > 2 * right.mean()


def test_the_pipeline_is_left_as_it_was(pipe: FluxEliGenPipeline, adapter: IPAdapter) -> None:
    with left_as_it_was(pipe):
        latents(pipe, image_prompts=[adapter.prompt(embeds(2), 0.5)], true_cfg_scale=2.0, **ENTITIES)

        def fail(*_: Any) -> dict[str, torch.Tensor]:
            raise InterruptedError

        with pytest.raises(InterruptedError):
            latents(pipe, image_prompts=[adapter.prompt(embeds(1))], callback_on_step_end=fail)


def test_several_pictures_with_references(pipe: FluxEliGenPipeline, adapter: IPAdapter) -> None:
    prompts = [adapter.prompt(embeds(1)), adapter.prompt(embeds(1, seed=1), entity=0)]
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    both = latents(pipe, image_prompts=prompts, num_images_per_prompt=2, generator=generators, **ENTITIES)
    for one, seed in zip(both, (1, 2), strict=True):
        alone = latents(pipe, image_prompts=prompts, generator=torch.Generator().manual_seed(seed), **ENTITIES)[0]
        torch.testing.assert_close(one, alone, rtol=0, atol=1e-4)


def test_what_does_not_belong_together_is_refused(pipe: FluxEliGenPipeline, adapter: IPAdapter) -> None:
    prompt = adapter.prompt(embeds(1), entity=2)
    with pytest.raises(UserError, match="for entity 2, which there is not"):
        latents(pipe, image_prompts=[prompt], **ENTITIES)
    with pytest.raises(UserError, match="not both"):
        latents(pipe, image_prompts=[prompt], ip_adapter_image=Image.new("RGB", (8, 8)))
    with pytest.raises(UserError, match="call load_ip_adapter first"):
        latents(pipe, ip_adapter_image=Image.new("RGB", (8, 8)))


def test_files_that_do_not_fit_are_refused(pipe: FluxEliGenPipeline, adapter: IPAdapter, tmp_path: Path) -> None:
    def refused(tensors: dict[str, Any], says: str, name: str = "a.safetensors") -> None:
        save(tensors, tmp_path / name)
        with pytest.raises(UserError, match=says):
            load_ip_adapter(tmp_path / name, pipe.transformer)

    fitting = adapter.state_dict()
    refused({name: tensor for name, tensor in fitting.items() if "ip_adapter.1" not in name}, "2 weights do not fit")
    refused(fitting | {"ip_adapter.0.to_k_ip.weight": torch.zeros(8, 20)}, "1 weights do not fit")
    refused(fitting | {"ip_adapter.2.to_k_ip.weight": torch.zeros(32, 20)}, r"ip_adapter\.2")
    refused(xlabs_adapter(), "XLabs's layout")
    refused({"some.weight": torch.zeros(1)}, "no known layout", "b.bin")
    with pytest.raises(UserError, match="no IP-Adapter at"):
        load_ip_adapter(tmp_path / "missing.bin", pipe.transformer)
    for name, content in (("c.bin", b"words"), ("d.safetensors", b"words"), ("e.bin", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match="can be read"):
            load_ip_adapter(tmp_path / name, pipe.transformer)


def test_a_pickle_that_runs_code_is_refused(pipe: FluxEliGenPipeline, tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"image_proj": Harmful()}, tmp_path / "harm.bin")
    with pytest.raises(UserError, match="can be read"):
        load_ip_adapter(tmp_path / "harm.bin", pipe.transformer)
    assert not (tmp_path / "ran").exists()


# -- XLabs's layout


def xlabs_adapter() -> dict[str, torch.Tensor]:
    """Return random weights as XLabs publishes them, for the tiny transformer's one double block."""
    generator = torch.Generator().manual_seed(5)
    shapes = {
        "ip_adapter_proj_model.proj.weight": (4 * 32, EMBEDDING),
        "ip_adapter_proj_model.proj.bias": (4 * 32,),
        "ip_adapter_proj_model.norm.weight": (32,),
        "ip_adapter_proj_model.norm.bias": (32,),
    }
    for part in ("k", "v"):
        name = f"double_blocks.0.processor.ip_adapter_double_stream_{part}_proj"
        shapes |= {f"{name}.weight": (32, 32), f"{name}.bias": (32,)}
    return {name: torch.randn(shape, generator=generator) * 0.3 for name, shape in shapes.items()}


@pytest.fixture
def xlabs(tiny_model_dir: Path, tmp_path: Path) -> Any:
    """A function that gives any FLUX pipeline an XLabs adapter and its image encoder, by diffusers' own loader."""
    torch.manual_seed(6)
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=16,
        projection_dim=EMBEDDING,
    )  # fmt: skip
    CLIPVisionModelWithProjection(vision).save_pretrained(tmp_path / "encoder")
    CLIPImageProcessor(size=32, crop_size=32).save_pretrained(tmp_path / "encoder")
    save_file(xlabs_adapter(), tmp_path / "ip_adapter.safetensors")

    def load(kind: type[FluxPipeline]) -> Any:
        pipe = kind.from_pretrained(tiny_model_dir, local_files_only=True)
        pipe.set_progress_bar_config(disable=True)
        pipe.load_ip_adapter(
            str(tmp_path),
            weight_name="ip_adapter.safetensors",
            image_encoder_pretrained_model_name_or_path=str(tmp_path / "encoder"),
            image_encoder_dtype=torch.float32,
        )
        pipe.set_ip_adapter_scale(0.8)
        return pipe

    return load


def test_xlabs_adapters_do_what_they_do_in_diffusers(xlabs: Any) -> None:
    image = Image.effect_noise((40, 40), 90).convert("RGB")
    same = {name: value for name, value in QUICK.items() if name != "entity_max_sequence_length"}
    given: dict[str, Any] = {"ip_adapter_image": image, "true_cfg_scale": 2.0, "negative_prompt": "a dog"}
    expected = xlabs(FluxPipeline)(**same, **given, generator=torch.Generator().manual_seed(0)).images
    torch.testing.assert_close(
        latents(xlabs(FluxEliGenPipeline), schedule="flux", **given), expected, rtol=0, atol=1e-5
    )


def test_xlabs_adapters_and_entities_act_together(xlabs: Any) -> None:
    pipe, image = xlabs(FluxEliGenPipeline), Image.new("RGB", (32, 32), "red")
    with left_as_it_was(pipe):
        outputs = [
            latents(pipe, **one, **shown)
            for one in ({}, ENTITIES)
            for shown in ({}, {"ip_adapter_image": image}, {"ip_adapter_image_embeds": [embeds(2)[None]]})
        ]
    for index, one in enumerate(outputs):
        assert all((one - other).abs().max() > 1e-3 for other in outputs[:index])


def test_after_unloading_it_is_the_plain_pipeline(xlabs: Any, pipe: FluxEliGenPipeline) -> None:
    loaded = xlabs(FluxEliGenPipeline)
    assert torch.equal(latents(loaded, **ENTITIES), latents(pipe, **ENTITIES))
    loaded.unload_ip_adapter()
    assert torch.equal(latents(loaded, **ENTITIES), latents(pipe, **ENTITIES))
    assert loaded.image_encoder is None
