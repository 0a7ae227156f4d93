"""Entity transfer on a tiny model: the canvas, what of the picture changes, and models that are as before."""

from collections.abc import Iterator
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

from eligen.tools import inpainting, transfer
from eligen.tools.errors import ToolError, UserError
from eligen.tools.generation import Painted, Painter
from eligen.tools.manifest import sha256_of
from eligen.tools.measures import difference_outside
from eligen.tools.metadata import write_picture
from eligen.tools.profiles import FLUX_DEV, get_profile
from eligen.tools.requestfiles import read_request, read_requests
from eligen.tools.requests import PanelOrigin, Request, TransferRequest
from training.latents import positions

SIDE = 64
CAT, DOG = [0.1, 0.25, 0.4, 0.7], [0.55, 0.3, 0.95, 0.9]


@pytest.fixture(scope="module")
def weights(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An In-Context LoRA for the tiny model."""
    path = tmp_path_factory.mktemp("in-context") / "in_context_lora.safetensors"
    transformer = FluxTransformer2DModel.from_pretrained(tiny_model_dir, subfolder="transformer")
    save_file(peft_lora(transformer, scale=0.1), path)
    return path


@pytest.fixture(scope="module")
def painter(tiny_model_dir: Path, weights: Path) -> Painter:
    return Painter(profile=replace(get_profile("mini", model_dir=tiny_model_dir), in_context_file=weights, width=SIDE))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a picture of soft colours and two references."""
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    pixels = np.stack([80 + 90 * rows, 120 + 60 * columns, 200 - 80 * rows * columns], axis=2)
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "picture.png")
    for name, colour in (("red", (200, 30, 30)), ("blue", (20, 40, 210))):
        Image.new("RGB", (40, 24), colour).save(tmp_path / f"{name}.png")
    return tmp_path


def request(files: Path, **changes: Any) -> TransferRequest:
    fields = {"id": "x", "prompt": "a cat on the grass", "width": SIDE, "height": SIDE, "seed": 4, "steps": 2}
    fields |= {"feather": 4, "image": str(files / "picture.png"), "entities": [cat(files)]}
    return TransferRequest.model_validate(fields | changes)


def cat(files: Path, **changes: Any) -> dict[str, Any]:
    return {"prompt": "a cat", "box": CAT, "reference": str(files / "red.png")} | changes


def changed(files: Path, painted: Painted) -> np.ndarray:
    return np.any(np.asarray(Image.open(files / "picture.png")) != np.asarray(painted.image), axis=2)


def state(painter: Painter) -> Iterator[Any]:
    """Everything of the pipeline that a call could leave behind."""
    pipeline = painter.model.pipeline
    yield pipeline.get_list_adapters()
    yield pipeline.get_active_adapters()
    yield {name: type(processor) for name, processor in pipeline.transformer.attn_processors.items()}
    yield {name: type(module) for name, module in pipeline.transformer.named_modules()}
    yield {name: weight.clone() for name, weight in pipeline.transformer.state_dict().items()}


# -- the picture


@pytest.mark.parametrize(
    "changes",
    [{}, {"context": 1.0}, {"context": 16.0}, {"panel": 96}, {"control": "none"}, {"grow": 6}, {"feather": 0}],
    ids=str,
)
def test_what_is_outside_the_mask_is_bit_for_bit_as_it_was(painter: Painter, files: Path, changes: Any) -> None:
    painted = painter.paint(request(files, **changes))
    mask = np.asarray(painted.mask) > 0
    assert difference_outside(Image.open(files / "picture.png"), painted.image, mask) == 0
    assert changed(files, painted)[mask].mean() > 0.5
    grown = changes.get("grow", 0)
    assert mask.sum() == (20 + 2 * grown) * (29 + 2 * grown)


