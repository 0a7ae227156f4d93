"""Styles of reference pictures, from requests to pictures: what acts, what is remembered, what is missing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

from eligen.assistant.cli import main
from eligen.assistant.context import Context
from eligen.assistant.plan import Compose, Move, Plan, Style
from eligen.assistant.session import Session
from eligen.tools.errors import EligenError, ToolError, UserError
from eligen.tools.generation import Painter
from eligen.tools.ip_adapter import ImageProjection, IPAdapter
from eligen.tools.layout import Box, Entity, StyleImage
from eligen.tools.metadata import write_picture
from eligen.tools.overlay import draw_layout
from eligen.tools.profiles import FLUX_DEV, HubFiles, Profile, get_profile
from eligen.tools.requestfiles import read_request
from eligen.tools.requests import GenerateRequest, InpaintRequest
from eligen.tools.styling import ImageEncoder, Stylist

TOWER = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 8}
LEFT = Entity(id="cat-1", prompt="a cat", box=Box(x0=0.0, y0=0.0, x1=0.5, y1=1.0))
RIGHT = Entity(id="dog-1", prompt="a dog", box=Box(x0=0.5, y0=0.0, x1=1.0, y1=1.0))
REQUEST = GenerateRequest(
    prompt="a cat and a dog", width=64, height=64, seed=3, entities=(LEFT, RIGHT), steps=2, true_cfg=2.0
)


@pytest.fixture(scope="session")
def styled_dir(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parts that styling needs beside a tiny model: a CLIP pair and an IP-Adapter, of random weights."""
    folder = tmp_path_factory.mktemp("styled")
    torch.manual_seed(7)
    text = {**TOWER, "vocab_size": 60, "max_position_embeddings": 16}
    text.pop("patch_size")
    CLIPModel(CLIPConfig(text_config=text, vision_config={**TOWER, "image_size": 32})).save_pretrained(folder / "clip")
    painter = Painter(profile=replace(get_profile(model_dir=tiny_model_dir), has_manifest=False))
    width = ImageEncoder(folder / "clip", painter.profile.image_features).width
    adapter = IPAdapter.for_transformer(painter.model.pipeline.transformer, ImageProjection(width, 16, 4, 8))
    save_file({name: 3 * weight for name, weight in adapter.state_dict().items()}, folder / "ip_adapter.safetensors")
    return folder


@pytest.fixture(scope="session")
def profile(tiny_model_dir: Path, styled_dir: Path) -> Profile:
    parts = {"ip_adapter_file": styled_dir / "ip_adapter.safetensors", "image_encoder_folder": styled_dir / "clip"}
    return replace(get_profile(model_dir=tiny_model_dir), **parts)


@pytest.fixture(scope="session")
def painter(profile: Profile) -> Painter:
    return Painter(profile=profile)


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[str, str]:
    """Two pictures of quite different looks."""
    Image.effect_noise((48, 30), 120).convert("RGB").save(tmp_path / "rough.png")
    Image.new("RGB", (20, 20), (250, 90, 20)).save(tmp_path / "plain.png")
    return str(tmp_path / "rough.png"), str(tmp_path / "plain.png")


def styled(*styles: StyleImage, request: GenerateRequest = REQUEST) -> GenerateRequest:
    return request.model_copy(update={"style_images": styles})


def painted(painter: Painter, *styles: StyleImage, request: GenerateRequest = REQUEST) -> np.ndarray:
    return np.asarray(painter.paint(styled(*styles, request=request)).image).astype(int)


# -- what acts


def test_a_reference_picture_changes_the_picture_by_its_scale(painter: Painter, pictures: tuple[str, str]) -> None:
    rough, plain = pictures
    bare = painted(painter)
    assert np.array_equal(painted(painter, StyleImage(image=rough, scale=0)), bare)
    outputs = [bare, *(painted(painter, StyleImage(image=name, scale=s)) for name in (rough, plain) for s in (0.5, 1))]
    outputs.append(painted(painter, StyleImage(image=rough), StyleImage(image=plain)))
    for index, one in enumerate(outputs):
        assert all(np.abs(one - other).max() > 0 for other in outputs[:index])
    assert np.array_equal(painted(painter, StyleImage(image=rough)), outputs[2])


