"""LoRAs of others: added by name after a look, stacked with EliGen, told when they fight, gone without a trace."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FluxTransformer2DModel
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_models import peft_lora

from eligen.assistant.cli import main
from eligen.assistant.commands.options import parse_loras
from eligen.tools.errors import UserError
from eligen.tools.generation import Painter
from eligen.tools.installed import installed_loras, lora_file, lora_path, remove_lora
from eligen.tools.lora_adding import add_lora
from eligen.tools.manifest import sha256_of
from eligen.tools.profiles import MINI, get_profile
from eligen.tools.requests import GenerateRequest, Lora

KOHYA = Path(__file__).parent / "fixtures" / "parity" / "lora" / "kohya_alpha.safetensors"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ELIGEN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def for_mini() -> dict[str, torch.Tensor]:
    """A small LoRA that fits the mini profile's transformer."""
    with torch.device("meta"):
        config = FluxTransformer2DModel.load_config(MINI.folder, subfolder="transformer")
        outline = FluxTransformer2DModel.from_config(config)
    return {name: weight.float() for name, weight in peft_lora(outline, rank=2, scale=0.05).items()}


@pytest.fixture
def file(for_mini: dict[str, torch.Tensor], tmp_path: Path) -> Path:
    save_file(for_mini, tmp_path / "my style.safetensors")
    return tmp_path / "my style.safetensors"


# -- adding


def test_a_file_is_copied_listed_and_removed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "add", str(file)]) == 0
    assert main(["models", "add", str(file), "--name", "other"]) == 0
    (first, second) = installed_loras()
    assert (first.name, second.name) == ("my-style", "other")
    assert first.profiles == ("mini",)
    assert first.sha256 == sha256_of(first.file) == sha256_of(file)
    file.unlink()
    capsys.readouterr()
    assert main(["models"]) == 0
    assert "LoRA my-style: for mini, " in capsys.readouterr().out
    assert main(["models", "remove", "my-style"]) == 0
    assert [lora.name for lora in installed_loras()] == ["other"]
    assert len(list(lora_path("other").parent.iterdir())) == 2


@pytest.mark.parametrize("suffix", [".bin", ".pt"])
def test_pickled_tensors_are_converted(for_mini: dict[str, torch.Tensor], tmp_path: Path, suffix: str) -> None:
    torch.save({"state_dict": for_mini} if suffix == ".pt" else for_mini, tmp_path / f"look{suffix}")
    added, _ = add_lora(tmp_path / f"look{suffix}")
    kept = load_file(added.file)
    assert kept.keys() == for_mini.keys()
    assert all(torch.equal(kept[name], weight) for name, weight in for_mini.items())


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("was-here",)


def test_nothing_in_a_pickle_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("evil.pt").write_bytes(pickle.dumps({"x": Evil()}))
    torch.save({"x": Evil()}, "zipped.pt")
    for name in ("evil.pt", "zipped.pt"):
        with pytest.raises(UserError, match="more than tensors, which is not loaded"):
            add_lora(Path(name))
    assert not Path("was-here").exists()
    assert not list(installed_loras())


def test_what_is_for_text_encoders_is_left_out_and_told(for_mini: dict[str, torch.Tensor], tmp_path: Path) -> None:
    more = {f"lora_te1_text_model_{i}.lora_down.weight": torch.ones(1, 2) for i in range(3)}
    save_file(for_mini | more, tmp_path / "both.safetensors")
    added, notices = add_lora(tmp_path / "both.safetensors")
    assert notices == ["3 tensors for text encoders were left out"]
    assert load_file(added.file).keys() == for_mini.keys()


def test_alpha_beside_the_weights_is_kept(for_mini: dict[str, torch.Tensor], tmp_path: Path) -> None:
    from eligen.tools.lora import METADATA, read

    config = {"r": 2, "lora_alpha": 4}
    weights = for_mini | {"text_encoder.x.lora_A.weight": torch.ones(1)}
    save_file(weights, tmp_path / "alpha.safetensors", {METADATA: json.dumps(config)})
    added, _ = add_lora(tmp_path / "alpha.safetensors")
    assert read(added.file)[1] == config


