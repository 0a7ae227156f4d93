"""LoRA files: every layout lands on the right weights, exactly, and nothing is loaded by halves."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import FluxTransformer2DModel
from parity import bare_pipeline
from safetensors.torch import load_file, save_file

from eligen.tools import lora
from eligen.tools.conditions import Conditioning
from eligen.tools.eligen import FluxEliGenPipeline
from eligen.tools.errors import UserError

PARITY = Path(__file__).parent / "fixtures" / "parity"
FILES = ("eligen_aligned_bf16", "eligen_raw_bf16", "kohya_alpha", "kohya_mixed_alpha", "peft_all_fp16")
EXACT = 1e-6

Tensors = dict[str, torch.Tensor]


def lora_file(name: str) -> Path:
    return PARITY / "lora" / f"{name}.safetensors"


def make_transformer(heads: int = 3) -> FluxTransformer2DModel:
    torch.manual_seed(0)
    return FluxTransformer2DModel(
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=16,
        num_attention_heads=heads,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=(4, 6, 6),
    )


@pytest.fixture
def pipe() -> FluxEliGenPipeline:
    return bare_pipeline(make_transformer())


def deltas(pipe: FluxEliGenPipeline) -> Tensors:
    """What the active adapters add to each dense weight, by diffusers module name."""
    before = make_transformer().state_dict()
    fused = copy.deepcopy(pipe.transformer)
    fused.fuse_lora()
    after = {name.replace(".base_layer", ""): weight for name, weight in fused.state_dict().items()}
    changes = {name.removesuffix(".weight"): after[name] - weight for name, weight in before.items()}
    return {name: change for name, change in changes.items() if change.any()}


def expected(tensors: Tensors, transformer: FluxTransformer2DModel) -> Tensors:
    """alpha / rank * up @ down, cut by hand: the layouts' own names on the left, rows in the order given."""
    width = transformer.inner_dim
    double = "transformer_blocks.{}."
    single = "single_transformer_blocks.{}."
    cuts: dict[str, list[tuple[str, int]]] = {}
    for number in range(2):
        for stream, attention, mlp, norm, letter in (
            ("img", ("to_q", "to_k", "to_v", "to_out.0"), "ff", "norm1", "a"),
            ("txt", ("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"), "ff_context", "norm1_context", "b"),
        ):
            qkv = [(double.format(number) + f"attn.{name}", width) for name in attention[:3]]
            for name, raw, rows in (
                ("attn_qkv", f"attn.{letter}_to_qkv", qkv),
                ("attn_proj", f"attn.{letter}_to_out", [(double.format(number) + f"attn.{attention[3]}", width)]),
                ("mlp_0", f"ff_{letter}.0", [(double.format(number) + f"{mlp}.net.0.proj", 4 * width)]),
                ("mlp_2", f"ff_{letter}.2", [(double.format(number) + f"{mlp}.net.2", width)]),
                ("mod_lin", f"norm1_{letter}.linear", [(double.format(number) + f"{norm}.linear", 6 * width)]),
            ):
                cuts[f"lora_unet_double_blocks_{number}_{stream}_{name}"] = rows
                cuts[f"blocks.{number}.{raw}"] = rows
        qkv = [(single.format(number) + f"attn.{name}", width) for name in ("to_q", "to_k", "to_v")]
        for name, raw, rows in (
            ("linear1", "to_qkv_mlp", [*qkv, (single.format(number) + "proj_mlp", 4 * width)]),
            ("linear2", "proj_out", [(single.format(number) + "proj_out", width)]),
            ("modulation_lin", "norm.linear", [(single.format(number) + "norm.linear", 3 * width)]),
        ):
            cuts[f"lora_unet_single_blocks_{number}_{name}"] = rows
            cuts[f"single_blocks.{number}.{raw}"] = rows
    found: Tensors = {}
    for key, down in tensors.items():
        if ".lora_down." not in key and ".lora_A." not in key:
            continue
        up = tensors[key.replace("lora_down", "lora_up").replace("lora_A", "lora_B")]
        module = key.partition(".lora_")[0]
        alpha = tensors.get(f"{module}.alpha", torch.tensor(down.shape[0]))
        dense = alpha.float() / down.shape[0] * up.float() @ down.float()
        rows = cuts.get(module, [(module.removeprefix("transformer."), len(dense))])
        names, sizes = zip(*rows, strict=True)
        found |= dict(zip(names, dense.split(sizes), strict=True))
    return found