def test_a_style_of_one_entity_is_felt_on_its_side(painter: Painter, pictures: tuple[str, str]) -> None:
    bare, own = painted(painter), painted(painter, StyleImage(image=pictures[0], entity="cat-1"))
    change = np.abs(own - bare).mean(axis=2)
    assert change[:, :32].mean() > 1.5 * change[:, 32:].mean()
    both = StyleImage(image=pictures[0], entity="cat-1"), StyleImage(image=pictures[1])
    assert not np.array_equal(painted(painter, *both), own)


def test_without_entity_control_nothing_has_a_place(painter: Painter, pictures: tuple[str, str]) -> None:
    uncontrolled = REQUEST.model_copy(update={"control": "none"})
    one = painter.paint(styled(StyleImage(image=pictures[0], entity="cat-1"), request=uncontrolled))
    assert "styles of single things were not used" in " ".join(one.notices)
    assert np.array_equal(np.asarray(one.image), painted(painter, request=uncontrolled))
    assert not np.array_equal(painted(painter, StyleImage(image=pictures[0]), request=uncontrolled), one.image)


def test_inpainting_is_styled_and_the_rest_stays(painter: Painter, pictures: tuple[str, str], tmp_path: Path) -> None:
    Image.effect_noise((64, 64), 50).convert("RGB").save(tmp_path / "picture.png")
    given = REQUEST.model_dump() | {"entities": (RIGHT,), "image": str(tmp_path / "picture.png"), "feather": 1}
    bare, own = (
        np.asarray(painter.paint(InpaintRequest(**given | {"style_images": styles})).image)
        for styles in ((), (StyleImage(image=pictures[0]), StyleImage(image=pictures[1], entity="dog-1")))
    )
    assert np.array_equal(bare[:, :32], own[:, :32])
    assert not np.array_equal(bare[:, 32:], own[:, 32:])


def test_the_pipeline_is_as_before(painter: Painter, pictures: tuple[str, str]) -> None:
    transformer = painter.model.pipeline.transformer
    processors, weights = dict(transformer.attn_processors), transformer.state_dict()
    values = {name: weight.clone() for name, weight in weights.items()}
    bare = painted(painter)
    painted(painter, StyleImage(image=pictures[0]), StyleImage(image=pictures[1], entity="dog-1"))
    after = transformer.attn_processors
    assert list(after) == list(processors)
    assert all(after[name] is processor for name, processor in processors.items())
    assert list(transformer.state_dict()) == list(values)
    assert all(torch.equal(weight, values[name]) for name, weight in transformer.state_dict().items())
    assert np.array_equal(painted(painter), bare)


# -- what is remembered


def test_a_styled_picture_is_painted_again_from_its_file(
    painter: Painter, pictures: tuple[str, str], tmp_path: Path
) -> None:
    one = painter.paint(styled(StyleImage(image=pictures[0], scale=0.8), StyleImage(image=pictures[1], entity="cat-1")))
    assert one.request.versions["ip_adapter"] == painter.stylist.digest
    write_picture(one.image, one.request, tmp_path / "out.png")
    for name in pictures:
        Path(name).unlink()
    again = painter.paint(read_request(tmp_path / "out.png"))
    assert np.array_equal(again.image, one.image)
    assert not [line for line in again.notices if "other versions" in line]
    assert "ip_adapter" not in painter.paint(REQUEST).request.versions


