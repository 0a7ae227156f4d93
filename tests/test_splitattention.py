"""Regional attention by its three paths: one result, to rounding."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._dynamo.testing import CompileCounter
from torch.utils._python_dispatch import TorchDispatchMode

from eligen.tools import regions as region_tables
from eligen.tools.compiled import compiled_blocks
from eligen.tools.conditions import Conditioning
from eligen.tools.eligen import FluxEliGenPipeline
from eligen.tools.errors import UserError
from eligen.tools.regions import Regions
from eligen.tools.splitattention import attend, merge, partial

TOKENS = 24


def layout(kinds: str, seed: int = 0) -> torch.Tensor:
    """Return token masks (1, N, TOKENS): r at random, so overlapping; e empty, f full, 1 a single token."""
    generator = torch.Generator().manual_seed(seed)
    made = {
        "r": lambda: torch.rand(TOKENS, generator=generator) > 0.5,
        "e": lambda: torch.zeros(TOKENS, dtype=torch.bool),
        "f": lambda: torch.ones(TOKENS, dtype=torch.bool),
        "1": lambda: torch.arange(TOKENS) == 7,
    }
    return torch.stack([made[kind]() for kind in kinds])[None] if kinds else torch.zeros(1, 0, TOKENS, dtype=torch.bool)


def heads(length: int, batch: int = 1, dtype: torch.dtype = torch.float64, seed: int = 1) -> list[torch.Tensor]:
    """Return queries, keys and values (batch, length, 2, 16)."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, length, 2, 16, generator=generator, dtype=torch.float64).to(dtype) for _ in range(3)]


def by_definition(tensors: list[torch.Tensor], regions: Regions) -> torch.Tensor:
    """Return softmax over the allowed keys, written out in float64."""
    query, key, value = (tensor.double().transpose(1, 2) for tensor in tensors)
    scores = query @ key.mT / query.shape[-1] ** 0.5
    if regions.key_bias is not None:
        scores = scores + regions.key_bias
    scores = scores.masked_fill(~regions.attention_mask, -torch.inf)
    return (scores.softmax(-1) @ value).transpose(1, 2)


CASES = ["", "r", "rr", "rrrrrr", "e", "f", "ef1r", "ee", "ff"]


@pytest.mark.parametrize(("kinds", "path"), list(product(CASES, ["split", "dense"])))
def test_the_paths_agree_with_the_definition_to_the_last_digits_of_float64(kinds: str, path: str) -> None:
    lengths = (*range(3, 3 + len(kinds)), 5)
    regions = Regions(layout(kinds), lengths, wanted=path)
    tensors = heads(sum(lengths) + TOKENS)
    torch.testing.assert_close(attend(*tensors, regions), by_definition(tensors, regions), rtol=0, atol=2e-15)


@pytest.mark.parametrize("path", ["split", "dense"])
def test_a_weighted_token_is_as_many_equal_ones(path: str) -> None:
    """Keys that are equal share one place with bias log m: what the text economy stands on."""
    once = Regions(layout("rf"), (3, 4, 5), torch.tensor([0, 0, 5, 0, 0, 0, 3, 0, 0, 0, 9, 0]).clamp(min=1).log(), path)
    tensors = heads(12 + TOKENS)
    counts = torch.cat([once.text_bias.exp().round().long(), torch.ones(TOKENS, dtype=torch.long)])
    repeated = [tensor.repeat_interleave(counts, dim=1) for tensor in tensors]
    often = Regions(layout("rf"), (7, 6, 13), wanted="dense")
    expected = attend(*repeated, often)[:, counts.cumsum(0) - 1]
    torch.testing.assert_close(attend(*tensors, once), expected, rtol=0, atol=1e-6)  # log m is a float32
    assert (attend(*tensors, replace(once, text_bias=None)) - expected).abs().max() > 0.01


@pytest.mark.parametrize(("kinds", "bias"), [("rr", False), ("ef1r", True)])
def test_blocks_agree_too(kinds: str, bias: bool) -> None:
    torch.compiler.reset()  # after many shapes of other tests it would compile no more, and warn
    lengths = (*range(3, 3 + len(kinds)), 5)
    weights = torch.rand(sum(lengths), generator=torch.Generator().manual_seed(2)) if bias else None
    regions = Regions(layout(kinds), lengths, weights, "flex").prepared()
    tensors = heads(sum(lengths) + TOKENS, dtype=torch.float32)
    torch.testing.assert_close(attend(*tensors, regions).double(), by_definition(tensors, regions), rtol=0, atol=1e-6)


