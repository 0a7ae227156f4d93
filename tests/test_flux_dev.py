"""The flux-dev profile on FLUX.1-dev's own widths: loaded, controlled and painted like the real one."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from flux_dev_folder import save_flux_dev, save_loras
from tiny_models import Widths, build_flux, peft_lora

from eligen.assistant.cli import main
from eligen.tools.errors import UserError
from eligen.tools.generation import Painter
from eligen.tools.imagefiles import open_image
from eligen.tools.loading import load_model, load_pipeline
from eligen.tools.profiles import FLUX_DEV, Profile, get_profile
from eligen.tools.requests import GenerateRequest

REQUEST = {
    "id": "cat",
    "prompt": "a red cat and a dog",
    "width": 64,
    "height": 64,
    "seed": 3,
    "steps": 2,
    "true_cfg": 1,
    "entities": [{"prompt": "a red cat", "box": [0, 0, 0.5, 1]}],
}


@pytest.fixture(scope="module")
def flux_dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """FLUX.1-dev's widths in a folder, with aligned.safetensors and raw.safetensors beside it."""
    folder = tmp_path_factory.mktemp("flux")
    save_flux_dev(folder / "FLUX.1-dev")
    save_loras(folder)
    yield folder
    shutil.rmtree(folder)


def profile_of(folder: Path, lora: str) -> Profile:
    return get_profile(
        "flux-dev", model_dir=folder / "FLUX.1-dev", lora_file=folder / f"{lora}.safetensors", environ={}
    )


def test_the_folder_is_flux_dev_in_all_but_depth(flux_dev: Path) -> None:
    transformer, text, vae = (
        json.loads((flux_dev / "FLUX.1-dev" / part / "config.json").read_text())
        for part in ("transformer", "text_encoder_2", "vae")
    )
    assert (transformer["num_attention_heads"], transformer["attention_head_dim"]) == (24, 128)
    assert (transformer["joint_attention_dim"], transformer["pooled_projection_dim"]) == (4096, 768)
    assert transformer["guidance_embeds"] is True
    assert transformer["axes_dims_rope"] == [16, 56, 56]
    assert (text["d_model"], text["d_ff"], text["num_heads"]) == (4096, 10240, 64)
    assert (vae["block_out_channels"], vae["scaling_factor"]) == ([128, 256, 512, 512], 0.3611)


def test_the_command_paints_with_the_profile(
    flux_dev: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps(REQUEST))
    local = ["--model-dir", str(flux_dev / "FLUX.1-dev"), "--lora-file", str(flux_dev / "aligned.safetensors")]
    out = tmp_path / "out"
    assert (
        main(["render", "--input", str(tmp_path / "in.jsonl"), "--out", str(out), "--profile", "flux-dev", *local]) == 0
    )
    assert open_image(out / "cat.png").size == (64, 64)
    painted = json.loads((out / "cat.json").read_text())
    assert (painted["profile"], painted["guidance"], painted["schedule"]) == ("flux-dev", 3.5, "eligen")
    assert "FLUX.1 [dev] Non-Commercial License" in capsys.readouterr().err


def test_the_models_are_bf16_with_the_lora_on_every_layer(flux_dev: Path) -> None:
    pipeline = load_pipeline(profile_of(flux_dev, "aligned"))
    parts = (pipeline.transformer, pipeline.text_encoder, pipeline.text_encoder_2, pipeline.vae)
    assert {part.dtype for part in parts} == {torch.bfloat16}
    adapted = [name for name, _ in pipeline.transformer.named_modules() if name.endswith("lora_A.eligen")]
    assert len(adapted) == 14 + 6


def test_both_lora_layouts_paint_the_same_and_not_the_base(flux_dev: Path) -> None:
    request = GenerateRequest.model_validate(REQUEST)
    profile = replace(profile_of(flux_dev, "aligned"), max_sequence_length=32, entity_max_sequence_length=16)
    aligned = Painter(profile=profile)
    raw = Painter(profile=replace(profile, lora_file=flux_dev / "raw.safetensors"))
    controlled = aligned.paint(request).image.tobytes()
    assert raw.paint(request).image.tobytes() == controlled
    assert aligned.paint(request.model_copy(update={"control": "untrained"})).image.tobytes() != controlled
    assert aligned.paint(request).image.tobytes() == controlled