def test_the_overlay_shows_the_references(pictures: tuple[str, str]) -> None:
    layout = styled(StyleImage(image=pictures[1]), StyleImage(image=pictures[1], entity="cat-1")).layout
    picture = Image.new("RGB", (64, 64), "blue")
    bare = draw_layout(picture, layout.model_copy(update={"style_images": ()}))
    sheet = draw_layout(picture, layout)
    assert sheet.width == bare.width
    strip = np.asarray(sheet)[bare.height :]
    orange = (np.abs(strip.astype(int) - (250, 90, 20)).max(axis=2) < 3).sum()
    assert orange == pytest.approx(2 * 54**2, rel=0.05)
    assert (strip == (230, 25, 75)).all(axis=2).any(), "a frame in the first entity's colour"


# -- image encoders


def test_siglip_as_published(tmp_path: Path) -> None:
    """Its vision tower's pooled output, on a square in -1..1, whatever the picture's form."""
    text = {**TOWER, "vocab_size": 60, "max_position_embeddings": 16, "projection_size": 16}
    text.pop("patch_size")
    torch.manual_seed(8)
    whole = SiglipModel(SiglipConfig(text_config=text, vision_config={**TOWER, "image_size": 24})).eval()
    whole.save_pretrained(tmp_path)
    encoder = ImageEncoder(tmp_path)
    picture = Image.effect_noise((24, 24), 80).convert("RGB")
    pixels = torch.from_numpy(np.asarray(picture) / 127.5 - 1).float().movedim(2, 0)[None]
    with torch.no_grad():
        expected = whole.vision_model(pixel_values=pixels).pooler_output[0]
    torch.testing.assert_close(encoder.embed(picture), expected, rtol=0, atol=1e-5)
    assert encoder.embed(picture.resize((70, 31))).shape == (encoder.width,) == (16,)


def test_texture_forgets_what_is_where(styled_dir: Path) -> None:
    """A mirrored picture is nearer in texture than one of other colours."""
    encoder = ImageEncoder(styled_dir / "clip", "texture")
    noise = Image.effect_noise((64, 64), 80).convert("RGB")
    mirrored, other = noise.transpose(Image.Transpose.FLIP_LEFT_RIGHT), Image.new("RGB", (64, 64), "red")
    first, same, far = (encoder.embed(image) for image in (noise, mirrored, other))
    assert first.shape == (encoder.width,)
    assert (first - same).norm() < 0.5 * (first - far).norm()


def test_other_models_are_no_image_encoders(tiny_model_dir: Path) -> None:
    with pytest.raises(UserError, match="an image encoder is one of clip, siglip"):
        ImageEncoder(tiny_model_dir / "text_encoder_2")


# -- what is missing


def test_a_profile_without_weights_says_what_to_do(profile: Profile, pictures: tuple[str, str], tmp_path: Path) -> None:
    for part in ("ip_adapter_file", "image_encoder_folder"):
        lacking = Painter(profile=replace(profile, **{part: tmp_path / "nowhere"}))
        with pytest.raises(ToolError, match=r"none at .*nowhere: train one with `python -m training.train_ip_adapter`"):
            lacking.paint(styled(StyleImage(image=pictures[0])))
        assert lacking.paint(REQUEST).image.size == (64, 64)


def test_a_download_that_fails_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = HubFiles(repository="some/where", revision="main", patterns=("a.bin",), endpoint="http://127.0.0.1:9")
    with pytest.raises(ToolError, match="ELIGEN_IP_ADAPTER_FILE"):
        _ = Stylist(profile=replace(FLUX_DEV, ip_adapter=gone)).file


def test_an_adapter_of_another_encoder_is_refused(profile: Profile, pictures: tuple[str, str]) -> None:
    pooled = Painter(profile=replace(profile, image_features="pooled"))
    with pytest.raises(UserError, match="trained with another image encoder"):
        pooled.paint(styled(StyleImage(image=pictures[0])))