def test_regions_may_differ_within_a_batch() -> None:
    masks = torch.cat([layout("re1"), layout("frr", 3)])
    tensors = heads(14 + TOKENS, batch=2)
    regions = Regions(masks, (4, 3, 2, 5), wanted="split")
    torch.testing.assert_close(attend(*tensors, regions), by_definition(tensors, regions), rtol=0, atol=2e-15)
    shared = Regions(masks[:1], (4, 3, 2, 5), wanted="split")
    torch.testing.assert_close(attend(*tensors, shared), by_definition(tensors, shared), rtol=0, atol=2e-15)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.lists(st.booleans(), min_size=9, max_size=9)), max_size=5),
    st.integers(1, 6),
)
def test_any_layout(entities: list[tuple[int, list[bool]]], whole: int) -> None:
    masks = torch.tensor([mask for _, mask in entities], dtype=torch.bool).view(1, len(entities), 9)
    regions = Regions(masks, (*(length for length, _ in entities), whole), wanted="split")
    tensors = heads(sum(regions.text_lengths) + 9)
    torch.testing.assert_close(attend(*tensors, regions), by_definition(tensors, regions), rtol=0, atol=2e-15)
    assert regions.pairs == regions.attention_mask.sum()


def test_bfloat16_rounds_no_worse_than_a_dense_mask() -> None:
    regions = Regions(layout("rrrfe"), (4, 4, 4, 4, 4, 8))
    tensors = heads(28 + TOKENS, dtype=torch.bfloat16)
    exact = by_definition(tensors, regions)
    off = {path: (attend(*tensors, replace(regions, wanted=path)) - exact).abs() for path in ("dense", "split")}
    assert off["dense"].max() < 0.02
    assert off["split"].max() < 2 * off["dense"].max()
    assert off["split"].mean() < 2 * off["dense"].mean()


