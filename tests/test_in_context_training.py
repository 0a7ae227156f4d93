"""The In-Context LoRA trains on canvases of two panels; what it saves stands beside EliGen's."""

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from eligen.tools import lora as loras
from eligen.tools.attention import regional_attention
from eligen.tools.eligen import FluxEliGenPipeline
from eligen.tools.profiles import get_profile
from training import train_in_context
from training.lora_training import load_base
from training.scenes import Thing, World
from training.train_in_context import MODULES, RANK, Panels, alone, held_out, merge, painted_loss


@pytest.fixture(scope="module")
def panels(drawn: Path, tiny_model_dir: Path) -> Panels:
    return Panels(drawn, tiny_model_dir, "cpu", seed=0)


def test_canvases_have_the_mask_on_the_right(panels: Panels) -> None:
    batch, silent = panels.batch(3, random.Random(0)), panels.batch(2, random.Random(0), silent=True)
    assert batch.latents.shape == (3, 16, 8, 16)
    assert batch.cells.shape == (3, 1, 8, 16)
    assert batch.states.shape[::2] == (3, 32)
    assert sum(batch.regions.text_lengths) == batch.states.shape[1] <= 16 + 64
    for canvases in (batch, silent):
        assert not canvases.painted[..., :8].any()
        assert canvases.painted[..., 8:].flatten(1).any(1).all()
    assert silent.regions.text_lengths == (2,)


def test_the_left_shows_the_same_thing_otherwise() -> None:
    rng, thing = random.Random(1), Thing(3, 0.2, 0.3, 0.25, "red", "", False, 0.0)
    drawn = [alone(thing, rng) for _ in range(20)]
    assert {(one.things[0].noun, one.things[0].colour) for one in drawn} == {(3, "red")}
    assert len({one.things[0].size for one in drawn}) == 20
    assert {one.things[0].flip for one in drawn} == {True, False}
    assert len({one.background for one in drawn}) > 5


def test_what_is_held_out_is_never_shown(panels: Panels) -> None:
    nouns = World().nouns
    for shard, row, at in panels.places:
        _, _, _, _, colour, material, *_ = panels.pool.rows[shard][row]["things"][at]
        noun = nouns[panels.pool.rows[shard][row]["things"][at][0]]["noun"]
        assert not held_out(noun, colour or material)
    looks = [(noun["noun"], colour) for noun in nouns for colour in ("red", "green", "blue", "golden")]
    assert 0.08 < sum(held_out(*look) for look in looks) / len(looks) < 0.17
    assert not held_out("cat", "")


def test_only_the_mask_counts(panels: Panels, tiny_model_dir: Path) -> None:
    model, batch = load_base(tiny_model_dir, "float32"), panels.batch(2, random.Random(0))

    def loss(latents: torch.Tensor) -> float:
        torch.manual_seed(0)
        with regional_attention(model), torch.no_grad():
            return painted_loss(model, replace(batch, latents=latents), guidance=1.0).item()

    inside = batch.latents + batch.painted[:, None]
    assert loss(batch.latents) > 0
    assert abs(loss(inside) - loss(batch.latents)) > 1e-3


def test_eligen_is_merged_as_its_adapter_acts(tiny_model_dir: Path) -> None:
    file = tiny_model_dir / "eligen_lora.safetensors"
    merged, pipe = load_base(tiny_model_dir, "float32"), FluxEliGenPipeline.from_pretrained(tiny_model_dir)
    merge(merged, file)
    pipe.load_lora_weights(file)
    pipe.fuse_lora()
    fused = {name.replace(".base_layer", ""): weight for name, weight in pipe.transformer.state_dict().items()}
    for name, weight in merged.state_dict().items():
        assert_close(weight, fused[name])


@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # of norms in float32 under autocast
def test_training_ends_in_a_lora_beside_eligen(drawn: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "in_context_lora.safetensors"
    options = ["--steps", "3", "--batch", "4", "--warmup", "1", "--lora", file, "--runs", tmp_path, "--device", "cpu"]
    train_in_context.main([*map(str, options), "--model", str(tiny_model_dir), "--data", str(drawn), "--fresh"])
    pipe = FluxEliGenPipeline.from_pretrained(tiny_model_dir)
    adapted = loras.adapt(*loras.read(file), pipe.transformer)
    trained = {name for name, _ in pipe.transformer.named_modules() if re.fullmatch(MODULES, name)}
    assert adapted.keys() == trained
    assert {part.rank for part in adapted.values()} == {RANK}
    assert all(part.up.any() for part in adapted.values())
    pipe.load_lora_weights(tiny_model_dir / "eligen_lora.safetensors", "eligen")
    pipe.load_lora_weights(file, "in_context")
    assert pipe.get_active_adapters() == ["eligen", "in_context"]


def test_the_shipped_lora_stays_small() -> None:
    folder = get_profile("mini").folder
    assert folder is not None
    base = load_base(folder, "float32")
    layers = [module for name, module in base.named_modules() if re.fullmatch(MODULES, name)]
    assert 2 * RANK * sum(sum(layer.weight.shape) for layer in layers) < 10**6  # bytes in bfloat16