def assert_same(actual: Tensors, wanted: Tensors) -> None:
    assert actual.keys() == wanted.keys()
    for name, change in wanted.items():
        torch.testing.assert_close(actual[name], change, rtol=0, atol=EXACT)


@pytest.mark.parametrize("name", FILES)
def test_a_file_adds_exactly_its_dense_weights(pipe: FluxEliGenPipeline, name: str) -> None:
    pipe.load_lora_weights(lora_file(name))
    assert_same(deltas(pipe), expected(load_file(lora_file(name)), pipe.transformer))


def without_default(tensors: Tensors) -> Tensors:
    return {key.replace(".default", ""): tensor for key, tensor in tensors.items()}


def under_dit(tensors: Tensors) -> Tensors:
    return {f"pipe.dit.{key}": tensor for key, tensor in tensors.items()}


def bare_peft(tensors: Tensors) -> Tensors:
    return {key.removeprefix("transformer."): tensor for key, tensor in tensors.items()}


def dotted(tensors: Tensors) -> Tensors:
    """The aligned layout as ComfyUI writes it: Black Forest Labs' own names, alphas kept."""
    found = {}
    for key, tensor in tensors.items():
        module, _, rest = key.removeprefix("lora_unet_").partition(".")
        kind, _, _, name = re.fullmatch(r"(double|single)(_blocks_)(\d+)_(\w+)", module).groups()  # type: ignore[union-attr]
        number = re.search(r"\d+", module)[0]  # type: ignore[index]
        for one, other in (("attn_", "attn."), ("mlp_", "mlp."), ("mod_", "mod."), ("modulation_", "modulation.")):
            name = name.replace(one, other)
        found[f"diffusion_model.{kind}_blocks.{number}.{name}.{rest}"] = tensor
    return found


def onetrainer(tensors: Tensors) -> Tensors:
    found = {}
    for key, tensor in tensors.items():
        module, _, part = key.removeprefix("transformer.").partition(".lora_")
        suffix = {"A.weight": "lora_down.weight", "B.weight": "lora_up.weight"}[part]
        found[f"lora_transformer_{module.replace('.', '_')}.{suffix}"] = tensor
    return found


@pytest.mark.parametrize(
    ("name", "spell"),
    [
        ("eligen_raw_bf16", without_default),
        ("eligen_raw_bf16", under_dit),
        ("peft_all_fp16", bare_peft),
        ("peft_all_fp16", onetrainer),
        ("kohya_mixed_alpha", dotted),
    ],
)
def test_other_spellings_of_a_layout(pipe: FluxEliGenPipeline, name: str, spell: Callable[[Tensors], Tensors]) -> None:
    tensors = load_file(lora_file(name))
    pipe.load_lora_weights(spell(tensors))
    assert_same(deltas(pipe), expected(tensors, pipe.transformer))


def test_xlabs_files_add_to_both_streams(pipe: FluxEliGenPipeline) -> None:
    rows = {
        "double_blocks.0.processor.qkv_lora1": [f"transformer_blocks.0.attn.to_{x}" for x in "qkv"],
        "double_blocks.1.processor.qkv_lora2": [f"transformer_blocks.1.attn.add_{x}_proj" for x in "qkv"],
        "double_blocks.1.processor.proj_lora1": ["transformer_blocks.1.attn.to_out.0"],
        "double_blocks.1.processor.proj_lora2": ["transformer_blocks.1.attn.to_add_out"],
        "single_blocks.0.processor.qkv_lora": [f"single_transformer_blocks.0.attn.to_{x}" for x in "qkv"],
    }
    tensors, wanted = {}, {}
    for module, layers in rows.items():
        down, up = torch.randn(3, 48), torch.randn(48 * len(layers), 3)
        tensors |= {f"{module}.down.weight": down, f"{module}.up.weight": up}
        wanted |= dict(zip(layers, (up @ down).split(48), strict=True))
    pipe.load_lora_weights(tensors)
    assert_same(deltas(pipe), wanted)