def test_the_reference_and_the_lora_matter(painter: Painter, files: Path) -> None:
    requests = [
        request(files),
        request(files, entities=[cat(files, reference=str(files / "blue.png"))]),
        request(files, in_context={"name": "in_context_lora", "weight": 0}),
        request(files, in_context={"name": "in_context_lora", "weight": 0.5}),
        request(files, template="{entity} on the right, {scene}"),
        request(files, origin="canvas"),
        request(files, context=4.0),
    ]
    pictures = [painter.paint(one).image.tobytes() for one in requests]
    assert len(set(pictures)) == len(requests)
    assert [painter.paint(one).image.tobytes() for one in reversed(requests)] == pictures[::-1]


def test_several_things_each_of_its_own_reference_one_after_the_other(painter: Painter, files: Path) -> None:
    dog = {"prompt": "a dog", "box": DOG, "reference": str(files / "blue.png")}
    told: list[tuple[int, int]] = []
    both = painter.paint(
        request(files, entities=[cat(files), dog]), on_step=lambda done, total, preview: told.append((done, total))
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    first = painter.paint(request(files))
    first.image.save(files / "first.png")
    second = painter.paint(request(files, image=str(files / "first.png"), entities=[dog]))
    assert second.image.tobytes() == both.image.tobytes()
    assert np.array_equal(np.asarray(both.mask), np.maximum(np.asarray(first.mask), np.asarray(second.mask)))


def test_the_last_step_foretells_the_picture(painter: Painter, files: Path) -> None:
    seen: list[Image.Image] = []
    painted = painter.paint(request(files), on_step=lambda done, total, preview: seen.append(preview()))
    assert seen[-1].tobytes() == painted.image.tobytes()
    assert seen[0].size == (SIDE, SIDE)


def test_only_the_region_less_what_is_in_front_is_painted(painter: Painter, files: Path) -> None:
    painted = painter.paint(request(files, region=[[0.0, 0.0, 0.25, 1.0]], keep=[[0.1, 0.5, 0.25, 0.7]]))
    mask = np.asarray(painted.mask) > 0
    assert mask.any()
    assert not mask[:, 16:].any()
    assert not mask[36:44, 8:14].any()  # a tiny Sam is not sure: the whole box is kept
    nothing = painter.paint(request(files, region=[[0.9, 0.9, 1.0, 1.0]]))
    assert not changed(files, nothing).any()
    assert nothing.notices == ("'a cat' is not painted: nothing of its place may be",)


# -- the canvas


def area(x0: int, y0: int, x1: int, y1: int, width: int = SIDE, height: int = SIDE) -> torch.Tensor:
    found = torch.zeros(height, width, dtype=torch.bool)
    found[y0:y1, x0:x1] = True
    return found


def test_the_canvas_shows_the_reference_and_the_emptied_picture(files: Path) -> None:
    one = request(files, panel=SIDE, context=16.0, template="{entity} and {entity}, {scene}", background="on the grass")
    picture = inpainting.opened(one)
    canvas = transfer.prepared(one, one.entities[0], picture, area(8, 16, 24, 40))
    assert canvas.canvas.size == (2 * SIDE, SIDE)
    assert canvas.canvas.getpixel((SIDE // 2, SIDE // 2)) == (200, 30, 30)
    right = np.asarray(canvas.canvas)[:, SIDE:].astype(int)
    outside = ~area(8, 16, 24, 40).numpy()
    assert np.array_equal(right[outside], np.asarray(picture, int)[outside])
    cells = np.asarray(canvas.mask) > 0
    assert cells.shape == (8, 16)
    assert not cells[:, :8].any()
    assert np.array_equal(np.argwhere(cells[:, 8:])[[0, -1]], [[2, 1], [4, 2]])
    assert canvas.request.prompt == "a cat and a cat, on the grass"
    assert len(canvas.request.entities) == 1


@pytest.mark.parametrize(("origin", "corner"), [("canvas", (0, 0)), ("picture", (0, -SIDE))])
def test_positions_count_from_the_canvas_or_from_the_picture(
    files: Path, origin: PanelOrigin, corner: tuple[int, int]
) -> None:
    one = request(files, panel=SIDE, template="{entity}", origin=origin)
    canvas = transfer.prepared(one, one.entities[0], inpainting.opened(one), area(8, 16, 24, 40))
    assert canvas.arguments["origin"] == corner


def test_mini_is_painted_with_the_positions_that_it_is_trained_with(painter: Painter, files: Path) -> None:
    seen: list[torch.Tensor] = []
    hook = painter.model.pipeline.transformer.register_forward_pre_hook(
        lambda _, args, given: seen.append(given["img_ids"]), with_kwargs=True
    )
    with hook:
        painter.paint(request(files, steps=1, panel=None))
    side = SIDE // 16
    assert torch.equal(seen[0], positions(side, 2 * side, "cpu", -side))


@pytest.mark.parametrize(
    ("mask", "size", "panel", "context", "window"),
    [
        (area(8, 16, 24, 40), (64, 64), 64, 16, (0, 0, 64, 64)),
        (area(8, 16, 24, 40), (64, 64), 64, 1, (4, 16, 28, 40)),
        (area(8, 16, 24, 40), (64, 64), 64, 2, (0, 4, 48, 52)),
        (area(56, 0, 64, 8), (64, 64), 64, 4, (32, 0, 64, 32)),
        (area(0, 0, 128, 8, 128, 64), (128, 64), 64, 1, (0, 0, 128, 64)),
        (area(100, 30, 110, 40, 128, 64), (128, 64), 64, 2, (85, 25, 125, 45)),
    ],
)
def test_the_window_lies_around_the_mask(
    mask: torch.Tensor, size: tuple[int, int], panel: int, context: float, window: tuple[int, ...]
) -> None:
    one = TransferRequest.model_construct(width=size[0], height=size[1], panel=panel)
    sides = transfer.panel_size(one)
    found = transfer.window_of(mask, sides, context)
    x0, y0, x1, y1 = found
    assert mask.sum() == mask[y0:y1, x0:x1].sum()
    assert 0 <= x0 < x1 <= size[0]
    assert 0 <= y0 < y1 <= size[1]
    assert found == pytest.approx(window, abs=2)


@pytest.mark.parametrize(
    ("size", "panel", "sides"),
    [((1024, 1024), 1024, (1024, 1024)), ((736, 1024), 1024, (864, 1200)), ((2048, 512), 1024, (2048, 512)),
     ((2048, 2048), 1024, (1024, 1024)), ((128, 128), 128, (128, 128)), ((64, 128), 128, (96, 176))],
)  # fmt: skip
def test_panels_have_the_picture_s_aspect_on_one_area(
    size: tuple[int, int], panel: int, sides: tuple[int, int]
) -> None:
    assert transfer.panel_size(TransferRequest.model_construct(width=size[0], height=size[1], panel=panel)) == sides


def test_a_reference_is_fitted_and_laid_on_a_ground_it_shows_on() -> None:
    wide = transfer.reference_panel(Image.new("RGB", (80, 20), (10, 200, 10)), (32, 32))
    assert wide.size == (32, 32)
    assert set(wide.get_flattened_data()) == {(10, 200, 10)}
    for colour, ground in (((250, 250, 250), 40), ((20, 20, 20), 255)):
        logo = Image.new("RGBA", (60, 60))
        logo.paste((*colour, 255), (20, 20, 40, 40))
        panel = transfer.reference_panel(logo, (32, 32))
        assert panel.getpixel((16, 16)) == colour
        assert panel.getpixel((0, 0)) == (ground,) * 3
        assert np.asarray(panel.convert("L"))[16, 4:28].astype(int)[[3, -4]].tolist() == [colour[0]] * 2


# -- requests and weights


def test_a_transfer_is_painted_again_from_its_files(painter: Painter, files: Path) -> None:
    painted = painter.paint(request(files, steps=None, panel=None))
    resolved = painted.request
    assert isinstance(resolved, TransferRequest)
    assert resolved.template == painter.profile.two_panels
    assert (resolved.panel, resolved.origin) == (SIDE, "picture")
    assert painter.profile.in_context_file is not None
    assert resolved.in_context.sha256 == sha256_of(painter.profile.in_context_file)
    (files / "out").mkdir()
    write_picture(painted.image, resolved, files / "out" / "x.png")
    for name in ("picture.png", "red.png"):
        (files / name).unlink()
    (files / "out").rename(files / "there")
    for name in ("x.png", "x.json"):
        again = painter.paint(read_request(files / "there" / name))
        assert again.image.tobytes() == painted.image.tobytes()
        assert again.notices == ()


def test_a_line_with_an_image_and_references_is_a_transfer(files: Path) -> None:
    line = '{"id":"a","prompt":"a cat","width":64,"height":64,"seed":1,"image":"picture.png","entities":[%s]}'
    thing = '{"prompt":"a cat","box":[0,0,0.5,0.5],"reference":%s}'
    for reference, kind in (('"red.png"', "TransferRequest"), ("null", "InpaintRequest")):
        (files / "lines.jsonl").write_text(line % (thing % reference))
        (one,), _ = read_requests(files / "lines.jsonl")
        assert type(one).__name__ == kind
    (files / "lines.jsonl").write_text(line % (thing % '"nowhere.png"'))
    with pytest.raises(UserError, match=r"no image at .*nowhere"):
        read_requests(files / "lines.jsonl")


def test_requests_come_back_as_what_they_were(files: Path) -> None:
    from pydantic import TypeAdapter

    adapter: TypeAdapter[Any] = TypeAdapter(Request)
    one = request(files, region=[CAT])
    assert adapter.validate_json(one.model_dump_json(exclude_none=True)) == one
    assert type(adapter.validate_json(one.model_dump_json(exclude_none=True))) is TransferRequest


@pytest.mark.parametrize("entities", [[], [{"prompt": "a cat", "box": CAT}]])
def test_a_transfer_needs_references(files: Path, entities: list[Any]) -> None:
    with pytest.raises(ValueError, match="each with a reference picture"):
        request(files, entities=entities)


def test_the_models_are_as_before_even_after_a_cancel(painter: Painter, files: Path) -> None:
    def cancel(done: int, total: int, preview: Any) -> None:
        raise KeyboardInterrupt

    before = list(state(painter))
    painter.paint(request(files))
    with pytest.raises(KeyboardInterrupt):
        painter.paint(request(files), on_step=cancel)
    *known, weights = state(painter)
    assert known == before[:-1]
    assert weights.keys() == before[-1].keys()
    assert all(torch.equal(weight, before[-1][name]) for name, weight in weights.items())


def test_without_weights_it_is_said_what_to_do(painter: Painter, files: Path) -> None:
    bare = Painter(profile=replace(painter.profile, in_context_file=files / "nowhere.safetensors"))
    with pytest.raises(ToolError, match=r"no.* In-Context LoRA.*nowhere.*training.train_in_context") as error:
        bare.paint(request(files))
    assert "\n" not in str(error.value)
    with_none = {"name": "in_context_lora", "weight": 0}
    assert bare.paint(request(files, in_context=with_none)).image.size == (SIDE, SIDE)


def test_the_published_file_and_its_wording() -> None:
    assert FLUX_DEV.in_context is not None
    assert FLUX_DEV.in_context.patterns == ("visual-identity-design.safetensors",)
    assert "[LEFT]" in FLUX_DEV.two_panels
    assert "[RIGHT]" in FLUX_DEV.two_panels


def test_a_reference_without_a_picture_to_go_into_is_told(painter: Painter, files: Path) -> None:
    from eligen.tools.requests import GenerateRequest

    fields = {"prompt": "a cat", "width": SIDE, "height": SIDE, "seed": 1, "steps": 1, "entities": [cat(files)]}
    (line,) = painter.paint(GenerateRequest.model_validate(fields)).notices
    assert line.startswith("the reference of 'a cat' was not used")
