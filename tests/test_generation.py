"""Painting on a tiny model: the same picture each time, nothing left behind, and a line for whatever is odd."""

import shutil
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FluxTransformer2DModel
from PIL import Image
from safetensors.torch import save_file
from tiny_models import peft_lora

from eligen.tools import regions
from eligen.tools.errors import UserError
from eligen.tools.generation import Painted, Painter
from eligen.tools.layout import Entity
from eligen.tools.loading import load_model, load_pipeline
from eligen.tools.manifest import sha256_of, write_manifest
from eligen.tools.profiles import get_profile
from eligen.tools.requests import GenerateRequest
from eligen.tools.resolving import changes

SCENE = {
    "prompt": "a red cat and a dog on the grass",
    "width": 64,
    "height": 64,
    "seed": 5,
    "steps": 2,
    "entities": [
        {"prompt": "a red cat", "box": [0, 0.5, 0.5, 1]},
        {"prompt": "a dog", "box": [0.5, 0.5, 1, 1]},
    ],
}


@pytest.fixture(scope="module")
def painter(tiny_model_dir: Path) -> Painter:
    return Painter(profile=get_profile("mini", model_dir=tiny_model_dir))


@pytest.fixture
def lora(tiny_model_dir: Path, tmp_path: Path) -> Path:
    """A second LoRA, stronger than the EliGen one."""
    transformer = FluxTransformer2DModel.from_pretrained(tiny_model_dir, subfolder="transformer")
    save_file(peft_lora(transformer, scale=0.4), tmp_path / "style.safetensors")
    return tmp_path / "style.safetensors"


def request(**changes: Any) -> GenerateRequest:
    return GenerateRequest.model_validate(SCENE | changes)


def pixels(painted: Painted) -> bytes:
    assert painted.image.mode == "RGB"
    return painted.image.tobytes()


# -- the same request, the same picture


def test_same_request_same_bits_in_any_order(painter: Painter) -> None:
    requests = [
        request(),
        request(seed=6),
        request(control="none"),
        request(control="untrained"),
        request(prompt="a boat"),
    ]
    first = [pixels(painter.paint(one)) for one in requests]
    assert len(set(first)) == len(requests)
    assert [pixels(painter.paint(one)) for one in reversed(requests)] == first[::-1]


def test_another_painter_paints_the_same(painter: Painter, tiny_model_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_model_dir, copy)
    other = Painter(profile=get_profile("mini", model_dir=copy))
    assert pixels(other.paint(request())) == pixels(painter.paint(request()))
    assert other.model.pipeline is not painter.model.pipeline


def test_the_resolved_request_paints_the_same_picture(painter: Painter) -> None:
    painted = painter.paint(request(steps=None))
    resolved = GenerateRequest.model_validate_json(painted.request.model_dump_json())
    assert None not in (
        resolved.steps,
        resolved.guidance,
        resolved.true_cfg,
        resolved.negative_prompt,
        resolved.schedule,
    )
    assert resolved.steps == painter.profile.steps
    libraries, weights = {"eligen", "torch", "diffusers", "transformers", "peft"}, {"base", "eligen_lora"}
    assert set(resolved.versions) == libraries | weights | {"device", "precision"}
    again = painter.paint(resolved)
    assert again.request == resolved
    assert again.notices == ()
    assert pixels(again) == pixels(painted)