def test_a_lora_of_another_width(flux_dev: Path) -> None:
    lora = peft_lora(build_flux(Widths()).transformer)
    pipeline = load_pipeline(profile_of(flux_dev, "aligned"))
    with pytest.raises(UserError, match="a LoRA of another model"):
        pipeline.load_lora_weights(lora, adapter_name="other")
    assert pipeline.get_list_adapters() == {"transformer": ["eligen"]}


# -- what is missing


@pytest.fixture
def tiny_flux(tiny_model_dir: Path, tmp_path: Path) -> Profile:
    """The flux-dev profile on a copy of the tiny folder."""
    shutil.copytree(tiny_model_dir, tmp_path / "copy")
    return get_profile("flux-dev", model_dir=tmp_path / "copy", environ={})


def refusal(profile: Profile, **options: str) -> str:
    with pytest.raises(UserError) as error:
        load_model(profile, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_missing_and_broken_parts(tiny_flux: Profile) -> None:
    assert tiny_flux.folder is not None
    weights = tiny_flux.folder / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert refusal(tiny_flux).startswith(f"cannot load the weights in {tiny_flux.folder}")
    weights.unlink()
    assert refusal(tiny_flux).startswith(f"cannot load the weights in {tiny_flux.folder}")
    shutil.rmtree(tiny_flux.folder / "vae")
    assert refusal(tiny_flux) == f"weights missing: {tiny_flux.folder} has no vae/ folder"


def test_a_missing_lora_file(tiny_flux: Profile) -> None:
    assert "no EliGen LoRA at" in refusal(replace(tiny_flux, lora_file=Path("nowhere.safetensors")))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu(tiny_flux: Profile) -> None:
    assert refusal(FLUX_DEV).startswith("no GPU found, and a model of 33.7 GB takes hours a picture")
    assert refusal(tiny_flux, device="cuda").startswith("no GPU found for --device cuda")
    assert refusal(tiny_flux, offload="model").startswith("--offload model moves models")


def test_missing_memory(tiny_flux: Profile) -> None:
    endless = replace(tiny_flux, folder=None, component_bytes=(("transformer", 10**18),))
    assert refusal(endless, device="cpu").startswith("not enough main memory: 1100000000.0 GB needed")


def test_unknown_options(tiny_flux: Profile) -> None:
    assert refusal(tiny_flux, offload="disk").startswith("unknown --offload 'disk'")
    assert refusal(tiny_flux, quantization="int1").startswith("unknown --quantization 'int1'")


@pytest.mark.parametrize(("quantization", "package"), [("int8", "torchao"), ("nf4", "bitsandbytes")])
def test_a_missing_package(tiny_flux: Profile, quantization: str, package: str) -> None:
    if find_spec(package):
        pytest.skip(f"{package} is installed")
    assert f"needs the package {package}" in refusal(tiny_flux, quantization=quantization)


def test_weights_stored_in_float8(tiny_flux: Profile) -> None:
    """Half of the transformer's memory, nearly the same picture, and no part of a LoRA in float8."""
    request = GenerateRequest.model_validate(REQUEST)
    profile = replace(tiny_flux, max_sequence_length=32, entity_max_sequence_length=16)
    whole, small = Painter(profile=profile), Painter(profile=profile, quantization="fp8-storage")
    before, after = (painter.paint(request).image for painter in (whole, small))
    assert before.tobytes() != after.tobytes()
    assert np.abs(np.asarray(before, int) - np.asarray(after, int)).mean() < 4
    weights = small.model.pipeline.transformer.state_dict()
    stored = {name for name, weight in weights.items() if weight.dtype == torch.float8_e4m3fn}
    assert {name for name in weights if name.endswith("ff.net.2.base_layer.weight")} <= stored
    assert not [name for name in stored if "lora_" in name or "norm" in name]
    assert small.paint(request).image.tobytes() == after.tobytes()
    assert small.model.precision == "fp8-storage"


def test_int8_weights(tiny_flux: Profile) -> None:
    pytest.importorskip("torchao")
    request = GenerateRequest.model_validate(REQUEST)
    profile = replace(tiny_flux, dtype="float32", max_sequence_length=32, entity_max_sequence_length=16)
    whole, small = Painter(profile=profile), Painter(profile=profile, quantization="int8")
    before, after = (painter.paint(request).image for painter in (whole, small))
    assert before.tobytes() != after.tobytes()
    assert np.abs(np.asarray(before, int) - np.asarray(after, int)).mean() < 4