class Masks(TorchDispatchMode):
    """Notes the dtypes of masks that reach attention kernels of whatever name."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.dtypes: set[torch.dtype] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "scaled_dot_product" in func.__name__:
            self.calls += 1
            masks = [(kwargs or {}).get(name) for name in ("attn_mask", "attn_bias")] + list(args[3:4])
            self.dtypes |= {mask.dtype for mask in masks if isinstance(mask, torch.Tensor)}
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("path", ["dense", "split"])
@pytest.mark.parametrize("bias", [None, torch.arange(12.0)])
def test_no_fp32_mask_is_put_beside_bfloat16(path: str, bias: torch.Tensor | None) -> None:
    """cuDNN attention would misread it in silence."""
    regions = Regions(layout("rf"), (3, 4, 5), bias, path)
    with Masks() as seen:
        attend(*heads(12 + TOKENS, dtype=torch.bfloat16), regions)
    assert seen.calls
    assert seen.dtypes <= {torch.bool, torch.bfloat16}
    assert bool(seen.dtypes) == (path == "dense" or bias is not None)


def test_strided_inputs_are_read_right() -> None:
    regions = Regions(layout("rr"), (3, 4, 5), wanted="split")
    tensors = heads(12 + TOKENS)
    strided = [tensor.transpose(1, 2).contiguous().transpose(1, 2) for tensor in tensors]
    assert torch.equal(attend(*tensors, regions), attend(*strided, regions))


def test_merging_is_associative_and_knows_the_whole_sum() -> None:
    query, key, value = heads(30)
    parts = [partial(query, key[:, rows], value[:, rows]) for rows in (slice(0, 4), slice(4, 5), slice(5, 30))]
    whole = partial(query, key, value)
    for found in (merge(merge(parts[0], parts[1]), parts[2]), merge(parts[0], merge(parts[1], parts[2]))):
        torch.testing.assert_close(found, whole, rtol=0, atol=2e-15)


# -- compiled code


def test_a_new_layout_does_not_recompile() -> None:
    """Region lists have one length for all layouts of so many entities: what was compiled for one serves the next."""
    counter = CompileCounter()
    compiled = torch.compile(attend, backend=counter, fullgraph=True)
    for seed, kinds in enumerate(["rrr", "1er", "fff", "eee"]):
        regions = Regions(layout(kinds, seed), (4, 4, 4, 8), torch.arange(20) % 4 / 4, "split").prepared()
        tensors = heads(20 + TOKENS, seed=seed)
        torch.testing.assert_close(compiled(*tensors, regions), attend(*tensors, regions), rtol=0, atol=0)
    assert counter.frame_count == 1
    for count in (4, 5, 6, 2):
        regions = Regions(layout("r" * count), (*range(3, 3 + count), 9), wanted="split").prepared()
        tensors = heads(sum(regions.text_lengths) + TOKENS)
        torch.testing.assert_close(compiled(*tensors, regions), attend(*tensors, regions), rtol=0, atol=0)
    assert counter.frame_count <= 3  # once without weights, once for any number of entities


def test_a_compiled_block_serves_new_layouts_and_pictures() -> None:
    """The real block with its processor, told of regions and modulation as the denoising loop does."""
    torch.manual_seed(0)
    transformer = FluxTransformer2DModel(
        num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=8,
        pooled_projection_dim=8, axes_dims_rope=(4, 6, 6), guidance_embeds=False,
    )  # fmt: skip
    none = dict.fromkeys(("vae", "text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"))
    pipe = FluxEliGenPipeline(scheduler=FlowMatchEulerDiscreteScheduler(), transformer=transformer, **none)
    pipe.set_progress_bar_config(disable=True)

    def picture(seed: int) -> torch.Tensor:
        ids = torch.zeros(TOKENS, 3)
        texts = torch.randn(1, 20, 8, generator=torch.Generator().manual_seed(seed))
        regions = Regions(layout("rr1", seed), (4, 4, 4, 8), wanted="split").prepared()
        told = Conditioning(texts[:, 12:], texts[:, 0], ids, texts[:, :12], regions)
        noise = torch.randn(1, TOKENS, 64, generator=torch.Generator().manual_seed(seed))
        return pipe.denoise(noise, pipe.prepare_schedule(3, 64, 64), told)

    expected = [picture(seed) for seed in range(3)]
    counter = CompileCounter()
    found = []
    for seed in range(3):
        with compiled_blocks(transformer, torch.device("cpu"), counter):
            found.append(picture(seed))
    assert counter.frame_count == 2  # one of each kind of block
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert torch.equal(picture(0), expected[0])
    assert counter.frame_count == 2  # and outside nothing is compiled


# -- the choice


def test_the_path_is_chosen_by_what_it_saves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(region_tables.VARIABLE, raising=False)
    assert Regions(layout("rr"), (4, 4, 8)).path == "dense"
    mini = Regions(torch.ones(1, 6, 64, dtype=torch.bool), (16,) * 6 + (64,))
    assert mini.path == "dense"
    large = Regions(torch.arange(4096)[None, None] < torch.full((1, 6, 1), 1024), (512,) * 7)
    assert large.path == "split"
    assert large.pairs == 4608**2 + 6 * (512**2 + 2 * 512 * 1024)
    assert replace(large, wanted="flex").path == "flex"
    short = Regions(torch.zeros(1, 0, 1024, dtype=torch.bool), (32,), torch.arange(32.0))
    assert short.path == "split"  # one call without a mask and one over a few tokens


def test_the_path_can_be_forced_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(region_tables.VARIABLE, "split")
    assert Regions(layout("r"), (4, 4)).path == "split"
    assert Regions(layout("r"), (4, 4), wanted="dense").path == "dense"
    monkeypatch.setenv(region_tables.VARIABLE, "quick")
    with pytest.raises(UserError, match="unknown ELIGEN_ATTENTION 'quick': known are dense, split, flex"):
        Regions(layout("r"), (4, 4)).path  # noqa: B018


def test_gradients_flow_whatever_is_wanted() -> None:
    regions = Regions(layout("rr"), (3, 4, 5), wanted="split")
    tensors = [tensor.requires_grad_() for tensor in heads(12 + TOKENS, dtype=torch.float32)]
    attend(*tensors, regions).square().sum().backward()
    assert all(tensor.grad is not None and tensor.grad.abs().sum() > 0 for tensor in tensors)