def test_local_files_of_the_large_profile(styled_dir: Path, tmp_path: Path) -> None:
    environ = {
        "ELIGEN_IP_ADAPTER_FILE": str(styled_dir / "ip_adapter.safetensors"),
        "ELIGEN_IMAGE_ENCODER_DIR": str(styled_dir / "clip"),
    }
    chosen = get_profile("flux-dev", environ=environ)
    assert chosen.ip_adapter_file == styled_dir / "ip_adapter.safetensors"
    assert chosen.image_encoder_folder == styled_dir / "clip"
    beside = get_profile(model_dir=styled_dir)
    assert (beside.ip_adapter_file, beside.image_encoder_folder) == (
        chosen.ip_adapter_file,
        chosen.image_encoder_folder,
    )
    for name in environ:
        with pytest.raises(EligenError, match=r"no (IP-Adapter file|image encoder folder) at"):
            get_profile("flux-dev", environ={name: str(tmp_path / "nowhere")})


# -- the command line


def whole_folder(profile: Profile, tiny_model_dir: Path, folder: Path) -> Path:
    """Return a model folder that holds everything, as the shipped one does."""
    for path in (*tiny_model_dir.iterdir(), profile.ip_adapter_file, profile.image_encoder_folder):
        assert path is not None
        (folder / path.name).symlink_to(path)
    return folder


def test_design_and_render_with_style_images(
    profile: Profile, tiny_model_dir: Path, pictures: tuple[str, str], tmp_path: Path
) -> None:
    (folder := tmp_path / "model").mkdir()
    model = ["--model-dir", str(whole_folder(profile, tiny_model_dir, folder))]
    out, again = tmp_path / "out.png", tmp_path / "again"
    options: list[Any] = ["--seed", "1", "--size", "64x64", "--steps", "2", "--out", str(out), *model]
    references = ["--style-image", pictures[0], "--style-image", pictures[1], "--style-scale", "0.6"]
    assert main(["design", "a cat on the left of a dog", *options, *references]) == 0
    written = json.loads(out.with_suffix(".json").read_text())
    assert written["style_images"] == [
        {"image": "out@style-1.png", "scale": 0.6},
        {"image": "out@style-2.png", "scale": 0.6},
    ]
    assert main(["render", "--input", str(out), "--out", str(again), *model]) == 0
    assert np.array_equal(Image.open(again / "out.png"), Image.open(out))


def test_style_images_that_cannot_be_read_are_refused(
    pictures: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["design", "a cat", "--out", str(tmp_path / "out.png"), "--style-image"]
    (tmp_path / "words.png").write_text("words")
    for name, says in (("missing.png", "no image at"), ("words.png", "is not an image")):
        assert main([*command, str(tmp_path / name)]) == 2
        assert says in capsys.readouterr().err
    assert main([*command, pictures[0], "--style-scale", "3"]) == 2
    assert not (tmp_path / "out.png").exists()


# -- in a conversation


class AsThePicture:
    """A planner that composes a scene first, takes over the style of what is attached, and moves the cat otherwise."""

    def plan(self, text: str, context: Context) -> Plan:
        if context.layout is None:
            return Plan(reply="", edits=(Compose(layout=REQUEST.layout),))
        if context.attachments:
            return Plan(reply="", edits=(Style(reference=context.attachments[0]),))
        return Plan(reply="", edits=(Move(ids=("cat-1",), dx=0.2),))


def test_a_conversation_in_the_style_of_an_attachment(
    profile: Profile, painter: Painter, pictures: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELIGEN_HOME", str(tmp_path / "home"))
    options: dict[str, Any] = {"size": (64, 64), "seed": 3, "profile": profile.name, "steps": 2}
    with Session.open("s", planner=AsThePicture(), painter=painter, **options) as session:
        first, plain = session.send("a cat and a dog"), session.picture
        second = session.send("in the style of this picture", [Path(pictures[0])])
        styled_picture = session.picture
        Path(pictures[0]).unlink()
        third = session.send("move the cat")
        assert (first.tools, second.tools, third.tools) == (("generate",), ("style",), ("inpaint",))
        assert [style.scale for style in session.layout.style_images] == [1.0]
        before, after = (np.asarray(Image.open(picture)) for picture in (plain, styled_picture))
        assert not np.array_equal(before, after)
