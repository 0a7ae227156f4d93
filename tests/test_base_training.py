"""The base and its LoRA train together: what tokens show is known, both learn, and each is saved without the other."""

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
from training import train_base
from training.alignment import LOOKS, Head, Sight, sight
from training.lora_training import add_lora, load_base
from training.scenes import Scene, Thing, World, tight_box
from training.train_base import save_base

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


@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # of norms in float32 under autocast
def test_both_learn(
    drawn: Path, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    folder = tmp_path / "model"
    copytree(tiny_model_dir, folder)
    options = ["--model", folder, "--data", drawn, "--runs", tmp_path, "--device", "cpu", "--batch", "2", "--fresh"]
    monkeypatch.setattr(sys, "argv", ["train_base", *map(str, options), "--minutes", "0.05", "--alone", "0.5"])
    monkeypatch.setitem(train_base.CONFIG, "num_layers", 1)
    monkeypatch.setitem(train_base.CONFIG, "num_single_layers", 2)
    train_base.main()
    assert '"done"' in capsys.readouterr().out
    assert (tmp_path / "base.png").is_file()
    weights = load_file(folder / "transformer" / "diffusion_pytorch_model.safetensors")
    assert not any("lora" in name for name in weights)
    base = FluxTransformer2DModel.from_pretrained(folder / "transformer", torch_dtype=torch.float32)
    adapted = loras.adapt(*loras.read(folder / "eligen_lora.safetensors"), base)
    assert all(part.up.any() for part in adapted.values())