def zeroed(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: weight * ("lora_A" in name) for name, weight in tensors.items()}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder, lora: KOHYA, r"mini: a LoRA of another model: .*; flux-dev: a LoRA of another model"),
        (lambda folder, lora: saved(folder, {"conv_in.weight": torch.ones(1, 2)}), "0 modules match"),
        (lambda folder, lora: saved(folder, zeroed(lora)), "no effect"),
        (lambda folder, lora: written(folder / "x.safetensors", b"nothing"), "cannot read the LoRA"),
        (lambda folder, lora: written(folder / "x.pt", b"nothing"), "cannot read the LoRA"),
        (lambda folder, lora: pickled(folder, {1: torch.ones(1)}), "does not hold tensors by name"),
        (lambda folder, lora: pickled(folder, {"state_dict": [1]}), "does not hold tensors by name"),
        (lambda folder, lora: folder / "x.pt", "it is not there"),
        (lambda folder, lora: folder / "x.safetensors", "cannot read the LoRA"),
        (lambda folder, lora: written(folder / "x.gguf", b""), "is no LoRA file"),
    ],
)
def test_what_cannot_be_added(for_mini: dict[str, torch.Tensor], tmp_path: Path, make: Any, says: str) -> None:
    with pytest.raises(UserError, match=says) as error:
        add_lora(make(tmp_path, for_mini))
    assert "\n" not in str(error.value)
    assert not list(lora_path("x").parent.glob("*"))


def saved(folder: Path, tensors: dict[str, torch.Tensor]) -> Path:
    save_file(tensors, folder / "x.safetensors")
    return folder / "x.safetensors"


