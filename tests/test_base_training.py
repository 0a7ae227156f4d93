"""The base and its LoRA train together: what tokens show is known, both learn, and each is saved without the other."""

import random
import sys
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
from diffusers import FluxTransformer2DModel
from safetensors.torch import load_file
from torch.testing import assert_close

from eligen.tools import lora as loras
from eligen.tools.attention import regional_attention
from training import train_base
from training.alignment import LOOKS, Head, Sight, sight
from training.entity_batches import DrawnScenes
from training.lora_training import add_lora, load_base
from training.scenes import Scene, Thing, World, tight_box
from training.train_base import Reader, new_base, optimizers, save_base, velocity_error

SIDE = 128


def row(world: World, scene: Scene) -> dict:
    """Return a scene as training.latents stores it."""
    _, (shapes,) = world.draw([scene], SIDE, torch.Generator().manual_seed(0))
    return {
        "background": scene.background, "style": scene.style,
        "things": [list(vars(thing).values()) for thing in scene.things], "boxes": [tight_box(s) for s in shapes],
        "shapes": [np.packbits(s[4::8, 4::8].numpy()).tobytes().hex() for s in shapes],
    }  # fmt: skip


def test_each_token_shows_the_front_most_thing_and_where_in_it_one_is() -> None:
    world = World()
    house = Thing(world_noun(world, "house"), 0.5, 0.5, 0.9, "red")
    ball = Thing(world_noun(world, "ball"), 0.5, 0.5, 0.4, "", "golden", flip=True)
    nothing = len(world.nouns)
    seen = sight([row(world, Scene((house, ball), "white"))], 8, nothing)
    nouns, looks = seen.nouns.view(8, 8), seen.looks.view(8, 8)
    assert nouns[0, 0] == nothing
    assert (nouns[3:5, 3:5] == ball.noun).all()
    assert (looks[3:5, 3:5] == LOOKS["golden"]).all()
    assert nouns[6, 3] == house.noun
    assert looks[6, 3] == LOOKS["red"]
    places = seen.places.view(8, 8, 2)
    assert places[6, 3, 1].item() == pytest.approx((6.5 / 8 - 0.5) * 2 / 0.9)
    assert places[3, 3].tolist() == pytest.approx([0.0625 * 2 / 0.4, -0.0625 * 2 / 0.4])  # mirrored


def world_noun(world: World, name: str) -> int:
    return next(number for number, entry in enumerate(world.nouns) if entry["noun"] == name)


def test_the_head_learns_to_read_what_its_states_hold() -> None:
    torch.manual_seed(0)
    seen = Sight(torch.tensor([[0, 1, 2, 2]]), torch.tensor([[3, 0, 0, 0]]), torch.rand(1, 4, 2))
    head, states = Head(16, 2), torch.randn(1, 7, 16)
    optimizer, before = torch.optim.Adam(head.parameters(), 1e-2), sum(head.losses(states, seen)).item()
    for _ in range(100):
        optimizer.zero_grad()
        sum(head.losses(states, seen)).backward()
        optimizer.step()
    assert sum(head.losses(states, seen)).item() < 0.05 * before


def test_the_base_is_saved_without_its_lora(tiny_model_dir: Path, tmp_path: Path) -> None:
    model = load_base(tiny_model_dir, "float32")
    for parameter in add_lora(model, None):
        torch.nn.init.normal_(parameter)
    save_base(model, tmp_path)
    for ours, theirs in zip(
        FluxTransformer2DModel.from_pretrained(tmp_path).parameters(),
        load_base(tiny_model_dir, "float32").parameters(),
        strict=True,
    ):
        assert_close(ours.float(), theirs.bfloat16().float(), rtol=0, atol=0)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """New bases have three blocks."""
    monkeypatch.setitem(train_base.CONFIG, "num_layers", 1)
    monkeypatch.setitem(train_base.CONFIG, "num_single_layers", 2)


def learnt(drawn: Path, folder: Path, alone: bool) -> tuple[list[float], set[str]]:
    """Train on one batch again and again; return the losses and which of base and LoRA moved."""
    scenes = DrawnScenes(drawn, folder, "cpu")
    torch.manual_seed(0)
    model = new_base(scenes.encoders)
    add_lora(model, None)
    model.requires_grad_(True)
    reader = Reader(model, len(scenes.world.nouns))
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    latents, rows = scenes.pick(2, random.Random(0))
    if alone:
        model.disable_adapters()
    batch = scenes.captioned(latents, ["a", "b"]) if alone else scenes.told(latents, rows, random.Random(0))
    seen, losses = sight(rows, scenes.side // 2, len(scenes.world.nouns)), []
    opts = optimizers(model, reader, 3e-3)
    with regional_attention(model):
        for _ in range(4):
            torch.manual_seed(1)
            error = velocity_error(model, batch, torch.tensor([0.4, 0.8]))
            loss, _ = reader.loss(error, seen, thing=2.0, aligned=0.2)
            loss.backward()
            losses.append(loss.item())
            for opt in opts:
                opt.step()
                opt.zero_grad(set_to_none=True)
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    return losses, {"lora" if ".lora_B." in name else "base" for name in moved if ".lora_A." not in name}


@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # of norms in float32 under autocast
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("alone", "parts"), [(True, {"base"}), (False, {"base", "lora"})])
def test_a_step_moves_the_base_and_the_lora_where_it_is_on(
    alone: bool, parts: set[str], drawn: Path, tiny_model_dir: Path
) -> None:
    losses, moved = learnt(drawn, tiny_model_dir, alone)
    assert losses == sorted(losses, reverse=True)
    assert moved == parts


@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # of norms in float32 under autocast
@pytest.mark.usefixtures("small")
def test_a_run_ends_in_a_base_and_a_lora(
    drawn: Path, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    folder = tmp_path / "model"
    copytree(tiny_model_dir, folder)
    options = ["--model", folder, "--data", drawn, "--runs", tmp_path, "--device", "cpu", "--batch", "2", "--fresh"]
    monkeypatch.setattr(sys, "argv", ["train_base", *map(str, options), "--minutes", "0.05", "--alone", "0.5"])
    train_base.main()
    assert '"done"' in capsys.readouterr().out
    assert (tmp_path / "base.png").is_file()
    weights = load_file(folder / "transformer" / "diffusion_pytorch_model.safetensors")
    assert not any("lora" in name for name in weights)
    base = FluxTransformer2DModel.from_pretrained(folder / "transformer", torch_dtype=torch.float32)
    adapted = loras.adapt(*loras.read(folder / "eligen_lora.safetensors"), base)
    assert all(part.up.any() for part in adapted.values())