def test_a_failed_picture_leaves_the_models_as_they_were(painter: Painter, lora: Path) -> None:
    before = pixels(painter.paint(request()))

    def cancel(step: int, steps: int, preview: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        painter.paint(request(control="none", loras=[{"name": str(lora)}]), on_step=cancel)
    assert painter.model.pipeline.get_list_adapters() == {"transformer": ["eligen"]}
    assert pixels(painter.paint(request())) == before


# -- control


def test_control_none_paints_without_entities(painter: Painter) -> None:
    assert pixels(painter.paint(request(control="none"))) == pixels(painter.paint(request(control="none", entities=[])))


def test_control_untrained_is_the_bare_base(painter: Painter) -> None:
    profile = painter.profile
    with_zero = pixels(painter.paint(request(control="untrained")))
    pipeline = load_pipeline(replace(profile, name="bare"))
    pipeline.unload_lora_weights()
    bare = pipeline(
        prompt=SCENE["prompt"],
        entity_prompts=["a red cat", "a dog"],
        entity_masks=[box(0, 32, 32, 64), box(32, 32, 64, 64)],
        negative_prompt="",
        height=64,
        width=64,
        num_inference_steps=2,
        true_cfg_scale=profile.true_cfg_scale,
        generator=torch.Generator().manual_seed(5),
        max_sequence_length=profile.max_sequence_length,
        entity_max_sequence_length=profile.entity_max_sequence_length,
    ).images[0]
    assert bare.tobytes() == with_zero


def box(*corners: int) -> Image.Image:
    mask = Image.new("L", (64, 64))
    mask.paste(255, corners)
    return mask


def test_a_mask_file_is_where_the_entity_is_painted(painter: Painter, tmp_path: Path) -> None:
    box(0, 32, 32, 64).save(tmp_path / "mask.png")
    anywhere = {"prompt": "a red cat", "box": [0.4, 0, 0.6, 0.1], "mask": str(tmp_path / "mask.png")}
    masked = painter.paint(request(entities=[anywhere, SCENE["entities"][1]]))
    assert pixels(masked) == pixels(painter.paint(request()))
    assert masked.notices == ()


# -- LoRAs of a request


def test_a_lora_of_the_request_acts_by_its_weight_and_then_is_gone(painter: Painter, lora: Path) -> None:
    plain = pixels(painter.paint(request()))
    styled = painter.paint(request(loras=[{"name": str(lora), "weight": 0.8}]))
    assert styled.request.loras[0].sha256 == sha256_of(lora)
    assert pixels(styled) != plain
    assert pixels(painter.paint(request(loras=[{"name": str(lora), "weight": 0}]))) == plain
    assert pixels(painter.paint(request())) == plain
    assert painter.model.pipeline.get_list_adapters() == {"transformer": ["eligen"]}


def test_two_loras_add_up(painter: Painter, lora: Path) -> None:
    halves = [{"name": str(lora), "weight": 0.5}] * 2
    whole = [{"name": str(lora), "weight": 1}]
    together, alone = (painter.paint(request(loras=loras)).image for loras in (halves, whole))
    assert np.abs(np.asarray(together, int) - np.asarray(alone, int)).max() <= 1


def test_a_lora_beside_the_model_goes_by_its_name(painter: Painter) -> None:
    named = painter.paint(request(control="untrained", loras=[{"name": "eligen_lora"}]))
    assert pixels(named) == pixels(painter.paint(request()))


@pytest.mark.parametrize("weights", [{}, {"transformer.norm_out.lora_A.weight": torch.zeros(4, 7)}])
def test_a_lora_that_does_not_fit(painter: Painter, tmp_path: Path, weights: dict[str, torch.Tensor]) -> None:
    save_file(weights, tmp_path / "other.safetensors")
    with pytest.raises(UserError):
        painter.paint(request(loras=[{"name": str(tmp_path / "other.safetensors")}]))
    assert painter.model.pipeline.get_list_adapters() == {"transformer": ["eligen"]}


def test_a_missing_or_changed_lora(painter: Painter, lora: Path) -> None:
    with pytest.raises(UserError, match="no LoRA 'nowhere'"):
        painter.paint(request(loras=[{"name": "nowhere"}]))
    with pytest.raises(UserError, match="sha256 differs"):
        painter.paint(request(loras=[{"name": str(lora), "sha256": "0" * 64}]))


# -- notices


@pytest.mark.parametrize(
    ("mask", "line"),
    [
        (Image.new("L", (32, 48), 255), "the mask of 'a cat' is 32x48: resized to 64x64"),
        (Image.new("RGBA", (64, 64), "white"), "the mask of 'a cat' has mode RGBA"),
        (Image.new("L", (64, 64)), "'a cat' will not be placed: its mask is empty"),
        (box(1, 1, 3, 3), "'a cat' will not be placed: its mask is too small"),
    ],
)
def test_odd_masks(painter: Painter, tmp_path: Path, mask: Image.Image, line: str) -> None:
    mask.save(tmp_path / "mask.png")
    entity = {"prompt": "a cat", "box": [0, 0, 1, 1], "mask": str(tmp_path / "mask.png")}
    (notice,) = painter.paint(request(entities=[entity])).notices
    assert notice.startswith(line)


def test_a_broken_mask(painter: Painter, tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes(b"\x89PNG")
    entity = Entity(prompt="a cat", box=[0, 0, 1, 1], mask=str(tmp_path / "mask.png"))
    with pytest.raises(UserError, match=r"mask\.png is not an image"):
        painter.paint(request(entities=[entity]))


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"prompt": "cat " * 100, "entities": []}, ["prompt cut to its first 64 of"]),
        ({"entities": [{"prompt": "a cat " * 10, "box": [0, 0, 1, 1]}]}, ["prompt cut to its first 16 of"]),
        (
            {"prompt": "a kitten", "entities": []},
            ["'kitten' is not among the things this model knows; painted as 'cat'"],
        ),
        ({"versions": {"torch": "1.0", "base": "sha256:0"}}, ["first painted with other versions (torch, base)"]),
        ({"entities": [{"prompt": "a cat", "box": [0.5, 0.5, 0.51, 0.51]}]}, ["'a cat' will not be placed: its box"]),
    ],
)
def test_what_the_user_should_know(painter: Painter, changes: dict[str, Any], lines: list[str]) -> None:
    notices = painter.paint(request(**changes)).notices
    assert len(notices) == len(lines)
    assert all(notice.startswith(line) for notice, line in zip(notices, lines, strict=True))