def pickled(folder: Path, content: Any) -> Path:
    torch.save(content, folder / "x.bin")
    return folder / "x.bin"


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_nothing_is_left_of_what_cannot_be_written(
    for_mini: dict[str, torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    file = tmp_path / f"x{suffix}"
    (torch.save if suffix == ".bin" else save_file)(for_mini, file)

    def full(self: Path, *args: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError, match=r"cannot write to .*: No space left on device"):
        add_lora(file)
    assert not list(lora_path("x").parent.glob("*"))


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../up", "a b", "é", "x" * 65])
def test_names_that_no_lora_can_have(file: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot name a LoRA"):
        add_lora(file, name)


def test_a_name_is_given_once_and_only_what_is_there_is_removed(file: Path) -> None:
    add_lora(file, "look")
    with pytest.raises(UserError, match="there is a LoRA 'look' already"):
        add_lora(file, "look")
    with pytest.raises(UserError, match="no LoRA 'other' that was added; there are: look"):
        remove_lora("other")


# -- naming


def test_loras_are_named_with_a_weight_or_without(file: Path) -> None:
    add_lora(file, "look")
    assert parse_loras(["look", "look:0.5", "look:-1", "look:2"], None) == (
        Lora(name="look"),
        Lora(name="look", weight=0.5),
        Lora(name="look", weight=-1),
        Lora(name="look", weight=2),
    )
    assert parse_loras([f"{file}:0.25"], None) == (Lora(name=str(file), weight=0.25),)
    assert parse_loras(None, None) == ()
    assert lora_file("look", None) == lora_path("look")
    for text, says in (("nope", "no LoRA 'nope'"), ("look:11", "--lora look:11"), ("look:x", "no LoRA 'look:x'")):
        with pytest.raises(UserError, match=says):
            parse_loras([text], None)


# -- painting


@pytest.fixture(scope="module")
def painter(tiny_model_dir: Path) -> Painter:
    return Painter(profile=get_profile("mini", model_dir=tiny_model_dir))


def painted_with(painter: Painter, *loras: Lora, **changes: Any) -> Any:
    fields = {"prompt": "a cat", "width": 64, "height": 64, "seed": 1, "steps": 1, "loras": loras} | changes
    return painter.paint(GenerateRequest.model_validate(fields))


def plain_lora(tiny_model_dir: Path, path: Path, scale: float) -> Path:
    transformer = FluxTransformer2DModel.from_pretrained(tiny_model_dir, subfolder="transformer")
    save_file(peft_lora(transformer, scale=scale), path)
    return path


def test_a_lora_by_name_is_remembered_by_its_digest(painter: Painter, tiny_model_dir: Path) -> None:
    lora_path("look").parent.mkdir(parents=True)
    plain_lora(tiny_model_dir, lora_path("look"), 0.05)
    (used,) = painted_with(painter, Lora(name="look", weight=0.5)).request.loras
    assert used == Lora(name="look", weight=0.5, sha256=sha256_of(lora_path("look")))
    plain_lora(tiny_model_dir, lora_path("look"), 0.06)
    with pytest.raises(UserError, match="sha256 differs"):
        painted_with(painter, used)


def test_two_that_fight_are_told_and_two_that_do_not_are_not(
    painter: Painter, tiny_model_dir: Path, tmp_path: Path
) -> None:
    files = [plain_lora(tiny_model_dir, tmp_path / f"{name}.safetensors", 0.2) for name in ("one", "two")]
    loud, quiet = ([Lora(name=str(file), weight=weight) for file in files] for weight in (1.0, 0.01))
    lines = painted_with(painter, *loud, control="none").notices
    assert any("one.safetensors' and " in line and "fight" in line for line in lines)
    assert painted_with(painter, *quiet, control="none").notices == ()


def test_one_that_does_nothing_or_far_too_much_is_told(painter: Painter, tiny_model_dir: Path, tmp_path: Path) -> None:
    file = plain_lora(tiny_model_dir, tmp_path / "one.safetensors", 0.2)
    nothing = tmp_path / "nothing.safetensors"
    save_file(zeroed(load_file(file)), nothing)
    (line,) = painted_with(painter, Lora(name=str(nothing)), control="none").notices
    assert "has no effect" in line
    (line,) = painted_with(painter, Lora(name=str(file), weight=10), control="none").notices
    assert "lower its weight" in line


def test_one_of_another_model_is_named(painter: Painter) -> None:
    with pytest.raises(UserError, match=r"LoRA '.*kohya_alpha.*': not a LoRA .*: 13 modules match, 13 names do not"):
        painted_with(painter, Lora(name=str(KOHYA)))
    assert painter.model.pipeline.get_list_adapters() == {"transformer": ["eligen"]}


def test_the_command_line_stacks_and_remembers_loras(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lora_path("look").parent.mkdir(parents=True)
    plain_lora(tiny_model_dir, lora_path("look"), 0.05)
    file = plain_lora(tiny_model_dir, tmp_path / "other.safetensors", 0.04)
    model = ["--model-dir", str(tiny_model_dir), "--device", "cpu"]
    out = tmp_path / "out.png"
    loras = ["--lora", "look:0.5", "--lora", str(file)]
    assert main(["design", "a cat", "--out", str(out), "--size", "64x64", "--steps", "1", *loras, *model]) == 0
    used = json.loads(out.with_suffix(".json").read_text())["loras"]
    assert [(lora["name"], lora["weight"]) for lora in used] == [("look", 0.5), (str(file), 1.0)]
    assert [lora["sha256"] for lora in used] == [sha256_of(lora_path("look")), sha256_of(file)]
    assert main(["render", "--input", str(out), "--out", str(tmp_path / "again"), *model]) == 0
    assert Image.open(tmp_path / "again" / "out.png").tobytes() == Image.open(out).tobytes()
    assert main(["render", "--input", str(out), "--out", str(tmp_path / "more"), "--lora", "look", *model]) == 0
    assert len(json.loads((tmp_path / "more" / "out.json").read_text())["loras"]) == 3
    capsys.readouterr()
    assert main(["design", "a cat", "--out", str(out), "--lora", "nope", *model]) == 2
    assert "no LoRA 'nope'" in capsys.readouterr().err