def test_modules_of_different_ranks_keep_their_own_scale(pipe: FluxEliGenPipeline) -> None:
    tensors = {}
    for rank, module in ((2, "attn.to_q"), (5, "attn.to_k"), (5, "attn.to_v")):
        tensors[f"transformer.transformer_blocks.0.{module}.lora_A.weight"] = torch.randn(rank, 48)
        tensors[f"transformer.transformer_blocks.0.{module}.lora_B.weight"] = torch.randn(48, rank)
    pipe.load_lora_weights(tensors)
    assert_same(deltas(pipe), expected(tensors, pipe.transformer))


def test_alpha_that_diffusers_saved_beside_the_weights_counts(pipe: FluxEliGenPipeline, tmp_path: Path) -> None:
    tensors = load_file(lora_file("peft_all_fp16"))
    config = {"transformer.r": 4, "transformer.lora_alpha": 8, "transformer.alpha_pattern": {"attn.to_q": 2}}
    save_file(tensors, tmp_path / "lora.safetensors", {lora.METADATA: json.dumps(config)})
    pipe.load_lora_weights(tmp_path, weight_name="lora.safetensors")
    wanted = expected(tensors, pipe.transformer)
    assert_same(deltas(pipe), {name: dense * (0.5 if "to_q" in name else 2) for name, dense in wanted.items()})


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ('{"r": 4}', "broken LoRA: lora_adapter_metadata: field .* is missing"),
        ('{"lora_alpha": "8"}', "broken LoRA: lora_adapter_metadata: .*valid number"),
        ('{"lora_alpha": 8, "alpha_pattern": {"(": 2}}', "broken LoRA: lora_adapter_metadata: .*regular expression"),
        ("[8]", "its lora_adapter_metadata is not a JSON object"),
        ("{", "lora_adapter_metadata of the LoRA .*: not JSON"),
    ],
)
def test_broken_metadata_is_one_line(pipe: FluxEliGenPipeline, tmp_path: Path, config: str, says: str) -> None:
    save_file(load_file(lora_file("peft_all_fp16")), tmp_path / "lora.safetensors", {lora.METADATA: config})
    with pytest.raises(UserError, match=says) as caught:
        pipe.load_lora_weights(tmp_path / "lora.safetensors")
    assert "\n" not in str(caught.value)


def test_loras_add_up_by_weight_and_leave_nothing_behind(pipe: FluxEliGenPipeline) -> None:
    first, second = (expected(load_file(lora_file(name)), pipe.transformer) for name in FILES[:2])
    pipe.load_lora_weights(lora_file(FILES[0]), "first", weight=0.5)
    pipe.load_lora_weights(lora_file(FILES[1]), "second", weight=2.0)

    def mixed(a: float, b: float) -> Tensors:
        zero = torch.zeros(())
        return {name: a * first.get(name, zero) + b * second.get(name, zero) for name in first.keys() | second.keys()}

    assert_same(deltas(pipe), mixed(0.5, 2.0))
    pipe.set_adapters(["first", "second"], [1.5, -1.0])
    assert_same(deltas(pipe), mixed(1.5, -1.0))
    pipe.set_adapters(["second"])
    assert_same(deltas(pipe), second)
    pipe.set_adapters(["first"])
    pipe.delete_adapters("second")
    assert pipe.get_list_adapters() == {"transformer": ["first"]}
    assert_same(deltas(pipe), first)
    pipe.unload_lora_weights()
    before = make_transformer().state_dict()
    after = pipe.transformer.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())