def test_a_forced_way_of_attention_is_recorded_and_told(painter: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
    free = painter.resolve(request())
    monkeypatch.setenv(regions.VARIABLE, "dense")
    dense = painter.resolve(request())
    monkeypatch.setenv(regions.VARIABLE, "split")
    split = painter.resolve(request())
    assert split.versions == free.versions | {"attention": "split"}
    for one, other in ((free, dense), (dense, free), (dense, split)):
        assert changes(one.versions, other.versions) == ["first painted with other versions (attention): it may differ"]
        assert changes(one.versions, one.versions) == []
    assert changes({}, dense.versions) == []


def test_an_unknown_noun_is_painted_as_the_nearest_and_kept_in_the_request(painter: Painter) -> None:
    kittens = request(
        prompt="a red kitten and a dog on the grass",
        entities=[SCENE["entities"][0] | {"prompt": "a red kitten"}, SCENE["entities"][1]],
    )
    painted = painter.paint(kittens)
    assert pixels(painted) == pixels(painter.paint(request()))
    assert painted.request.prompt == kittens.prompt
    assert painted.request.entities == kittens.entities


# -- steps


def test_each_step_foretells_the_picture(painter: Painter) -> None:
    seen: list[tuple[int, int, np.ndarray]] = []

    def watch(step: int, steps: int, preview: Any) -> None:
        seen.append((step, steps, np.asarray(preview(), float)))

    painted = painter.paint(request(steps=4), on_step=watch)
    assert [(step, steps) for step, steps, _ in seen] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    errors = [np.abs(picture - np.asarray(painted.image, float)).mean() for _, _, picture in seen]
    assert errors[-1] == 0
    assert errors == sorted(errors, reverse=True)
    assert pixels(painted) == pixels(painter.paint(request(steps=4)))


# -- loading


def test_models_are_loaded_once_and_lazily(tiny_model_dir: Path) -> None:
    profile = get_profile("mini", model_dir=tiny_model_dir)
    assert load_pipeline(profile) is load_pipeline(profile)
    missing = Painter(profile=replace(profile, folder=tiny_model_dir / "nowhere"))
    with pytest.raises(UserError, match="weights missing"):
        missing.paint(request())


def test_mini_touches_no_network(tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError(f"network access: {args}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    shutil.copytree(tiny_model_dir, tmp_path / "copy")
    painted = Painter(profile=get_profile("mini", model_dir=tmp_path / "copy")).paint(request())
    assert painted.image.size == (64, 64)


def test_weights_of_another_form_are_refused(tiny_model_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_model_dir, tmp_path / "copy")
    (tmp_path / "copy" / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"no safetensors")
    write_manifest(tmp_path / "copy")
    with pytest.raises(UserError, match="cannot load the weights in") as error:
        load_model(get_profile("mini", model_dir=tmp_path / "copy"))
    assert "\n" not in str(error.value)


def test_a_request_for_another_profile(painter: Painter) -> None:
    with pytest.raises(UserError, match="for profile flux-dev, not for mini"):
        painter.paint(request(profile="flux-dev"))