def test_bf16_model_keeps_its_dtype_and_follows_the_fp32_one() -> None:
    outputs = []
    for dtype in (torch.float32, torch.bfloat16):
        pipe = bare_pipeline(make_transformer().to(dtype))
        pipe.load_lora_weights(lora_file("eligen_aligned_bf16"))
        assert {weight.dtype for weight in pipe.transformer.parameters()} == {dtype}
        outputs.append(predict(pipe))
    base = predict(bare_pipeline(make_transformer()))
    exact, rounded = outputs
    assert (rounded - exact).abs().mean() < 0.25 * (base - exact).abs().mean()


def predict(pipe: FluxEliGenPipeline) -> torch.Tensor:
    generator = torch.Generator().manual_seed(7)
    text, pooled, latents = (torch.randn(shape, generator=generator) for shape in ((1, 8, 32), (1, 32), (1, 16, 64)))
    img_ids = pipe._prepare_latent_image_ids(1, 4, 4, torch.device("cpu"), torch.float32)
    return pipe.predict_noise(latents, torch.tensor([500.0]), Conditioning(text, pooled, img_ids))


DOWN, ALPHA = (f"lora_unet_single_blocks_0_linear2.{part}" for part in ("lora_down.weight", "alpha"))


def altered(change: Callable[[Tensors], object]) -> Tensors:
    tensors = load_file(lora_file("eligen_aligned_bf16"))
    change(tensors)
    return tensors


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ({}, "it is empty"),
        ({"layers.0.mlp.lora_A.weight": torch.ones(1, 2)}, "0 modules match.*layers.0.mlp"),
        ({"conv_in.weight": torch.ones(1, 2)}, "0 modules match.*conv_in.weight"),
        (
            altered(lambda t: t.update({"text_encoder.q.lora_A.weight": torch.ones(1, 2)})),
            "26 modules match, 1 .*text_e",
        ),
        (altered(lambda t: t.update({"dora_scale": torch.ones(1)})), "1 names do not: dora_scale"),
        (altered(lambda t: t.pop("lora_unet_single_blocks_0_linear2.lora_up.weight")), "has only alpha and down"),
        (altered(lambda t: t.update({DOWN: torch.tensor(1.0)})), r"broken LoRA: .* has \(\) and .* no matrices"),
        (altered(lambda t: t.update({DOWN: torch.ones(0, 48)})), r"broken LoRA: .* has \(0, 48\) and .* no matrices"),
        (altered(lambda t: t.update({ALPHA: torch.ones(2)})), "broken LoRA: .* has 2 alphas"),
    ],
    ids=["empty", "strange module", "no lora", "partly", "dora", "half", "no matrix", "no rank", "alphas"],
)
def test_what_does_not_fit_is_named(pipe: FluxEliGenPipeline, tensors: Tensors, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        pipe.load_lora_weights(tensors)
    assert "\n" not in str(caught.value)
    assert not getattr(pipe.transformer, "peft_config", {})


@pytest.mark.parametrize("name", FILES)
def test_a_lora_of_another_width_shows_both_shapes(name: str) -> None:
    pipe = bare_pipeline(make_transformer(heads=2))
    with pytest.raises(UserError, match=r"LoRA of another model: .*\(4, 48\).* needs \(rank, 32\)"):
        pipe.load_lora_weights(lora_file(name))


@pytest.mark.parametrize("content", [b"", b"not tensors at all", lora_file("kohya_alpha").read_bytes()[:-100]])
def test_a_broken_file_is_one_line(pipe: FluxEliGenPipeline, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot read the LoRA") as caught:
        pipe.load_lora_weights(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(pipe: FluxEliGenPipeline, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read the LoRA .*absent"):
        pipe.load_lora_weights(tmp_path / "absent.safetensors")


def test_adapter_names_are_free_and_without_dots(pipe: FluxEliGenPipeline) -> None:
    pipe.load_lora_weights(lora_file("kohya_alpha"))
    pipe.load_lora_weights(lora_file("kohya_alpha"))
    assert pipe.get_active_adapters() == ["default_0", "default_1"]
    for name in ("default_0", "v1.5"):
        with pytest.raises(UserError, match="in use or contains a dot"):
            pipe.load_lora_weights(lora_file("kohya_alpha"), name)
